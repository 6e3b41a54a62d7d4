"""Records with known figures, for tests of whatever reads one."""

from collections.abc import Mapping

from asgi_anatomy.machine.machine import Machine, Python
from asgi_anatomy.turns.record import Bench, Load, Row, Window
from tests.stats import machine

PYTHON = Python(
    version="3.13.1", implementation="CPython", compiler="", optimised=True, lto=True, debug=False, free_threaded=False,
    jit=False,
)  # fmt: skip
XEON = Machine(cpu="Xeon", cores=2, memory_gib=8.0, system="Linux 6", load=[0.1])
BEFORE = {"low": 10.0, "middle": 25.0, "high": 60.0}
"""Microseconds of CPU time per request."""


def plain(**rps: list[int]) -> Bench:
    """A ladder of the layers named, each on the one before, with a plain window of 1 s for each figure."""
    names = [*rps]
    return Bench(
        load=Load(),
        layers=[Row(name=name, on=on) for name, on in zip(names, [None, *names], strict=False)],
        windows=[
            Window(layer=name, round=place, requests=count, duration_us=1_000_000)
            for name, counts in rps.items()
            for place, count in enumerate(counts)
        ],
    )


def by_turns(seed: int, costs: Mapping[str, float], speed: float = 1.0, rounds: int = 12) -> Bench:
    """Turns of layers with so many microseconds a request, each on the one before, on a machine of some speed."""
    slower = {name: speed * cost for name, cost in costs.items()}
    made = machine.Machine(seed, slower, instances=0.002, noise=0.002).record(rounds, cycles=8)
    made.python, made.contract, made.packages = PYTHON, "c", {"starlette": "1"}
    return made
