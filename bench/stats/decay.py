"""record -> figures: what each layer costs, and what it loses against the layer that it stands on.

With a sensor's readings (stats/undisturbed.py), every figure is for a core that is the layer's own and undisturbed:
one fit of all windows gives the level of each layer, CPU µs per request; decay = 1 - CPU(on) / CPU(layer), in percent;
added = CPU(layer) - CPU(on); share = CPU(lowest) / CPU(layer), in percent; requests/s per core = 1e6 / CPU(layer).

Without, they are of the mixture of states that the run met: decays from pairs side by side, the lowest layer's CPU time
measured in its pairs, every other from the decays, so that costs add up. From solo windows: the requests/s that wrk
saw, and latency, as medians.
"""

import math
from statistics import fmean, median

import msgspec

from bench.data.record import Row, Measured
from bench.stats.estimate import Estimate, decay, estimate
from bench.stats.memory import memory
from bench.stats.undisturbed import Undisturbed, undisturbed
from bench.stats.windows import full_windows, good_windows, is_bound, pair_windows, solo_windows


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the decay table. A figure is None where there is nothing to take it from."""

    layer: str
    on: str | None
    rps: float | None = None
    """Requests per second that wrk saw in solo windows."""
    rps_low: float | None = None
    rps_high: float | None = None
    bound: bool = False
    """The server was not the limit: `rps` is a lower bound."""
    decay: float | None = None
    decay_low: float | None = None
    decay_high: float | None = None
    margin: float | None = None
    """Half the width of the decay's 95% interval, in percentage points."""
    cpu_us: float | None = None
    cpu_low: float | None = None
    """With `cpu_high` its 95% interval, as for all names that end so; None without a sensor."""
    cpu_high: float | None = None
    added_us: float | None = None
    added_low: float | None = None
    added_high: float | None = None
    rps_per_core: float | None = None
    rps_per_core_low: float | None = None
    rps_per_core_high: float | None = None
    share: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    p99_low: float | None = None
    p99_high: float | None = None
    disturbed: float | None = None
    """Percent of its windows' time in which the core was slow; None without a sensor."""
    solo: int = 0
    """Solo windows behind `rps` and the latencies."""
    pairs: int = 0
    """Measured side by side with `on`."""
    rounds: int = 0
    rss_start: float | None = None
    """Bytes of resident memory before any load; as the next two, the median of rounds."""
    rss_end: float | None = None
    """... after `rss_requests` requests."""
    rss_requests: float | None = None

    @property
    def windows(self) -> int:
        """All windows behind the row."""
        return self.solo + self.pairs


def figures(record: Measured) -> list[Figures]:
    """The decay table of a record, in its layers' order."""
    return figures_of(record, undisturbed(record))


def figures_of(record: Measured, fit: Undisturbed | None) -> list[Figures]:
    """The same, with a fit that the caller has."""
    found = {row.name: ratio_of(record, row, fit) for row in record.layers}
    costs = _costs(record, found, fit)
    lowest = next((costs.get(row.name) for row in record.layers if row.on is None), None)
    return [_figures(record, row, found[row.name], costs, lowest, fit) for row in record.layers]


def ratio(record: Measured, row: Row) -> Estimate | None:
    """ln(rps(layer) / rps(on)): of the fit of all windows where there was a sensor, or else of the mixture."""
    return ratio_of(record, row, undisturbed(record))


def ratio_of(record: Measured, row: Row, fit: Undisturbed | None) -> Estimate | None:
    """The same, with a fit that the caller has."""
    if fit and row.on and any(each.kind == "pair" and each.pair == row.name for each in fit.seen):
        return fit.ratio(row.name, row.on)
    return mixture(record, row)


def mixture(record: Measured, row: Row) -> Estimate | None:
    """ln(rps(layer) / rps(on)) as the states of the core came: from pairs, or else from solo windows, by round."""
    on = next((each for each in record.layers if each.name == row.on), None)
    if on is None:
        return None
    ratios: dict[int, list[float]] = {}
    if record.paired:
        for lower, upper in pair_windows(record, row):
            if upper.cpu_us and lower.cpu_us:
                ratios.setdefault(upper.round, []).append(math.log(lower.cpu_us / upper.cpu_us))
    else:
        solo, below = _rps_by_round(record, row), _rps_by_round(record, on)
        ratios = {each: [math.log(solo[each] / below[each])] for each in solo.keys() & below.keys()}
    return estimate(ratios)


