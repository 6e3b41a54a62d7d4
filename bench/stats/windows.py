"""Which plain windows of a record count, and for what."""

from collections.abc import Sequence
from statistics import fmean

from bench.data.record import Measured, Row
from bench.data.window import Window

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
