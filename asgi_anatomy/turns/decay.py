"""A record -> its decay table: what each layer costs, and what it loses against the layer that it stands on.

From turns (levels.py): CPU = microseconds of CPU time per request; decay = 1 - CPU(on) / CPU(layer), in percent; added
= CPU(layer) - CPU(on); share = CPU(lowest) / CPU(layer), in percent; requests/s per core = 1e6 / CPU.

From plain windows: what a wrk with a core of its own shows. A layer that cannot take turns has all its figures from
them, and where no layer can, as on macOS, so have all.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable
from statistics import fmean, median
from typing import Any

import msgspec

from asgi_anatomy.turns.estimate import Estimate, Sample, combine, decay, mean_of
from asgi_anatomy.turns.levels import Levels
from asgi_anatomy.turns.record import Instance, Measured, Row, Window

BUSY = 0.95
"""Share of its core below which not the server was the limit."""


def good_windows(record: Measured, row: Row) -> list[Window]:
    """The windows of a layer that count: none where the layer broke its contract or died."""
    if row.faults:
        return []
    return [window for window in record.windows if window.layer == row.name and not window.fault and window.requests]


def full_windows(record: Measured, row: Row) -> list[Window]:
    """The windows that a layer's requests/s are from: those in which it filled its core, or else all."""
    good = good_windows(record, row)
    return [window for window in good if window.busy is None or window.busy >= BUSY] or good


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the decay table. A figure is None where there is nothing to take it from; names that end in `low` and
    `high` are its 95% interval, except those of plain windows, which are their extremes.
    """

    layer: str
    on: str | None
    decay: float | None = None
    decay_low: float | None = None
    decay_high: float | None = None
    margin: float | None = None
    """Half the width of the decay's 95% interval, in percentage points."""
    cpu_us: float | None = None
    cpu_low: float | None = None
    cpu_high: float | None = None
    added_us: float | None = None
    added_low: float | None = None
    added_high: float | None = None
    user_us: float | None = None
    """The part of `cpu_us` in user space ..."""
    user_low: float | None = None
    user_high: float | None = None
    system_us: float | None = None
    """... and in the kernel, as that samples them."""
    system_low: float | None = None
    system_high: float | None = None
    user_decay: float | None = None
    """The decay by user time alone, in percent."""
    user_decay_low: float | None = None
    user_decay_high: float | None = None
    rps_per_core: float | None = None
    rps_per_core_low: float | None = None
    rps_per_core_high: float | None = None
    share: float | None = None
    idle: float | None = None
    """Percent of a core that the server uses while nobody asks it anything, which is not in the other figures."""
    rounds: int = 0
    turns: int = 0
    plain_rps: float | None = None
    """Requests per second that a wrk with a core of its own saw: the median of `windows` plain windows."""
    plain_rps_low: float | None = None
    plain_rps_high: float | None = None
    bound: bool = False
    """The server was not the limit: `plain_rps` is a lower bound, latencies are upper bounds."""
    plain_cpu_us: float | None = None
    plain_system_us: float | None = None
    """The part of it in the kernel."""
    plain_decay: float | None = None
    sleeps: float | None = None
    """How often wrk slept per request in plain windows."""
    p50_us: float | None = None
    p99_us: float | None = None
    p99_low: float | None = None
    p99_high: float | None = None
    windows: int = 0
    rss_start: float | None = None
    """Bytes of resident memory before any load; as the next two, the median of rounds."""
    rss_end: float | None = None
    """... after `rss_requests` requests."""
    rss_requests: float | None = None