def _rps_by_round(record: Measured, row: Row) -> dict[int, float]:
    found: dict[int, list[float]] = {}
    for window in solo_windows(record, row):
        found.setdefault(window.round, []).append(window.rps)
    return {round_: fmean(each) for round_, each in found.items()}


def _costs(record: Measured, found: dict[str, Estimate | None], fit: Undisturbed | None) -> dict[str, float]:
    """CPU microseconds per request of each layer: the fit's level; or measured for one that stands on nothing, by its
    decay for any other.
    """
    costs: dict[str, float] = {}
    for row in record.layers:
        step = found[row.name]
        if fit and (level := fit.level(row.name)):
            costs[row.name] = math.exp(level.mean)
        elif step and row.on in costs:
            costs[row.name] = costs[row.on] / math.exp(step.mean)
        elif row.on is None and (own := good_windows(record, row)):
            paired = [each for each in own if each.pair]
            cpu = [each.cpu_us for each in paired or own if each.cpu_us]
            costs[row.name] = median(cpu) if cpu else 1e6 / median(each.rps for each in own)
    return costs


def _figures(
    record: Measured,
    row: Row,
    found: Estimate | None,
    costs: dict[str, float],
    lowest: float | None,
    fit: Undisturbed | None,
) -> Figures:
    used = full_windows(record, row)
    rps = [each.rps for each in used]
    latencies = [each.latency_us for each in used if each.latency_us]
    interval = found.interval() if found else None
    cost, under = costs.get(row.name), costs.get(row.on or "")
    level = fit.level(row.name) if fit else None
    low, high = (level and level.interval()) or (None, None)
    added = fit.added(row.name, row.on) if fit and row.on else None
    less, more = (added and added.interval()) or (None, None)
    resident = memory(record, row)
    return Figures(
        layer=row.name,
        on=row.on,
        rps=median(rps) if rps else None,
        rps_low=min(rps, default=None),
        rps_high=max(rps, default=None),
        bound=is_bound(row, used),
        decay=decay(found.mean) if found else None,
        decay_low=decay(interval[1]) if interval else None,
        decay_high=decay(interval[0]) if interval else None,
        margin=margin_of(found) if found else None,
        cpu_us=cost,
        cpu_low=None if low is None else math.exp(low),
        cpu_high=None if high is None else math.exp(high),
        added_us=cost - under if cost and under else None,
        added_low=less,
        added_high=more,
        rps_per_core=1e6 / cost if cost else None,
        rps_per_core_low=None if high is None else 1e6 / math.exp(high),
        rps_per_core_high=None if low is None else 1e6 / math.exp(low),
        share=100 * lowest / cost if cost and lowest else None,
        p50_us=median(each.p50 for each in latencies) if latencies else None,
        p99_us=median(each.p99 for each in latencies) if latencies else None,
        p99_low=min((each.p99 for each in latencies), default=None),
        p99_high=max((each.p99 for each in latencies), default=None),
        disturbed=_disturbed(record, row, fit),
        solo=len(used),
        pairs=found.windows if found and record.paired else 0,
        rounds=found.rounds if found else len({each.round for each in used}),
        rss_start=resident.start,
        rss_end=resident.end,
        rss_requests=resident.requests,
    )


def _disturbed(record: Measured, row: Row, fit: Undisturbed | None) -> float | None:
    """Percent of the time of a row's windows, solo and with the layer below, in which the core was slow."""
    shares = [
        fit.slowness[each.take].share
        for each in good_windows(record, row)
        if fit and each.take in fit.slowness and each.pair in (None, row.name)
    ]
    return 100 * fmean(shares) if shares else None


def margin_of(found: Estimate) -> float | None:
    """Half the width of a decay's 95% interval, in percentage points; None where there is no interval."""
    interval = found.interval()
    return (decay(interval[0]) - decay(interval[1])) / 2 if interval else None
