"""record -> statistics: what each layer costs, and what it loses against the layer that it stands on.

decay = 1 - rps(layer) / rps(on), in percent; cost = 1 / rps, in microseconds a request; added = cost(layer) -
cost(on); share = rps(layer) / rps(lowest), in percent. A layer's rps is the median of its windows.
"""

from statistics import median

import msgspec

from bench.record import Record, Row, Window


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
    windows: int = 0
    note: str = ""


def figures(record: Record) -> list[Figures]:
    """The decay table of a record, in its layers' order."""
    rps = {
        row.name: median(window.rps for window in good) for row in record.layers if (good := good_windows(record, row))
    }
    lowest = next((rps.get(row.name) for row in record.layers if row.on is None), None)
    return [_figures(record, row, rps, lowest) for row in record.layers]


def good_windows(record: Record, row: Row) -> list[Window]:
    """The windows of a layer that count: none where the layer broke its contract."""
    if row.faults:
        return []
    return [each for each in record.windows if each.layer == row.name and not each.fault and each.requests]


def _figures(record: Record, row: Row, rps: dict[str, float], lowest: float | None) -> Figures:
    own, under = rps.get(row.name), rps.get(row.on or "")
    good = good_windows(record, row)
    latencies = [each.latency_us for each in good if each.latency_us]
    return Figures(
        layer=row.name,
        on=row.on,
        rps=own,
        decay=100 * (1 - own / under) if own and under else None,
        cost_us=1e6 / own if own else None,
        added_us=1e6 / own - 1e6 / under if own and under else None,
        share=100 * own / lowest if own and lowest else None,
        p50_us=median(each.p50 for each in latencies) if latencies else None,
        p99_us=median(each.p99 for each in latencies) if latencies else None,
        windows=len(good),
        note=_note(record, row, good, rps),
    )


def _note(record: Record, row: Row, good: list[Window], rps: dict[str, float]) -> str:
    if row.faults:
        return row.faults[0]
    faults = [each.fault for each in record.windows if each.layer == row.name and each.fault]
    if not good:
        return f"no good window: {faults[0]}" if faults else "not measured"
    if row.on and row.on not in rps:
        return f"no decay: {row.on} has no figure"
    return f"{len(faults)} of {len(faults) + len(good)} windows left out: {faults[0]}" if faults else ""
