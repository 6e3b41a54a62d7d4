"""A simulated machine: records of turns as a real one gives them, whose truth is known."""

import math
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from asgi_anatomy.turns.record import Bench, Instance, Load, Round, Row, Turn

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


class Machine:
    """Makes rounds of turns. `instances` and `noise` are standard deviations: of a server's cost from one start to the
    next, and of a turn's cost. With `two_speeds` its core is slow half of the time.
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
        return ladder(self.costs, [self.round(cycles) for _ in range(rounds)])

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


def ladder(costs: Mapping[str, float], rounds: Sequence[Round]) -> Bench:
    """A record of these rounds, each layer on the one before."""
    names = [*costs]
    rows = [Row(name=name, on=on) for name, on in zip(names, [None, *names], strict=False)]
    return Bench(load=Load(), layers=rows, turn_ms=round(TURN * 1000), rounds=[*rounds])


def log_ratio(costs: Mapping[str, float], name: str, on: str) -> float:
    """The truth: ln(rps(layer) / rps(on))."""
    return math.log(costs[on] / costs[name])