class Costs:
    """What each layer of a record costs, by turns or by plain windows."""

    def __init__(self, record: Measured) -> None:
        self.record = record
        self.levels = Levels(record)
        self.rows = {row.name: row for row in record.layers}

    def level(self, name: str) -> Sample | None:
        """ln(µs of CPU time per request)."""
        if self.rows[name].faults:
            return None
        return self._in_windows(name) if self._is_plain(name) else self.levels.level(name)

    def ratio(self, name: str, on: str | None = None) -> Sample | None:
        """ln(rps(layer) / rps(on)), by default of what it stands on; both by turns, or both in plain windows."""
        on = on or self.rows[name].on
        if on not in self.rows or self.rows[name].faults or self.rows[on].faults:
            return None
        if not self._is_plain(name) and not self._is_plain(on):
            return self.levels.ratio(name, on)
        lower, upper = self._in_windows(on), self._in_windows(name)
        return combine(lambda low, high: low - high, lower, upper) if lower and upper else None

    def added(self, name: str) -> Sample | None:
        """µs per request that a layer adds to what it stands on."""
        on, step = self.rows[name].on, self.ratio(name)
        if on is None or step is None:
            return None
        lower = self._in_windows(on) if self._is_plain(name) else self.level(on)
        return combine(lambda low, ratio: math.exp(low) * math.expm1(-ratio), lower, step) if lower else None

    def chained(self) -> dict[str, Sample]:
        """ln(µs per request) of each layer that has one, so that the steps of the table add up: the lowest as measured,
        every other from its ratio to the one it stands on.
        """
        levels: dict[str, Sample] = {}
        for row in self.record.layers:
            step = None if row.plain else self.ratio(row.name)
            lower = levels.get(row.on or "")
            level = combine(lambda low, ratio: low - ratio, lower, step) if step and lower else self.level(row.name)
            if level:
                levels[row.name] = level
        return levels

    def kernel(self, name: str, rounds: Container[int]) -> Sample | None:
        """The kernel's share of a layer's CPU time in these rounds, 0 to 1: all their time counts alike, so that many
        ticks of few rounds say more than few of many.
        """
        parts: list[tuple[int, Instance | Window]]
        if self._is_plain(name):
            parts = [(each.round, each) for each in good_windows(self.record, self.rows[name])]
        else:
            every = enumerate(self.record.rounds)
            parts = [(number, each) for number, round_ in every for each in round_.instances if each.layer == name]
        user, system = Counter[int](), Counter[int]()
        for number, part in parts:
            if number in rounds and part.user_ns is not None and part.system_ns is not None:
                user[number] += part.user_ns
                system[number] += part.system_ns
        total = {number: float(sum_) for number, sum_ in (user + system).items()}
        return mean_of({number: system[number] / each for number, each in total.items()}, total)

    def split(self, name: str, level: Sample | None) -> list[Sample | None]:
        """µs of CPU time per request in user space and in the kernel, of a layer's level."""
        share = self.kernel(name, level.without) if level else None
        if not level or not share:
            return [None, None]
        return [
            combine(lambda log, kernel: math.exp(log) * (1 - kernel), level, share),
            combine(lambda log, kernel: math.exp(log) * kernel, level, share),
        ]

    def user_decay(self, name: str) -> Sample | None:
        """The decay by user time alone, in percent; None for a layer in plain windows."""
        on, step = self.rows[name].on, self.ratio(name)
        if on is None or step is None or self._is_plain(name) or self._is_plain(on):
            return None
        lower, upper = self.kernel(on, step.without), self.kernel(name, step.without)
        if not lower or not upper:
            return None
        return combine(lambda log, low, high: 100 * (1 - math.exp(log) * (1 - low) / (1 - high)), step, lower, upper)

    def _is_plain(self, name: str) -> bool:
        return bool(self.rows[name].plain) or not self.record.turn_ms

    def _in_windows(self, name: str) -> Sample | None:
        """ln(µs of CPU time per request) in plain windows; of 1,000,000 / requests/s where no CPU time is measured."""
        by_round: defaultdict[int, list[float]] = defaultdict(list)
        for window in good_windows(self.record, self.rows[name]):
            if cost := window.cpu_us or (None if self.record.cores else 1e6 / window.rps):
                by_round[window.round].append(cost)
        return mean_of({number: math.log(fmean(costs)) for number, costs in by_round.items()})


