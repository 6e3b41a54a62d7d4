"""A record of the default ladder, as `make bench` makes one: turns and plain windows, of a simulated machine."""

from datetime import UTC, datetime, timedelta

from asgi_anatomy.turns.record import Bench, Latency, Layers, Window
from tests.records import PYTHON, XEON
from tests.stats.machine import LADDER, Machine

WAKING_US, SLEEPS = 15.0, 0.9
"""What a plain wrk costs starlette and all above it per request, and how often it sleeps then."""


def ladder(seed: int = 1, rounds: int = 6, two_speeds: bool = False, like: Layers | None = None) -> Bench:
    """Rounds of turns of which the last two end with plain windows, made where and with what another record was."""
    made = Machine(seed, two_speeds=two_speeds).record(rounds)
    made.layers[-1].on = "starlette"
    made.made = datetime(2026, 1, 1, tzinfo=UTC)
    for place, each in enumerate(made.rounds):
        each.start = made.made + timedelta(seconds=8 * place)
    made.windows = [plain(name, cost, place) for place in (rounds - 2, rounds - 1) for name, cost in LADDER.items()]
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


def plain(name: str, cost: float, place: int) -> Window:
    """A plain window of a second that fills a core."""
    wakes = name not in ("asyncio", "uvicorn")
    whole = cost + WAKING_US if wakes else cost
    count = round(1e6 / whole) - 64
    waits = round(64 * whole) + place
    return Window(
        layer=name, round=place, requests=count, duration_us=1_000_000, unanswered=64,
        server_cpu_ns=round(1000 * whole * (count + 64)),
        client_sleeps=round(SLEEPS * count) if wakes else 0,
        latency_us=Latency(p50=waits, p90=2 * waits, p99=3 * waits, p999=4 * waits, max=5 * waits),
    )  # fmt: skip
