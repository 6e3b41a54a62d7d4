"""A simulated machine with a neighbour: two speeds, programs that suffer differently, and a sensor that sees it."""

import numpy as np

from bench.data.load import Load
from bench.data.record import Bench, Row
from bench.data.window import Take, Window

COSTS = {"low": 12.1, "middle": 30.1, "high": 52.0, "other": 76.0, "top": 138.8}
"""Microseconds per request on an undisturbed core."""
ON = {"middle": "low", "high": "middle", "other": "high", "top": "high"}
FAST, SLOW = 35.0, 62.0
SUFFER = {"low": 0.85, "middle": 1.0, "high": 1.1, "other": 1.07, "top": 0.87}
"""Share of the sensor's loss of speed that each has."""
STRAINED = {"low": 0.5, "middle": 0.58, "high": 0.44, "other": 0.52, "top": 0.34}
"""Share of wrk's own strain that each has: what slows both cores, and no sensor sees."""
TICK, TURN = 0.004, 0.02  # seconds
CLIENT = 9000.0
"""Nanoseconds of wrk per request, on a calm machine."""
BESIDE = 1.1
"""What sharing a core costs, in either of two."""


class Machine:
    """Its speed goes on and off for tenths of a second to many seconds; its servers live for a round."""

    def __init__(
        self, seed: int, busy: float | None = None, suffer: dict[str, float] = SUFFER, strain: float = 0
    ) -> None:
        self.chance = np.random.default_rng(seed)
        self.busy = float(self.chance.uniform(0.1, 0.8)) if busy is None else busy
        self.suffer = suffer
        self.strain = strain
        self.slow, self.left = False, 0.0
        self.instances: dict[str, float] = {}
        self.speed = 0.0
        self.record = Bench(
            load=Load(),
            layers=[Row(name=name, on=ON.get(name)) for name in COSTS],
            sensor_ms=16,
        )
        self.rounds = 0
        self.takes = 0

    def states(self, seconds: float) -> np.ndarray:
        """Whether the core is slow at each tick of the next seconds."""
        found = np.zeros(round(seconds / TICK), bool)
        for place in range(len(found)):
            if self.left <= 0:
                self.slow = bool(self.chance.random() < self.busy)
                self.left = float(np.exp(self.chance.normal(-0.3, 1.2)))  # median 0.74 s, from 0.1 to 8
            found[place] = self.slow
            self.left -= TICK
        return found

    def begin(self) -> None:
        """Start all servers."""
        self.instances = {name: float(self.chance.normal(0, 0.005)) for name in COSTS}
        self.speed = float(self.chance.normal(0, 0.01))
        self.rounds += 1
        self.states(2)

    def window(self, names: tuple[str, ...], seconds: float = 2, pair: str | None = None) -> None:
        """One window, or two side by side."""
        self.takes += 1
        slow = self.states(seconds)
        turns = (np.arange(len(slow)) * TICK / TURN + self.chance.random()).astype(int) % len(names)
        common = float(self.chance.normal(0, 0.01))
        strain = self.strain * float(self.chance.uniform(0.5, 2)) if self.strain and self.chance.random() < 0.6 else 0.0
        for place, name in enumerate(names):
            mine = slow[turns == place]
            speed = np.where(mine, 1 - self.suffer[name] * (1 - FAST / SLOW), 1.0).mean()
            noise = self.instances[name] + self.speed + common + float(self.chance.normal(0, 0.012))
            noise += strain * STRAINED[name]
            cost = COSTS[name] * (BESIDE if pair else 1) / speed * float(np.exp(noise))
            cpu = seconds / len(names)
            requests = round(cpu * 1e6 / cost * 100)
            client = CLIENT * requests * float(np.exp(strain + self.chance.normal(0, 0.02))) if self.strain else None
            self.record.windows.append(
                Window(
                    layer=name, pair=pair, round=self.rounds, take=self.takes, requests=requests,
                    client_cpu_ns=round(client) if client else None,
                    duration_us=round(seconds * 1e6 * 100), server_cpu_ns=round(cpu * 1e9 * 100),
                )
            )  # fmt: skip
        seen = slow[:: round(0.016 / TICK)]
        readings = np.where(seen, SLOW, FAST) * np.exp(self.chance.normal(0, 0.03, len(seen)))
        readings *= np.where(self.chance.random(len(seen)) < 0.01, 1.8, 1.0)
        self.record.takes.append(Take(number=self.takes, readings=[round(10 * each) for each in readings]))
        self.states(0.1)


def run(
    seed: int,
    rounds: int = 5,
    windows: int = 2,
    busy: float | None = None,
    suffer: dict[str, float] = SUFFER,
    strain: float = 0,
) -> Bench:
    """A run: in each round so many windows of each pair, and one or two layers' solo ones."""
    machine = Machine(seed, busy, suffer, strain)
    for _ in range(rounds):
        machine.begin()
        steps: list[tuple[tuple[str, ...], float, str | None]] = [
            ((on, name), 2, name) for name, on in ON.items() for _ in range(windows)
        ]
        steps += [((name,), 1, None) for name in COSTS]
        for place in machine.chance.permutation(len(steps)):
            machine.window(*steps[place])
    return machine.record
