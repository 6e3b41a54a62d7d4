"""Records with known figures, for tests of whatever reads one."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asgi_anatomy.history.record import CountedRelease, Host, ReleaseSpec
from asgi_anatomy.machine.machine import Machine, Python
from asgi_anatomy.turns.record import (
    Bench,
    Counts,
    Frame,
    Instance,
    Latency,
    Layers,
    Load,
    Measured,
    Round,
    Row,
    Turn,
    Window,
    now,
)  # fmt: skip
from asgi_anatomy.versus.record import Compared, ServedSide, Versus

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
    made = Simulation(seed, slower, instances=0.002, noise=0.002).record(rounds, cycles=8)
    made.python, made.contract, made.packages = PYTHON, "c", {"starlette": "1"}
    return made


KERNEL_US = 4.0
"""What a request costs every layer in the kernel, by turns."""
WAKING_US, SLEEPS = 15.0, 0.9
"""What a plain wrk costs starlette and all above it per request, and how often it sleeps then."""


def ladder(seed: int = 1, rounds: int = 6, two_speeds: bool = False, like: Layers | None = None) -> Bench:
    """Rounds of turns of which the last two end with plain windows, made where and with what another record was."""
    made = Simulation(seed, two_speeds=two_speeds).record(rounds)
    made.layers[-1].on = "starlette"
    made.made = datetime(2026, 1, 1, tzinfo=UTC)
    for place, each in enumerate(made.rounds):
        each.start = made.made + timedelta(seconds=8 * place)
    made.windows = [window(name, cost, place) for place in (rounds - 2, rounds - 1) for name, cost in LADDER.items()]
    sampled(made, lambda name: KERNEL_US / LADDER[name])
    made.ladder, made.budget, made.seconds, made.precision = "default", 60.0, 8.0 * rounds, 5.0
    made.machine, made.python, made.contract, made.packages = XEON, PYTHON, "c", {"starlette": "1.0"}
    if like:
        made.machine, made.python, made.contract, made.packages = (
            like.machine,
            like.python,
            like.contract,
            like.packages,
        )
    return made


def window(name: str, cost: float, place: int) -> Window:
    """A plain window of a second that fills a core."""
    wakes = name not in ("asyncio", "uvicorn")
    whole = cost + WAKING_US if wakes else cost
    count = round(1e6 / whole) - 64
    waits = round(64 * whole) + place
    return Window(
        layer=name, round=place, requests=count, duration_us=1_000_000, unanswered=64,
        server_cpu_ns=round(1000 * whole * (count + 64)), user_ns=round(1000 * (cost - KERNEL_US) * (count + 64)),
        system_ns=round(1000 * (whole - cost + KERNEL_US) * (count + 64)),
        client_sleeps=round(SLEEPS * count) if wakes else 0,
        latency_us=Latency(p50=waits, p90=2 * waits, p99=3 * waits, p999=4 * waits, max=5 * waits),
    )  # fmt: skip


HOST = Host(name="one", cpu="", system="", build="", libc="", anchor=100_000.0)


def release(
    version: str,
    own: float,
    below: float = 2000,
    *,
    package: str = "fastapi",
    copy: int = 0,
    gap: str = "",
    **more: Any,
) -> CountedRelease:
    """A release that does so much by itself, and has so much done."""
    tree = Frame("", "", 0, 0, [Frame(package, "get", 1, own), Frame("starlette", "route", 1, below)])
    counts = Counts(
        layer="fastapi", bytecodes={package: own, "starlette": below}, tree=tree,
        instructions=[{"interpreter": 100 * (own + below), "pydantic-core": more.pop("core", 500.0)}],
    )  # fmt: skip
    wanted = ReleaseSpec(
        package=package, version=version, layer="fastapi", deps="newest", python="3.13.0", lock="", served="",
        contract="", when=more.pop("when", "2026-11"), copy=copy,
    )  # fmt: skip
    found: dict[str, Any] = {
        "wanted": wanted,
        "made": now(),
        "host": HOST,
        "gap": gap,
        "counts": Counts(layer="fastapi"),
    }
    return CountedRelease(**(found | ({} if gap else {"counts": counts}) | more))


def counted(instructions: float, bytecodes: float) -> Counts:
    tree = Frame("", "", 0, 0, [Frame("pack", "work", 1, bytecodes)])
    return Counts(
        layer="x", instructions=[{"libc": instructions}], bytecodes={"pack": bytecodes}, calls={"pack": 1}, tree=tree
    )


def layer(name: str, a: Counts, b: Counts) -> Compared:
    return Compared(layer=name, a=ServedSide(exact=True, counts=a), b=ServedSide(exact=True, counts=b))


def versus(*layers: Compared, again: Counts | None = None) -> Versus:
    record = Versus(a=["pack 1"], b=["pack 2"], limit=0.2, threshold=1.0, layers=[*layers])
    if again:
        record.floor_layer, record.floor = layers[0].layer, again
    return record


LADDER = {"asyncio": 6.0, "uvicorn": 17.0, "starlette": 27.5, "dumproute": 45.0, "fastapi": 90.0}
"""Microseconds of CPU time per request."""
CLIENT_US = 3.0
"""What the client takes of the same core, per request."""
SIZE = 166
"""Bytes of an answer."""
UNREAD = 64
"""Answers that the client has not read when its turn ends, at most."""
TURN, BETWEEN = 0.1, 0.003
"""Seconds of a turn, and from one to the next."""
SLOW = (1.45, 1.55)
"""How many times as slow layers are on a core at its slow speed, by turns."""
DWELL = 1.0
"""Seconds that a core with two speeds keeps one, on average."""
MADE = datetime(2026, 1, 1, tzinfo=UTC)


class Simulation:
    """A machine that makes rounds of turns whose truth is known: `instances` and `noise` are the standard deviations
    of a server's cost from one start to the next, and of a turn's cost; with `two_speeds` its core is slow half of the
    time.
    """

    def __init__(
        self,
        seed: int,
        costs: Mapping[str, float] = LADDER,
        *,
        instances: float = 0.006,
        noise: float = 0.02,
        two_speeds: bool = False,
    ) -> None:
        self.chance = random.Random(seed)
        self.costs = costs
        self.instances = instances
        self.noise = noise
        self.two_speeds = two_speeds
        self.slow = two_speeds and self.chance.random() < 0.5
        self.left = self.chance.expovariate(1 / DWELL)

    def record(self, rounds: int, cycles: int = 8) -> Bench:
        """A ladder, each layer on the one before."""
        return ladder_of(self.costs, [self.round(cycles) for _ in range(rounds)])

    def round(self, cycles: int = 8) -> Round:
        """New instances, and so many turns of each."""
        names = [*self.costs]
        costs = {name: cost * self.lognormal(self.instances) for name, cost in self.costs.items()}
        unread = {name: self.unread() for name in names}
        ended = dict.fromkeys(names, -TURN)
        turns: list[Turn] = []
        at = 0.0
        for cycle in range(cycles):
            for place in self.chance.sample(range(len(names)), len(names)):
                name = names[place]
                slow = self.passes(TURN)
                self.passes(BETWEEN)
                times = 1 - slow + slow / SLOW[place % len(SLOW)]
                cpu_us = TURN * 1e6 * costs[name] / (costs[name] + CLIENT_US)
                served = round(cpu_us / costs[name] * times * self.lognormal(self.noise))
                before, unread[name] = unread[name], min(self.unread(), served)
                turns.append(
                    Turn(
                        layer=name, cycle=cycle, at_us=round(at * 1e6), wall_us=round(TURN * 1e6),
                        span_us=round((at + TURN - ended[name]) * 1e6), cpu_ns=round(cpu_us * 1000),
                        bytes=SIZE * (served + before - unread[name]),
                        client_cpu_ns=round(1000 * served * CLIENT_US), sleeps=served // 64, client_sleeps=served // 64,
                    )
                )  # fmt: skip
                ended[name] = at + TURN
                at += TURN + BETWEEN
        counts = {name: sum(turn.bytes for turn in turns if turn.layer == name) // SIZE for name in names}
        instances = [
            Instance(layer=name, requests=count + 1000, bytes=SIZE * (count + 1000), idle_cpu_ns=0, idle_us=300_000)
            for name, count in counts.items()
        ]
        self.passes(self.chance.uniform(1, 3))
        return Round(start=MADE, seconds=at + 2.0, instances=instances, turns=turns)

    def passes(self, seconds: float) -> float:
        """So much time passes; returns the share of it that the core was slow."""
        slow, rest = 0.0, seconds
        while self.two_speeds and self.left < rest:
            slow += self.slow * self.left
            rest -= self.left
            self.slow, self.left = not self.slow, self.chance.expovariate(1 / DWELL)
        self.left -= rest
        return (slow + self.slow * rest) / seconds

    def lognormal(self, spread: float) -> float:
        """A factor about 1."""
        return math.exp(self.chance.gauss(0, spread))

    def unread(self) -> int:
        """How many answers lie unread at the end of a turn."""
        return self.chance.randint(0, UNREAD)


def sampled(made: Measured, kernel: Callable[[str], float], hertz: int = 250) -> None:
    """Divide the CPU time of each instance as a kernel would that has so many ticks a second; `kernel` is its share."""
    chance = random.Random(5)
    for round_ in made.rounds:
        for instance in round_.instances:
            spent = sum(turn.cpu_ns or 0 for turn in round_.turns if turn.layer == instance.layer)
            ticks = round(spent / 1e9 * hertz)
            hits = sum(chance.random() < kernel(instance.layer) for _ in range(ticks))
            instance.system_ns = round(spent * hits / ticks)
            instance.user_ns = spent - instance.system_ns


def ladder_of(costs: Mapping[str, float], rounds: Sequence[Round]) -> Bench:
    """A record of these rounds, each layer on the one before."""
    names = [*costs]
    rows = [Row(name=name, on=on) for name, on in zip(names, [None, *names], strict=False)]
    return Bench(load=Load(), layers=rows, turn_ms=round(TURN * 1000), rounds=[*rounds])


def log_ratio(costs: Mapping[str, float], name: str, on: str) -> float:
    """The truth: ln(rps(layer) / rps(on))."""
    return math.log(costs[on] / costs[name])
