"""The table against known answers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bench.decay import figures
from bench.layers import ROOT
from bench.record import Record, Row, Window, read_record
from bench.wrk import Latency, Load

PUBLISHED = ROOT / "results" / "published.json"


def record(**rps: list[int]) -> Record:
    """A ladder of the layers named, each on the one before, with a window of 1 s for each figure."""
    names = [*rps]
    return Record(
        command="bench",
        load=Load(),
        rounds=1,
        layers=[Row(name=name, on=on) for name, on in zip(names, [None, *names], strict=False)],
        windows=[
            Window(layer=name, round=place, requests=count, duration_us=1_000_000)
            for name, counts in rps.items()
            for place, count in enumerate(counts)
        ],
    )


def test_the_published_decays() -> None:
    rows = {row.layer: row for row in figures(read_record(PUBLISHED))}
    shown = {name: f"{row.decay:.1f}" for name, row in rows.items() if row.decay is not None}
    assert (shown["uvicorn"], shown["starlette"], shown["fastapi"]) == ("55.5", "23.7", "51.5")
    assert rows["asyncio"].decay is None
    assert f"{rows['fastapi'].share:.1f}" == "16.5"


def test_costs_add_up() -> None:
    rows = figures(record(low=[100_000], middle=[40_000], high=[10_000]))
    assert [row.cost_us for row in rows] == pytest.approx([10, 25, 100])
    assert [row.added_us for row in rows[1:]] == pytest.approx([15, 75])
    assert [row.decay for row in rows[1:]] == pytest.approx([60, 75])
    assert [row.share for row in rows] == pytest.approx([100, 40, 10])


def test_the_median_of_windows_that_count() -> None:
    ladder = record(low=[100, 90, 5000], high=[50, 45, 40])
    ladder.windows[2].fault = "wrk counted errors: 1 read"
    low, high = figures(ladder)
    assert (low.rps, low.windows) == (95, 2)
    assert low.note == "1 of 3 windows left out: wrk counted errors: 1 read"
    assert (high.rps, high.windows, high.note) == (45, 3, "")


def test_a_layer_without_figures_says_why() -> None:
    ladder = record(low=[100], middle=[50], high=[25])
    ladder.layers[1].faults = ["contract: path (another path): answered nothing, expected 404"]
    low, middle, high = figures(ladder)
    assert (low.rps, middle.rps, high.rps) == (100, None, 25)
    assert middle.note.startswith("contract: path")
    assert (high.decay, high.note) == (None, "no decay: middle has no figure")


def test_latency_is_the_median_of_windows() -> None:
    ladder = record(low=[1, 1, 1])
    for window, p99 in zip(ladder.windows, (10, 500, 20), strict=True):
        window.latency_us = Latency(p50=5, p90=6, p99=p99, p999=7, max=8)
    assert (figures(ladder)[0].p50_us, figures(ladder)[0].p99_us) == (5, 20)


@given(some.lists(some.integers(1, 10**6), min_size=1, max_size=9), some.integers(2, 50), some.randoms())
def test_order_and_speed_change_no_decay(counts: list[int], factor: int, chance: random.Random) -> None:
    ladder = record(low=counts, high=[7 + count // 2 for count in counts])
    (decay,) = (row.decay for row in figures(ladder)[1:])
    assert decay is not None
    for window in ladder.windows:
        window.requests *= factor
    chance.shuffle(ladder.windows)
    assert figures(ladder)[1].decay == pytest.approx(decay)
