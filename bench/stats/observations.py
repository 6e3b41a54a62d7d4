"""A record with a sensor -> the observations that the fit of stats/undisturbed.py is made of.

Each says how disturbed it was, by two measures. `lost` is what the sensor on the servers' core saw. `strain` is what
the sensor cannot see: how much more CPU time per request wrk needed than in the calmest windows of its kind. wrk does
the same work per request in all of them, nearly all of it in the kernel, so where it needs more, something else than
the other hardware thread was slow: caches, memory, the hypervisor.
"""

from collections import defaultdict
from math import log

import msgspec
import numpy as np

from bench.data.record import Measured
from bench.data.window import Window
from bench.stats.states import Slowness
from bench.stats.windows import level_windows, pair_windows

CALMEST = 0.2
"""The quantile of wrk's CPU time per request, among windows of one kind, that counts as that of a calm one."""


class Seen(msgspec.Struct, frozen=True):
    """One observation: y = sum of signs x (a + g(k)) over layers, or with m instead of a."""

    y: float
    lost: float
    share: float
    strain: float
    """ln(wrk's CPU time per request / that of the calmest windows of the kind), at least 0; of a pair, the mean."""
    round: int
    kind: str
    """`solo`, `pair` or `mean`."""
    parts: tuple[tuple[str, float], ...]
    pair: str = ""


def observations(record: Measured, slow: dict[int, Slowness]) -> list[Seen]:
    """The observations of a record: one of each solo window, two of each pair of windows."""
    seen: list[Seen] = []
    strained = strains(record)

    def add(y: float, window: Window, kind: str, parts: dict[str, float], pair: str = "") -> None:
        how, strain = slow[window.take], strained.get(window.take, 0.0)
        seen.append(Seen(y, how.lost, how.share, strain, window.round, kind, tuple(parts.items()), pair))

    for row in record.layers:
        for window in level_windows(record, row):
            if window.take in slow:
                add(log(window.cpu_us or 1), window, "solo", {row.name: 1.0})
        for lower, upper in pair_windows(record, row):
            if upper.take in slow:
                low, high = log(lower.cpu_us or 1), log(upper.cpu_us or 1)
                add(high - low, upper, "pair", {row.name: 1.0, lower.layer: -1.0}, row.name)
                add((high + low) / 2, upper, "mean", {row.name: 0.5, lower.layer: 0.5}, row.name)
    return seen


def strains(record: Measured) -> dict[int, float]:
    """The strain of each take in which wrk's CPU time is known."""
    kinds: dict[tuple[str | None, str], dict[int, float]] = defaultdict(dict)
    for window in record.windows:
        if not window.fault and window.requests and window.client_cpu_ns:
            kinds[window.pair, window.layer][window.take] = log(window.client_cpu_ns / window.requests)
    found: dict[int, list[float]] = defaultdict(list)
    for those in kinds.values():
        calmest = float(np.quantile([*those.values()], CALMEST))
        for take, each in those.items():
            found[take].append(max(0.0, each - calmest))
    return {take: float(np.mean(each)) for take, each in found.items()}