def ratio(record: Measured, row: Row) -> Estimate | None:
    """ln(rps(layer) / rps(on)) of one row."""
    step = Costs(record).ratio(row.name)
    return step.estimate if step else None


def ratios(record: Measured) -> dict[str, Estimate]:
    """ln(rps(layer) / rps(on)) of every row that has one, by layer."""
    costs = Costs(record)
    steps = {row.name: costs.ratio(row.name) for row in record.layers if row.on}
    return {name: step.estimate for name, step in steps.items() if step}


def margin_of(step: Estimate) -> float | None:
    """Half the width of a decay's 95% interval, in percentage points; None where there is no interval."""
    interval = step.interval()
    return (decay(interval[0]) - decay(interval[1])) / 2 if interval else None


def figures(record: Measured) -> list[Figures]:
    """The decay table of a record, in its layers' order."""
    costs = Costs(record)
    levels = costs.chained()
    lowest = next((levels.get(row.name) for row in record.layers if row.on is None), None)
    plain = {row.name: _median(window.cpu_us for window in good_windows(record, row)) for row in record.layers}
    return [_figures(record, row, costs, levels.get(row.name), lowest, plain) for row in record.layers]


def _figures(
    record: Measured,
    row: Row,
    costs: Costs,
    level: Sample | None,
    lowest: Sample | None,
    plain: dict[str, float | None],
) -> Figures:
    step = costs.ratio(row.name)
    windows = full_windows(record, row)
    rps = [window.rps for window in windows]
    latencies = [window.latency_us for window in windows if window.latency_us]
    instances = [one for round_ in record.rounds for one in round_.instances if one.layer == row.name and not one.fault]
    user, system = costs.split(row.name, level)
    upper, lower, idle = plain[row.name], plain.get(row.on or ""), costs.levels.idle.get(row.name)
    return Figures(
        layer=row.name,
        on=row.on,
        **_with_interval("decay", step, decay),
        margin=margin_of(step.estimate) if step else None,
        **_with_interval("cpu_us", level, math.exp),
        **_with_interval("user_us", user, float),
        **_with_interval("system_us", system, float),
        **_with_interval("user_decay", costs.user_decay(row.name), float),
        **_with_interval("added_us", costs.added(row.name), float),
        **_with_interval("rps_per_core", level, lambda log: 1e6 / math.exp(log)),
        share=100 * math.exp(lowest.value - level.value) if level and lowest else None,
        idle=None if idle is None else 100 * idle,
        rounds=len(level.without) if level else 0,
        turns=sum(turn.layer == row.name for round_ in record.rounds for turn in round_.turns),
        plain_rps=_median(rps),
        plain_rps_low=min(rps, default=None),
        plain_rps_high=max(rps, default=None),
        bound=bool(windows) and not row.waits and all(each.busy is not None and each.busy < BUSY for each in windows),
        plain_cpu_us=upper,
        plain_system_us=_median(window.system_us for window in good_windows(record, row)),
        plain_decay=100 * (1 - lower / upper) if upper and lower else None,
        sleeps=_median(window.sleeps for window in windows),
        p50_us=_median(latency.p50 for latency in latencies),
        p99_us=_median(latency.p99 for latency in latencies),
        p99_low=min((latency.p99 for latency in latencies), default=None),
        p99_high=max((latency.p99 for latency in latencies), default=None),
        windows=len(windows),
        rss_start=_median(instance.start_bytes for instance in instances),
        rss_end=_median(instance.end_bytes for instance in instances),
        rss_requests=_median(instance.requests for instance in instances),
    )


def _with_interval(key: str, sample: Sample | None, show: Callable[[float], float]) -> dict[str, Any]:
    """A figure under its key, and its 95% interval as ..._low and ..._high, as far as there is one."""
    if not sample:
        return {}
    interval, stem = sample.estimate.interval(), key.removesuffix("_us")
    low, high = sorted(map(show, interval)) if interval else (None, None)
    return {key: show(sample.value), f"{stem}_low": low, f"{stem}_high": high}


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(median(known)) if known else None
