"""Which plain windows of a record count, and for what.

record -> figures: what each layer costs, and what it loses against the layer that it stands on.

From turns (stats/levels.py): CPU = microseconds of CPU time per request; decay = 1 - CPU(on) / CPU(layer), in percent;
added = CPU(layer) - CPU(on); share = CPU(lowest) / CPU(layer), in percent; requests/s per core = 1e6 / CPU.

From plain windows: what a wrk with a core of its own shows. A layer that cannot take turns has all its figures from
them, and where no layer can, as on macOS, so have all.
"""

import math
from collections.abc import Sequence
from statistics import fmean, median

import msgspec

from asgi_anatomy.turns.estimate import Estimate, Sample, combine, decay, mean_of
from asgi_anatomy.turns.levels import Levels
from asgi_anatomy.turns.record import Measured, Row, Window

BUSY = 0.95
"""Share of its core below which not the server was the limit."""


def good_windows(record: Measured, row: Row) -> list[Window]:
    """The windows of a layer that count: none where the layer broke its contract or died."""
    if row.faults:
        return []
    return [each for each in record.windows if each.layer == row.name and not each.fault and each.requests]


def full_windows(record: Measured, row: Row) -> list[Window]:
    """Those that its requests/s are from: where it filled its core in some, these alone."""
    own = good_windows(record, row)
    return [each for each in own if each.busy is None or each.busy >= BUSY] or own


def is_bound(row: Row, used: Sequence[Window]) -> bool:
    """Whether the server filled its core in none of these windows, so that something else was the limit."""
    return bool(used) and not row.waits and all(each.busy is not None and each.busy < BUSY for each in used)


def window_costs(record: Measured, row: Row) -> dict[int, float]:
    """µs of CPU time per request in plain windows, by round; without CPU times 1,000,000 / requests/s."""
    found: dict[int, list[float]] = {}
    for each in good_windows(record, row):
        found.setdefault(each.round, []).append(each.cpu_us or 1e6 / each.rps)
    return {round_: fmean(costs) for round_, costs in found.items()}


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
    """The server was not the limit: `plain_rps` is a lower bound, and latency is not that of saturation."""
    plain_cpu_us: float | None = None
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
        return self._windows(name) if self._is_plain(name) else self.levels.level(name)

    def ratio(self, name: str, on: str | None = None) -> Sample | None:
        """ln(rps(layer) / rps(on)), by default of what it stands on; both by turns, or both in plain windows."""
        on = on or self.rows[name].on
        if on not in self.rows or self.rows[name].faults or self.rows[on].faults:
            return None
        if not self._is_plain(name) and not self._is_plain(on):
            return self.levels.ratio(name, on)
        one, two = self._windows(on), self._windows(name)
        return combine(lambda below, own: below - own, one, two) if one and two else None

    def added(self, name: str) -> Sample | None:
        """µs per request that a layer adds to what it stands on."""
        on = self.rows[name].on
        step = self.ratio(name)
        below = None if on is None or not step else self._windows(on) if self._is_plain(name) else self.level(on)
        return combine(lambda low, each: math.exp(low) * math.expm1(-each), below, step) if below and step else None

    def _is_plain(self, name: str) -> bool:
        return bool(self.rows[name].plain) or not self.record.turn_ms

    def _windows(self, name: str) -> Sample | None:
        costs = window_costs(self.record, self.rows[name])
        return mean_of({round_: math.log(cost) for round_, cost in costs.items()})


def costs(record: Measured) -> dict[str, Sample]:
    """ln(µs per request) of each layer that has one, so that the steps of the table add up: the lowest as measured,
    every other from its ratio to the one it stands on.
    """
    return _costs(record, Costs(record))


def _costs(record: Measured, found: Costs) -> dict[str, Sample]:
    levels: dict[str, Sample] = {}
    for row in record.layers:
        step = None if row.plain else found.ratio(row.name)
        below = levels.get(row.on or "")
        level = combine(lambda low, each: low - each, below, step) if step and below else found.level(row.name)
        if level:
            levels[row.name] = level
    return levels


