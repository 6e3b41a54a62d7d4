"""record -> a layer's resident memory: when it had started, and after its requests."""

from statistics import median

import msgspec

from bench.data.record import Row, Measured
from bench.data.window import Window
from bench.stats.windows import good_windows


class Memory(msgspec.Struct, frozen=True):
    """Medians over rounds; None where the record has none."""

    start: float | None
    """Bytes, before any load."""
    end: float | None
    """Bytes, at the end of a round's last window."""
    requests: float | None
    """How many requests its windows of one round had until then."""


def memory(record: Measured, row: Row) -> Memory:
    """A layer's resident memory."""
    rounds: dict[int, list[Window]] = {}
    for window in good_windows(record, row):
        if window.rss_bytes is not None:
            rounds.setdefault(window.round, []).append(window)
    ends = [max(each, key=lambda window: window.take).rss_bytes or 0 for each in rounds.values()]
    served = [sum(window.requests for window in each) for each in rounds.values()]
    return Memory(
        median(row.start_bytes) if row.start_bytes else None,
        median(ends) if ends else None,
        median(served) if served else None,
    )
