"""Turns -> what a request costs each layer: CPU time, by round, at the core's fast speed.

A round's figure is the sum of CPU time over the sum of requests of its turns: what a client had not read at the end of
one turn it reads in the next, so in sums that cancels out. A round with more turns weighs more, but not by much:
instances differ, too, by as much as a turn or two.

On some machines a neighbour on the core's other hardware thread makes it slow for moments or minutes, by half or more,
and some programs more than others. A turn knows: its layer costs half as much again. Where the turns of a run fall into
two speeds, only those at the fast one count. docs/METHOD.md shows what that is worth.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import msgspec

from asgi_anatomy.turns.estimate import Sample, mean_of
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
    """A turn, or several: CPU time without what the server uses when idle, in µs, and the requests answered."""

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

    def __add__(self, later: "Cost") -> "Cost":
        return Cost(self.layer, self.round, self.cpu_us + later.cpu_us, self.requests + later.requests, self.at_us)


class Levels:
    """What requests cost in a record, by layer. Figures are logarithms of µs, or ratios of them."""

    def __init__(self, record: Measured) -> None:
        self.idle = idle_shares(record.rounds)
        """What share of a core each server uses when idle."""
        self.costs = [cost for number, round_ in enumerate(record.rounds) for cost in _costs(number, round_, self.idle)]
        logs: defaultdict[str, list[float]] = defaultdict(list)
        for cost in self.costs:
            logs[cost.layer].append(cost.log)
        cheap = {name: sorted(turns)[int(LOW * len(turns))] for name, turns in logs.items()}
        slowness = [cost.log - cheap[cost.layer] for cost in self.costs]
        self.speeds = two_speeds(slowness)
        limit = self.speeds.fast + NEAR if self.speeds else math.inf
        self.used = [cost for cost, slow in zip(self.costs, slowness, strict=True) if slow <= limit]
        self.slow = [cost for cost, slow in zip(self.costs, slowness, strict=True) if slow > limit]
        self._turns = Counter((cost.layer, cost.round) for cost in self.used)
        self._rounds: defaultdict[str, dict[int, Cost]] = defaultdict(dict)
        for cost in self.used:
            _add(self._rounds[cost.layer], cost.round, cost)

    def level(self, name: str) -> Sample | None:
        """ln(µs per request) of a layer, or None."""
        logs = {number: cost.log for number, cost in self._rounds[name].items()}
        return mean_of(logs, {number: 1 / (1 + 1 / self._turns[name, number]) for number in logs})

    def ratio(self, name: str, on: str) -> Sample | None:
        """ln(CPU time of `on` / CPU time of the layer), from the rounds that have both; None where there is none."""
        upper, lower, turns = self._rounds[name], self._rounds[on], self._turns
        both = sorted(upper.keys() & lower.keys())
        weights = {number: 1 / (1 + 1 / turns[name, number] + 1 / turns[on, number]) for number in both}
        return mean_of({number: lower[number].log - upper[number].log for number in both}, weights)


def _add[K](sums: dict[K, Cost], key: K, cost: Cost) -> None:
    sums[key] = sums[key] + cost if key in sums else cost


def idle_shares(rounds: Sequence[Round]) -> dict[str, float]:
    """What share of a core each server uses when idle: the median of rounds."""
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for instance in (instance for round_ in rounds for instance in round_.instances):
        if instance.idle_cpu_ns is not None and instance.idle_us:
            shares[instance.layer].append(instance.idle_cpu_ns / 1000 / instance.idle_us)
    return {name: median(values) for name, values in shares.items()}


def _costs(number: int, round_: Round, idle: Mapping[str, float]) -> Iterator[Cost]:
    """The turns of a round that count; one for the whole round where only its sum is known."""
    sound = {each.layer: each for each in round_.instances if not each.fault and each.requests and each.bytes}
    turns: list[Cost] = []
    sums: dict[str, Cost] = {}
    for turn in round_.turns:
        if turn.cpu_ns is None or not (instance := sound.get(turn.layer)):
            continue
        cpu_us = turn.cpu_ns / 1000 - idle.get(turn.layer, 0.0) * turn.span_us
        requests = turn.bytes * instance.requests / instance.bytes
        cost = Cost(turn.layer, number, cpu_us, requests, turn.at_us)
        if instance.cpu_from == "waited":
            _add(sums, turn.layer, cost)
        else:
            turns.append(cost)
    return (cost for cost in (*turns, *sums.values()) if cost.cpu_us > 0 and cost.requests > 0)


def two_speeds(slowness: Sequence[float]) -> Speeds | None:
    """The two speeds that turns fall into, by Otsu's threshold (IEEE Transactions SMC-9, 1979); None: there is one.

    `slowness` is how much dearer each turn was than the cheap ones of its layer, as a logarithm.
    """
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
    scatter = math.sqrt(sum((value - means[value >= slow[0]]) ** 2 for value in ordered) / count)
    apart, middle = means[1] - means[0], median(fast)
    if apart < max(APART, CLEAR * scatter) or min(len(fast), len(slow)) < FEW * count:
        return None
    return Speeds(middle, math.exp(median(slow) - middle), sum(value > middle + NEAR for value in ordered) / count)
