"""record -> figures: what each layer costs, and what it loses against the layer that it stands on.

From pairs side by side, by CPU time a request: decay = 1 - cost(on) / cost(layer), in percent; the lowest layer's cost
is its CPU time a request, in microseconds, and every other cost follows from the decays, so that costs add up;
added = cost(layer) - cost(on); share = cost(lowest) / cost(layer), in percent. On a core that is fully used, 1 / cost
is requests a second. From windows in which a layer had its core alone: requests/s and latency, as medians.
"""

import math
from statistics import fmean, median

import msgspec

from bench.data.record import Record, Row, Window
from bench.stats.estimate import Estimate, decay, estimate

BUSY = 0.95  # share of its core below which not the server was the limit


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the decay table. A figure is None where there is nothing to take it from."""

    layer: str
    on: str | None
    rps: float | None = None
    decay: float | None = None
    cost_us: float | None = None
    added_us: float | None = None
    share: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    decay_low: float | None = None
    decay_high: float | None = None
    rps_low: float | None = None
    rps_high: float | None = None
    windows: int = 0
    """How many windows stand behind the row: those it had the core alone, and those side by side with `on`."""
    restarts: int = 0
    note: str = ""
    p99_low: float | None = None
    p99_high: float | None = None
    bound: bool = False
    """The server was not the limit: requests/s is a lower bound."""
    pairs: int = 0
    """How many of the windows were side by side with `on`."""


def figures(record: Record) -> list[Figures]:
    """The decay table of a record, in its layers' order."""
    found = {row.name: ratio(record, row) for row in record.layers}
    costs = _costs(record, found)
    lowest = next((costs.get(row.name) for row in record.layers if row.on is None), None)
    return [_figures(record, row, found[row.name], costs, lowest) for row in record.layers]


def good_windows(record: Record, row: Row) -> list[Window]:
    """The windows of a layer that count: none where the layer broke its contract or died."""
    if row.faults:
        return []
    return [each for each in record.windows if each.layer == row.name and not each.fault and each.requests]


def alone_windows(record: Record, row: Row) -> list[Window]:
    """Those of its good windows in which a layer had its core alone."""
    return [each for each in good_windows(record, row) if each.pair is None]


def ratio(record: Record, row: Row) -> Estimate | None:
    """ln(rps(layer) / rps(on)): from pairs side by side, or else from windows alone, restart by restart."""
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
            if under and window.cost_us and under.cost_us:
                ratios.setdefault(window.restart, []).append(math.log(under.cost_us / window.cost_us))
    else:
        alone, below = _rps_by_restart(record, row), _rps_by_restart(record, on)
        ratios = {restart: [math.log(alone[restart] / below[restart])] for restart in alone.keys() & below.keys()}
    return estimate(ratios)


def _rps_by_restart(record: Record, row: Row) -> dict[int, float]:
    found: dict[int, list[float]] = {}
    for window in alone_windows(record, row):
        found.setdefault(window.restart, []).append(window.rps)
    return {restart: fmean(each) for restart, each in found.items()}


def _costs(record: Record, found: dict[str, Estimate | None]) -> dict[str, float]:
    """Microseconds a request of each layer: measured for one that stands on nothing, by its decay for any other."""
    costs: dict[str, float] = {}
    for row in record.layers:
        step = found[row.name]
        if step and row.on in costs:
            costs[row.name] = costs[row.on] / math.exp(step.mean)
        elif row.on is None and (own := good_windows(record, row)):
            paired = [each for each in own if each.pair]
            cpu = [each.cost_us for each in paired or own if each.cost_us]
            costs[row.name] = median(cpu) if cpu else 1e6 / median(each.rps for each in own)
    return costs


def _figures(
    record: Record, row: Row, found: Estimate | None, costs: dict[str, float], lowest: float | None
) -> Figures:
    alone = alone_windows(record, row)
    full = [each for each in alone if each.busy is None or each.busy >= BUSY]
    used = full or alone
    rps = [each.rps for each in used]
    latencies = [each.latency_us for each in used if each.latency_us]
    bound = bool(used) and not full and not row.waits
    interval = found.interval() if found else None
    cost, under = costs.get(row.name), costs.get(row.on or "")
    pairs = found.windows if found and record.paired else 0
    return Figures(
        layer=row.name,
        on=row.on,
        rps=median(rps) if rps else None,
        decay=decay(found.mean) if found else None,
        cost_us=cost,
        added_us=cost - under if cost and under else None,
        share=100 * lowest / cost if cost and lowest else None,
        p50_us=median(each.p50 for each in latencies) if latencies else None,
        p99_us=median(each.p99 for each in latencies) if latencies else None,
        decay_low=decay(interval[1]) if interval else None,
        decay_high=decay(interval[0]) if interval else None,
        rps_low=min(rps) if rps else None,
        rps_high=max(rps) if rps else None,
        windows=len(used) + pairs,
        restarts=found.restarts if found else len({each.restart for each in used}),
        note=_note(record, row, used, found, bound),
        p99_low=min((each.p99 for each in latencies), default=None),
        p99_high=max((each.p99 for each in latencies), default=None),
        bound=bound,
        pairs=pairs,
    )


def _note(record: Record, row: Row, used: list[Window], found: Estimate | None, bound: bool) -> str:
    """What a reader must know of a row, or nothing."""
    if row.faults:
        return row.faults[0]
    notes = [row.terms] if row.terms else []
    own = [each for each in record.windows if each.layer == row.name]
    faults = [each.fault for each in own if each.fault]
    if faults:
        notes.append(f"{len(faults)} of {len(own)} windows left out: {faults[0]}")
    if used and len(used) < len(alone := alone_windows(record, row)):
        left = len(alone) - len(used)
        notes.append(f"{left} of {len(alone)} windows alone left out: the server had under {BUSY:.0%} of its core")
    if len(faults) == len(own):
        notes.append("no good window" if own else "not measured")
    elif row.on and not found:
        notes.append(f"no decay: {row.on} has no figure" if used else "no decay")
    if found and found.error is None and record.machine:
        notes.append("one restart only, so no interval: try a longer BUDGET")
    cores = max((each.cores for each in used), default=1)
    share = f"{100 * max((each.busy or 0 for each in used), default=0):.0f}% of its {cores} cores".replace(
        " 1 cores", " core"
    )
    if cores > 1:
        notes.append(f"requests/s is with {cores} cores, all else a CPU second of one")
    if bound:
        shared = record.machine and cores >= record.machine.cores
        limit = "wrk had to share them" if shared else "the client or the machine was the limit"
        notes.append(f"requests/s is a lower bound: the server had at most {share}, so {limit}")
    elif row.waits and used:
        notes.append(f"it waits: alone it used {share}")
    if found and record.machine and not record.paired:
        notes.append("its decay is from windows one after another, not side by side: a guide, no more")
    margin = found and margin_of(found)
    if record.precision and margin and margin > record.precision:
        notes.append(
            f"its decay's interval is +-{margin:.2f} points, {record.precision:g} were wanted: try a longer BUDGET"
        )
    return "; ".join(notes)


def margin_of(found: Estimate) -> float | None:
    """Half the width of a decay's 95% interval, in percentage points; None where there is no interval."""
    interval = found.interval()
    return (decay(interval[0]) - decay(interval[1])) / 2 if interval else None