def figures(record: Measured) -> list[Figures]:
    """The decay table of a record, in its layers' order."""
    found = Costs(record)
    levels = _costs(record, found)
    lowest = next((levels.get(row.name) for row in record.layers if row.on is None), None)
    return [_figures(record, row, found, levels, lowest) for row in record.layers]


def ratio(record: Measured, row: Row) -> Estimate | None:
    """ln(rps(layer) / rps(on)) of one row."""
    found = Costs(record).ratio(row.name)
    return found.estimate if found else None


def ratios(record: Measured) -> dict[str, Estimate]:
    """... of every row that has one."""
    found = Costs(record)
    steps = {row.name: found.ratio(row.name) for row in record.layers if row.on}
    return {name: step.estimate for name, step in steps.items() if step}


def _figures(record: Measured, row: Row, found: Costs, levels: dict[str, Sample], lowest: Sample | None) -> Figures:
    used = full_windows(record, row)
    rps = [each.rps for each in used]
    latencies = [each.latency_us for each in used if each.latency_us]
    step, level, added = found.ratio(row.name), levels.get(row.name), found.added(row.name)
    estimate = step.estimate if step else None
    interval = estimate.interval() if estimate else None
    low, high = (level and level.estimate.interval()) or (None, None)
    less, more = (added and added.estimate.interval()) or (None, None)
    plain, below = (
        _plain(record, row),
        _plain(record, next((each for each in record.layers if each.name == row.on), None)),
    )
    idle = found.levels.idle.get(row.name)
    instances = [each for made in record.rounds for each in made.instances if each.layer == row.name and not each.fault]
    return Figures(
        layer=row.name,
        on=row.on,
        decay=decay(estimate.mean) if estimate else None,
        decay_low=decay(interval[1]) if interval else None,
        decay_high=decay(interval[0]) if interval else None,
        margin=margin_of(estimate) if estimate else None,
        cpu_us=math.exp(level.value) if level else None,
        cpu_low=None if low is None else math.exp(low),
        cpu_high=None if high is None else math.exp(high),
        added_us=added.value if added else None,
        added_low=less,
        added_high=more,
        rps_per_core=1e6 / math.exp(level.value) if level else None,
        rps_per_core_low=None if high is None else 1e6 / math.exp(high),
        rps_per_core_high=None if low is None else 1e6 / math.exp(low),
        share=100 * math.exp(lowest.value - level.value) if level and lowest else None,
        idle=None if idle is None else 100 * idle,
        rounds=len(level.without) if level else 0,
        turns=sum(turn.layer == row.name for made in record.rounds for turn in made.turns),
        plain_rps=median(rps) if rps else None,
        plain_rps_low=min(rps, default=None),
        plain_rps_high=max(rps, default=None),
        bound=is_bound(row, used),
        plain_cpu_us=plain,
        plain_decay=100 * (1 - below / plain) if plain and below else None,
        sleeps=_median([each.sleeps for each in used]),
        p50_us=_median([each.p50 for each in latencies]),
        p99_us=_median([each.p99 for each in latencies]),
        p99_low=min((each.p99 for each in latencies), default=None),
        p99_high=max((each.p99 for each in latencies), default=None),
        windows=len(used),
        rss_start=_median([each.start_bytes for each in instances]),
        rss_end=_median([each.end_bytes for each in instances]),
        rss_requests=_median([each.requests for each in instances]),
    )


def _plain(record: Measured, row: Row | None) -> float | None:
    """µs of CPU time per request in a layer's plain windows."""
    return _median([each.cpu_us for each in good_windows(record, row)]) if row else None


def _median(values: list[float | None] | list[int | None] | list[float] | list[int]) -> float | None:
    known = [each for each in values if each is not None]
    return float(median(known)) if known else None


def margin_of(found: Estimate) -> float | None:
    """Half the width of a decay's 95% interval, in percentage points; None where there is no interval."""
    interval = found.interval()
    return (decay(interval[0]) - decay(interval[1])) / 2 if interval else None
