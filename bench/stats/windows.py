"""Which windows of a record count, and for what."""

from collections.abc import Sequence

from bench.data.record import Row, Measured
from bench.data.window import Window

BUSY = 0.95  # share of its core below which not the server was the limit
SPARE = 0.7  # share of its core below which the client was not the limit either


def good_windows(record: Measured, row: Row) -> list[Window]:
    """The windows of a layer that count: none where the layer broke its contract or died."""
    if row.faults:
        return []
    return [each for each in record.windows if each.layer == row.name and not each.fault and each.requests]


def solo_windows(record: Measured, row: Row) -> list[Window]:
    """Those of its good windows in which a layer had its core alone."""
    return [each for each in good_windows(record, row) if each.pair is None]


def full_windows(record: Measured, row: Row) -> list[Window]:
    """Those of its solo windows that its requests/s are from: where it filled its core in some, these alone."""
    solo = solo_windows(record, row)
    return [each for each in solo if each.busy is None or each.busy >= BUSY] or solo


def is_bound(row: Row, used: Sequence[Window]) -> bool:
    """Whether the server filled its core in none of these windows, so that something else was the limit."""
    return bool(used) and not row.waits and all(each.busy is not None and each.busy < BUSY for each in used)


def pair_windows(record: Measured, row: Row) -> list[tuple[Window, Window]]:
    """The windows (below, layer) of a layer side by side with the one it stands on, where both count."""
    on = next((each for each in record.layers if each.name == row.on), None)
    if on is None:
        return []
    upper, lower = (
        {each.take: each for each in good_windows(record, layer) if each.pair == row.name and each.cpu_us}
        for layer in (row, on)
    )
    return [(lower[take], window) for take, window in upper.items() if take in lower]


def level_windows(record: Measured, row: Row) -> list[Window]:
    """The solo windows that say what a request costs a layer that fills its core and has it alone.

    One in which the client had time to spare counts as well: then the rest of the core was some other process's. None
    where it filled its core in none, but is in a pair: there the core is filled by the two of them.
    """
    solo = [each for each in solo_windows(record, row) if each.cores == 1 and each.cpu_us]
    full = [each for each in solo if (each.busy or 0) >= BUSY or (not row.waits and _has_idle_client(each))]
    paired = any(each.pair for each in record.windows if each.layer == row.name)
    return full if full or paired else solo


def _has_idle_client(window: Window) -> bool:
    return bool(window.client_cpu_ns) and (window.client_cpu_ns or 0) / 1e3 < SPARE * window.duration_us
