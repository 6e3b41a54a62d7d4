"""record -> figures: what each layer costs, and what it loses against the layer that it stands on.

From pairs side by side, by CPU time per request: decay = 1 - CPU(on) / CPU(layer), in percent; the lowest layer's CPU
time is measured, in microseconds, and every other follows from the decays, so that costs add up; added = CPU(layer) -
CPU(on); share = CPU(lowest) / CPU(layer), in percent; requests/s per core = 1e6 / CPU(layer), what one core serves that
does nothing else. From solo windows: the requests/s that wrk saw, and latency, as medians.
"""

import math
from collections.abc import Sequence
from statistics import fmean, median

import msgspec

from bench.data.record import Row, Windows
from bench.data.window import Window
from bench.stats.estimate import Estimate, decay, estimate

BUSY = 0.95  # share of its core below which not the server was the limit


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
    added_us: float | None = None
    rps_per_core: float | None = None
    share: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    p99_low: float | None = None
    p99_high: float | None = None
    solo: int = 0
    """Solo windows behind `rps` and the latencies."""
    pairs: int = 0
    """Windows side by side with `on`."""
    rounds: int = 0

    @property
    def windows(self) -> int:
        """All windows behind the row."""
        return self.solo + self.pairs


def figures(record: Windows) -> list[Figures]:
    """The decay table of a record, in its layers' order."""
    found = {row.name: ratio(record, row) for row in record.layers}
    costs = _costs(record, found)
    lowest = next((costs.get(row.name) for row in record.layers if row.on is None), None)
    return [_figures(record, row, found[row.name], costs, lowest) for row in record.layers]


def good_windows(record: Windows, row: Row) -> list[Window]:
    """The windows of a layer that count: none where the layer broke its contract or died."""
    if row.faults:
        return []
    return [each for each in record.windows if each.layer == row.name and not each.fault and each.requests]


def solo_windows(record: Windows, row: Row) -> list[Window]:
    """Those of its good windows in which a layer had its core alone."""
    return [each for each in good_windows(record, row) if each.pair is None]


def full_windows(record: Windows, row: Row) -> list[Window]:
    """Those of its solo windows that its requests/s are from: where it filled its core in some, these alone."""
    solo = solo_windows(record, row)
    return [each for each in solo if each.busy is None or each.busy >= BUSY] or solo


def is_bound(row: Row, used: Sequence[Window]) -> bool:
    """Whether the server filled its core in none of these windows, so that something else was the limit."""
    return bool(used) and not row.waits and all(each.busy is not None and each.busy < BUSY for each in used)


def ratio(record: Windows, row: Row) -> Estimate | None:
    """ln(rps(layer) / rps(on)): from pairs side by side, or else from solo windows, round by round."""
    on = next((each for each in record.layers if each.name == row.on), None)
    if on is None:
        return None
    ratios: dict[int, list[float]] = {}
    if record.paired:
        upper, lower = (
            {each.take: each for each in good_windows(record, layer) if each.pair == row.name} for layer in (row, on)
        )
        for take, window in upper.items():
            under = lower.get(take)
            if under and window.cpu_us and under.cpu_us:
                ratios.setdefault(window.round, []).append(math.log(under.cpu_us / window.cpu_us))
    else:
        solo, below = _rps_by_round(record, row), _rps_by_round(record, on)
        ratios = {each: [math.log(solo[each] / below[each])] for each in solo.keys() & below.keys()}
    return estimate(ratios)


def _rps_by_round(record: Windows, row: Row) -> dict[int, float]:
    found: dict[int, list[float]] = {}
    for window in solo_windows(record, row):
        found.setdefault(window.round, []).append(window.rps)
    return {round_: fmean(each) for round_, each in found.items()}


def _costs(record: Windows, found: dict[str, Estimate | None]) -> dict[str, float]:
    """Microseconds per request of each layer: measured for one that stands on nothing, by its decay for any other."""
    costs: dict[str, float] = {}
    for row in record.layers:
        step = found[row.name]
        if step and row.on in costs:
            costs[row.name] = costs[row.on] / math.exp(step.mean)
        elif row.on is None and (own := good_windows(record, row)):
            paired = [each for each in own if each.pair]
            cpu = [each.cpu_us for each in paired or own if each.cpu_us]
            costs[row.name] = median(cpu) if cpu else 1e6 / median(each.rps for each in own)
    return costs


def _figures(
    record: Windows, row: Row, found: Estimate | None, costs: dict[str, float], lowest: float | None
) -> Figures:
    used = full_windows(record, row)
    rps = [each.rps for each in used]
    latencies = [each.latency_us for each in used if each.latency_us]
    interval = found.interval() if found else None
    cost, under = costs.get(row.name), costs.get(row.on or "")
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
        added_us=cost - under if cost and under else None,
        rps_per_core=1e6 / cost if cost else None,
        share=100 * lowest / cost if cost and lowest else None,
        p50_us=median(each.p50 for each in latencies) if latencies else None,
        p99_us=median(each.p99 for each in latencies) if latencies else None,
        p99_low=min((each.p99 for each in latencies), default=None),
        p99_high=max((each.p99 for each in latencies), default=None),
        solo=len(used),
        pairs=found.windows if found and record.paired else 0,
        rounds=found.rounds if found else len({each.round for each in used}),
    )


def margin_of(found: Estimate) -> float | None:
    """Half the width of a decay's 95% interval, in percentage points; None where there is no interval."""
    interval = found.interval()
    return (decay(interval[0]) - decay(interval[1])) / 2 if interval else None
