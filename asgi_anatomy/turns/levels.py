"""Turns -> what a request costs each layer: CPU time, by round, at the speed of an undisturbed core.

A round's figure is the sum of CPU time over the sum of requests of its turns: what a client had not read at the end of
one turn it reads in the next, so in sums that cancels out. A round with more turns weighs more, but not by much:
instances differ, too, by as much as a turn or two.

On some machines a neighbour on the core's other hardware thread makes it slow for moments or minutes, by half or more,
and some programs more than others. A turn knows: its layer costs half as much again. Where the turns of a run fall into
two speeds, only those at the fast one count. docs/METHOD.md shows what that is worth.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

from asgi_anatomy.turns.estimate import Sample, combine, mean_of
from asgi_anatomy.turns.record import Measured, Round

APART = 0.15
"""By how much, as a logarithm, two speeds differ at least."""
CLEAR = 3.0
"""... and how many times more than turns of one speed scatter: where there is one, halves are 2.65 times apart."""
FEW = 0.05
"""A speed that fewer turns have is none."""
NEAR = 0.1
"""How far above the middle of the fast turns, as a logarithm, one may be and still count."""
LOW = 0.1
"""The share of a layer's turns below which they are certainly fast, if any are."""


class Speeds(msgspec.Struct, frozen=True):
    """The two speeds of a run's core."""

    fast: float
    """The middle of the fast turns, as a logarithm of what a turn costs over the LOW quantile of its layer's."""
    times: float
    """How many times as slow the other is."""
    slow: float
    """The share of the turns that do not count, 0 to 1."""


class Cost(msgspec.Struct, frozen=True):
    """One turn: CPU time without what the server uses when nobody asks it, in µs, and the requests answered."""

    layer: str
    round: int
    cpu_us: float
    requests: float
    at_us: int = 0
    """When it began, from the beginning of the round's first turn."""

    @property
    def log(self) -> float:
        """ln(µs per request)."""
        return math.log(self.cpu_us / self.requests)


class Levels:
    """What requests cost in a record, by layer. Figures are logarithms of µs, or ratios of them."""

    def __init__(self, record: Measured) -> None:
        self.idle = idle_shares(record.rounds)
        self.costs = [each for number, made in enumerate(record.rounds) for each in _costs(number, made, self.idle)]
        off = _slowness(self.costs)
        self.speeds = two_speeds(off)
        most = self.speeds.fast + NEAR if self.speeds else math.inf
        self.used = [cost for cost, each in zip(self.costs, off, strict=True) if each <= most]
        self.slow = [cost for cost, each in zip(self.costs, off, strict=True) if each > most]
        self._rounds = _by_round(self.used)

    def level(self, name: str) -> Sample | None:
        """ln(µs per request) of a layer, or None."""
        mine = self._rounds.get(name, {})
        weights = {each: 1 / (1 + 1 / count) for each, (_, count) in mine.items()}
        return mean_of({each: cost for each, (cost, _) in mine.items()}, weights)

    def ratio(self, name: str, on: str) -> Sample | None:
        """ln(CPU time of `on` / CPU time of the layer), from the rounds that have both; None where there is none."""
        own, below = self._rounds.get(name, {}), self._rounds.get(on, {})
        shared = own.keys() & below.keys()
        weights = {each: 1 / (1 + 1 / own[each][1] + 1 / below[each][1]) for each in sorted(shared)}
        return mean_of({each: below[each][0] - own[each][0] for each in weights}, weights)

    def added(self, name: str, on: str) -> Sample | None:
        """Microseconds per request that a layer adds to another."""
        below, ratio = self.level(on), self.ratio(name, on)
        return combine(lambda low, step: math.exp(low) * math.expm1(-step), below, ratio) if below and ratio else None


def idle_shares(rounds: Sequence[Round]) -> dict[str, float]:
    """What share of a core each server uses while nobody asks it anything: the median of rounds."""
    found: dict[str, list[float]] = {}
    for made in rounds:
        for each in made.instances:
            if each.idle_cpu_ns is not None and each.idle_us:
                found.setdefault(each.layer, []).append(each.idle_cpu_ns / 1000 / each.idle_us)
    return {name: median(shares) for name, shares in found.items()}


def _costs(number: int, made: Round, idle: Mapping[str, float]) -> list[Cost]:
    """The turns of a round that count. Where only the sum of a round is known, a layer has one, the whole round."""
    instances = {each.layer: each for each in made.instances if not each.fault and each.requests and each.bytes}
    found: list[Cost] = []
    whole: dict[str, Cost] = {}
    for turn in made.turns:
        mine = instances.get(turn.layer)
        if not mine or turn.cpu_ns is None:
            continue
        cpu = turn.cpu_ns / 1000 - idle.get(turn.layer, 0.0) * turn.span_us
        cost = Cost(turn.layer, number, cpu, turn.bytes * mine.requests / mine.bytes, turn.at_us)
        if mine.cpu_from == "waited":
            sofar = whole.get(turn.layer)
            if sofar:
                cost = Cost(turn.layer, number, cpu + sofar.cpu_us, cost.requests + sofar.requests, sofar.at_us)
            whole[turn.layer] = cost
        else:
            found.append(cost)
    return [each for each in (*found, *whole.values()) if each.cpu_us > 0 and each.requests > 0]


def _slowness(costs: Sequence[Cost]) -> list[float]:
    """How much dearer each turn was than the cheap ones of its layer, as a logarithm."""
    by_layer: dict[str, list[float]] = {}
    for each in costs:
        by_layer.setdefault(each.layer, []).append(each.log)
    cheap = {name: sorted(found)[int(LOW * len(found))] for name, found in by_layer.items()}
    return [each.log - cheap[each.layer] for each in costs]


def _by_round(costs: Sequence[Cost]) -> dict[str, dict[int, tuple[float, int]]]:
    """ln(µs per request) of each layer in each round, and from how many turns."""
    sums: dict[tuple[str, int], tuple[float, float, int]] = {}
    for each in costs:
        cpu, requests, count = sums.get((each.layer, each.round), (0.0, 0.0, 0))
        sums[each.layer, each.round] = cpu + each.cpu_us, requests + each.requests, count + 1
    found: dict[str, dict[int, tuple[float, int]]] = {}
    for (name, number), (cpu, requests, count) in sums.items():
        found.setdefault(name, {})[number] = math.log(cpu / requests), count
    return found


def two_speeds(slowness: Sequence[float]) -> Speeds | None:
    """The two speeds that turns fall into, by Otsu's threshold (IEEE Transactions SMC-9, 1979); None: there is one."""
    ordered = sorted(slowness)
    count, total = len(ordered), sum(ordered)
    if count < 2 or ordered[-1] - ordered[0] < APART:
        return None
    best, cut, below = -1.0, 1, 0.0
    for place in range(1, count):
        below += ordered[place - 1]
        apart = (total - below) / (count - place) - below / place
        if (between := place * (count - place) * apart * apart) > best:
            best, cut = between, place
    fast, slow = ordered[:cut], ordered[cut:]
    means = sum(fast) / len(fast), sum(slow) / len(slow)
    scatter = math.sqrt(sum((each - means[each >= slow[0]]) ** 2 for each in ordered) / count)
    apart, middle = means[1] - means[0], median(fast)
    if apart < max(APART, CLEAR * scatter) or min(len(fast), len(slow)) < FEW * count:
        return None
    return Speeds(middle, math.exp(median(slow) - middle), sum(each > middle + NEAR for each in ordered) / count)
