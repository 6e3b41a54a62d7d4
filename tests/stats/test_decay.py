"""The table against known answers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bench.data.layers import ROOT
from bench.data.load import Latency, Load
from bench.data.record import Bench as Record
from bench.data.record import Row
from bench.data.store import read_record
from bench.data.window import Window
from bench.report.notes import row_notes, solo_notes
from bench.stats.decay import figures

PUBLISHED = ROOT / "results" / "published.json"


def record(**rps: list[int]) -> Record:
    """A ladder of the layers named, each on the one before, with a window of 1 s for each figure."""
    names = [*rps]
    return Record(
        load=Load(),
        layers=[Row(name=name, on=on) for name, on in zip(names, [None, *names], strict=False)],
        windows=[
            Window(layer=name, round=place, requests=count, duration_us=1_000_000)
            for name, counts in rps.items()
            for place, count in enumerate(counts)
        ],
    )


def test_the_published_decays() -> None:
    rows = {row.layer: row for row in figures(read_record(PUBLISHED, Record))}
    shown = {name: f"{row.decay:.1f}" for name, row in rows.items() if row.decay is not None}
    assert (shown["uvicorn"], shown["starlette"], shown["fastapi"]) == ("55.5", "23.7", "51.5")
    assert rows["asyncio"].decay is None
    assert f"{rows['fastapi'].share:.1f}" == "16.5"


def test_costs_add_up() -> None:
    rows = figures(record(low=[100_000], middle=[40_000], high=[10_000]))
    assert [row.cpu_us for row in rows] == pytest.approx([10, 25, 100])
    assert [row.added_us for row in rows[1:]] == pytest.approx([15, 75])
    assert [row.decay for row in rows[1:]] == pytest.approx([60, 75])
    assert [row.share for row in rows] == pytest.approx([100, 40, 10])


def test_the_median_of_windows_that_count() -> None:
    ladder = record(low=[100, 90, 5000], high=[50, 45, 40])
    ladder.windows[2].fault = "wrk counted errors: 1 read"
    low, high = figures(ladder)
    assert (low.rps, low.rps_low, low.rps_high, low.windows) == (95, 90, 100, 2)
    assert note(ladder, "low") == "1 of 3 windows left out: wrk counted errors: 1 read"
    assert (high.rps, high.windows, note(ladder, "high")) == (45, 3, "")
    assert high.rounds == 2, "a restart in which one of the two has no good window makes no ratio"


def test_a_layer_without_figures_says_why() -> None:
    ladder = record(low=[100], middle=[50], high=[25])
    ladder.layers[1].faults = ["contract: path (another path): answered nothing, expected 404"]
    low, middle, high = figures(ladder)
    assert (low.rps, middle.rps, high.rps) == (100, None, 25)
    assert note(ladder, "middle").startswith("contract: path")
    assert (high.decay, note(ladder, "high")) == (None, "no decay: middle has no figure")


def test_latency_is_the_median_of_windows() -> None:
    ladder = record(low=[1, 1, 1])
    for window, p99 in zip(ladder.windows, (10, 500, 20), strict=True):
        window.latency_us = Latency(p50=5, p90=6, p99=p99, p999=7, max=8)
    assert (figures(ladder)[0].p50_us, figures(ladder)[0].p99_us) == (5, 20)


def note(ladder: Record, layer: str) -> str:
    found = next(each for each in figures(ladder) if each.layer == layer)
    return "; ".join([*(each.text for each in row_notes(ladder)[layer]), *solo_notes(ladder, ladder.row(layer), found)])


def pair(lower: float, upper: float, take: int, busy: float = 0.5) -> list[Window]:
    """Two windows side by side, by the CPU time in microseconds that a request cost."""
    return [
        Window(
            layer=layer,
            pair="high",
            round=take,
            take=take,
            requests=10_000,
            duration_us=round(10_000 * cost / busy),
            server_cpu_ns=round(cost * 1e3 * 10_000),
        )
        for layer, cost in (("low", lower), ("high", upper))
    ]


def test_decays_are_those_of_the_pairs() -> None:
    """What the layers did alone, at some other time, does not matter to them."""
    ladder = record(low=[100_000], high=[90_000])
    ladder.windows += [*pair(10, 40, 1), *pair(11, 44, 2), *pair(30, 120, 3)]
    low, high = figures(ladder)
    assert (low.rps, high.rps) == (100_000, 90_000)
    assert high.decay == pytest.approx(75)
    assert (high.decay_low, high.decay_high) == pytest.approx((75, 75))
    assert (low.cpu_us, high.cpu_us, high.added_us, high.share) == pytest.approx((11, 44, 33, 25))
    assert (high.pairs, high.windows, high.rounds) == (3, 4, 3)


def test_a_pair_counts_only_whole() -> None:
    ladder = record(low=[100_000], high=[90_000])
    ladder.windows += [*pair(10, 40, 1), *pair(10, 20, 2)]
    ladder.windows[-1].fault = "wrk counted errors: 1 timeout"
    high = figures(ladder)[1]
    assert high.decay == pytest.approx(75)
    assert high.pairs == 1
    assert "1 of 3 windows left out" in note(ladder, "high")


@pytest.mark.parametrize(
    ("shares", "bound", "rps"), [((0.99, 0.97), False, 105), ((0.99, 0.8), False, 100), ((0.9, 0.8), True, 105)]
)
def test_a_server_that_did_not_fill_its_core(shares: tuple[float, float], bound: bool, rps: float) -> None:
    ladder = record(low=[100, 110])
    for window, share in zip(ladder.windows, shares, strict=True):
        window.server_cpu_ns = round(share * 1e9)
    (low,) = figures(ladder)
    assert (low.bound, low.rps) == (bound, rps)
    assert ("lower bound: the server had at most 90% of its core" in note(ladder, "low")) == bound
    assert ("1 of 2 solo windows left out" in note(ladder, "low")) == (shares == (0.99, 0.8))


def test_a_margin_that_was_not_reached_is_named() -> None:
    ladder = record(low=[100], high=[50])
    ladder.windows += [*pair(10, 40, 1), *pair(10, 44, 2), *pair(10, 38, 3)]
    ladder.precision = 1.0
    assert "pp (target ±1): try a longer BUDGET" in note(ladder, "high")
    ladder.precision = 20.0
    assert note(ladder, "high") == ""


@given(some.floats(0.01, 100))
def test_a_constant_factor_on_every_window_changes_no_decay(factor: float) -> None:
    ladder = record(low=[100], high=[50])
    ladder.windows += [*pair(10, 40, 1), *pair(10, 44, 2), *pair(10, 38, 3)]
    before = figures(ladder)[1]
    for window in ladder.windows:
        window.server_cpu_ns = round(factor * (window.server_cpu_ns or 0))
    after = figures(ladder)[1]
    assert after.decay == pytest.approx(before.decay, rel=1e-5)
    assert after.share == pytest.approx(before.share, rel=1e-5)


@given(some.lists(some.integers(1, 10**6), min_size=1, max_size=9), some.integers(2, 50), some.randoms())
def test_order_and_speed_change_no_decay(counts: list[int], factor: int, chance: random.Random) -> None:
    ladder = record(low=counts, high=[7 + count // 2 for count in counts])
    (decay,) = (row.decay for row in figures(ladder)[1:])
    assert decay is not None
    for window in ladder.windows:
        window.requests *= factor
    chance.shuffle(ladder.windows)
    assert figures(ladder)[1].decay == pytest.approx(decay)
