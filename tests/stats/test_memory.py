"""Resident memory: medians over rounds, each at the end of its last window."""

from statistics import median

from bench.data.record import Row
from bench.stats.memory import Memory, memory
from tests.stats.test_comparison import BEFORE, record


def test_what_a_layer_takes() -> None:
    made = record(1, BEFORE)
    row = Row(name="x", start_bytes=[10, 30, 20])
    assert memory(made, row) == Memory(20, None, None), "no window of a record from before has it"
    name = made.layers[0].name
    mine = [window for window in made.windows if window.layer == name]
    last: dict[int, int] = {}
    for window in mine:
        window.rss_bytes = 1000 + window.take
        last[window.round] = max(last.get(window.round, 0), window.take)
    found = memory(made, made.layers[0])
    assert found.start is None
    assert found.end == median(1000 + take for take in last.values())
    assert 0 < (found.requests or 0) <= sum(window.requests for window in mine)
