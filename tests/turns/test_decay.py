"""The table against known answers: by turns, and by plain windows."""

import math
import random
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from asgi_anatomy.documents.notes import plain_notes, row_notes
from asgi_anatomy.documents.store import read_record
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.decay import Costs, figures
from asgi_anatomy.turns.record import Bench as Record
from asgi_anatomy.turns.record import Latency, Turn
from asgi_anatomy.turns.table import COLUMNS, decay_table
from tests.records import BETWEEN, CLIENT_US, SIZE, TURN, Simulation, sampled
from tests.records import plain as record

PUBLISHED = ROOT / "results" / "published.json"
COSTS = {"low": 10.0, "middle": 25.0, "high": 100.0}


def turned(seed: int = 1, rounds: int = 6) -> Record:
    """A ladder by turns without any scatter, but for the answers that lie unread between two."""
    return Simulation(seed, COSTS, instances=0, noise=0).record(rounds)


def changed(turn: Turn, cpu_ns: int | None) -> Turn:
    """A turn with another CPU time."""
    return msgspec.structs.replace(turn, cpu_ns=cpu_ns)


def test_the_published_decays() -> None:
    rows = {row.layer: row for row in figures(read_record(PUBLISHED, Record))}
    shown = {name: f"{row.decay:.1f}" for name, row in rows.items() if row.decay is not None}
    assert (shown["uvicorn"], shown["starlette"], shown["fastapi"]) == ("55.5", "23.7", "51.5")
    assert rows["asyncio"].decay is None
    assert f"{rows['fastapi'].share:.1f}" == "16.5"


def test_turns_are_read_as_they_were_made() -> None:
    rows = figures(turned())
    assert [row.cpu_us for row in rows] == pytest.approx([10, 25, 100], rel=0.01)
    assert [row.added_us for row in rows[1:]] == pytest.approx([15, 75], rel=0.02)
    assert [row.decay for row in rows[1:]] == pytest.approx([60, 75], abs=0.5)
    assert [row.share for row in rows] == pytest.approx([100, 40, 10], rel=0.02)
    assert [row.rps_per_core for row in rows] == pytest.approx([100_000, 40_000, 10_000], rel=0.01)
    assert [(row.rounds, row.turns) for row in rows] == [(6, 48)] * 3
    for row in rows[1:]:
        assert row.margin
        assert row.decay
        assert (row.decay_low, row.decay_high) == pytest.approx((row.decay - row.margin, row.decay + row.margin), 0.01)


def test_steps_add_up_to_what_the_layers_cost() -> None:
    """With scatter as well, and with a round in which one layer has no figure."""
    made = Simulation(2, COSTS).record(7)
    made.rounds[3].instances[1].fault = "wrk was ended"
    low, middle, high = figures(made)
    assert low.cpu_us
    assert middle.decay
    assert high.decay
    assert middle.cpu_us == pytest.approx(low.cpu_us / (1 - middle.decay / 100))
    assert high.cpu_us == pytest.approx(low.cpu_us / (1 - middle.decay / 100) / (1 - high.decay / 100))
    assert low.rounds == 7
    assert Costs(made).ratio("middle", "low") is not None
    ratio = Costs(made).ratio("high", "middle")
    assert ratio
    assert ratio.estimate.rounds == 6, "a round in which one of the two has no figure makes no ratio"
    assert "1 of 7 rounds left out: wrk was ended" in note(made, "middle")


def test_any_two_layers_can_be_compared() -> None:
    found = Costs(turned()).ratio("high", "low")
    assert found
    assert 100 * (1 - 2.718281828**found.value) == pytest.approx(90, abs=0.2)


def test_what_a_server_does_while_nobody_asks_is_subtracted() -> None:
    """A thread that takes 2% of a core, of which a turn has its share and the time until the next has the rest."""
    made = turned()
    for each in made.rounds:
        for instance in each.instances:
            if instance.layer == "high":
                instance.idle_us, instance.idle_cpu_ns = 300_000, 6_000_000
        each.turns = [
            changed(turn, (turn.cpu_ns or 0) + 20 * turn.span_us) if turn.layer == "high" else turn
            for turn in each.turns
        ]
    high = figures(made)[2]
    assert high.idle == pytest.approx(2)
    assert high.cpu_us == pytest.approx(100, rel=0.01)
    assert "uses 2.0% of a core while nobody asks it anything" in note(made, "high")


def test_user_and_system_time_add_up_with_the_error_of_their_sampling() -> None:
    made = turned(rounds=40)
    sampled(made, lambda _: 0.2)
    for row in figures(made):
        assert row.cpu_us
        assert row.user_us
        assert row.system_us
        assert row.system_low is not None
        assert row.system_high is not None
        assert row.user_us + row.system_us == pytest.approx(row.cpu_us, rel=0.001)
        ticks = 40 * 8 * TURN * 250 * row.cpu_us / (row.cpu_us + CLIENT_US)
        error = row.cpu_us * math.sqrt(0.2 * 0.8 / ticks)
        assert row.system_us == pytest.approx(0.2 * row.cpu_us, abs=4 * error)
        assert (row.system_high - row.system_low) / 2 == pytest.approx(2 * error, rel=0.5)
    high = figures(made)[2]
    assert high.user_decay == pytest.approx(75, abs=2), "the kernel has the same share of both"
    shown = decay_table(made).rows[2]
    columns = {column.name: column for column in COLUMNS}
    assert re.fullmatch(r"[\d.]+ ±[\d.]+", columns["system µs"].cell(shown))


def test_a_round_whose_split_fell_has_none() -> None:
    made = turned()
    assert [row.system_us for row in figures(made)] == [None] * 3
    sampled(made, lambda _: 0.2)
    for round_ in made.rounds[1:]:
        round_.instances[2].user_ns = round_.instances[2].system_ns = None
    high = figures(made)[2]
    assert high.system_us
    assert high.system_low is None, "one round has no interval"


def test_turns_whose_cpu_time_is_unknown_are_left_out() -> None:
    made = turned()
    first = next(turn for turn in made.rounds[0].turns if turn.layer == "high")
    place = made.rounds[0].turns.index(first)
    made.rounds[0].turns[place] = changed(first, None)
    high = figures(made)[2]
    assert high.cpu_us == pytest.approx(100, rel=0.01)
    assert "1 of 48 turns left out: some of its processes ended" in note(made, "high")


def test_what_parents_waited_for_counts_over_a_round() -> None:
    """In hundredths of a second, some turns later: no turn has its own, all of them have all."""
    made = turned()
    for each in made.rounds:
        owed = 0
        for place, turn in enumerate(each.turns):
            if turn.layer == "high":
                owed += turn.cpu_ns or 0
                last = not any(later.layer == "high" for later in each.turns[place + 1 :])
                paid, owed = (owed, 0) if last or turn.cycle % 3 == 2 else (0, owed)
                each.turns[place] = changed(turn, paid)
        for instance in each.instances:
            instance.cpu_from = "waited" if instance.layer == "high" else "clocks"
    assert figures(made)[2].cpu_us == pytest.approx(100, rel=0.01)


def test_without_enough_rounds_there_is_no_margin() -> None:
    high = figures(turned(rounds=4))[2]
    assert high.decay == pytest.approx(75, abs=0.5)
    assert (high.margin, high.decay_low, high.decay_high) == (None, None, None)


def test_turns_of_a_round_are_not_independent() -> None:
    """Instances that differ leave a margin that more turns of the same rounds do not narrow."""
    few, many = (figures(Simulation(3, COSTS, instances=0.02).record(6, cycles))[2].margin for cycles in (8, 80))
    assert few
    assert many
    assert many > 0.5 * few


def test_costs_of_plain_windows_add_up() -> None:
    rows = figures(record(low=[100_000], middle=[40_000], high=[10_000]))
    assert [row.cpu_us for row in rows] == pytest.approx([10, 25, 100])
    assert [row.added_us for row in rows[1:]] == pytest.approx([15, 75])
    assert [row.decay for row in rows[1:]] == pytest.approx([60, 75])
    assert [row.share for row in rows] == pytest.approx([100, 40, 10])


def test_the_median_of_windows_that_count() -> None:
    ladder = record(low=[100, 90, 5000], high=[50, 45, 40])
    ladder.windows[2].fault = "wrk counted errors: 1 read"
    low, high = figures(ladder)
    assert (low.plain_rps, low.plain_rps_low, low.plain_rps_high, low.windows) == (95, 90, 100, 2)
    assert note(ladder, "low") == "1 of 3 plain windows left out: wrk counted errors: 1 read"
    assert (high.plain_rps, high.windows, note(ladder, "high")) == (45, 3, "")
    ratio = Costs(ladder).ratio("high")
    assert ratio
    assert ratio.estimate.rounds == 2, "a round in which one of the two has no good window makes no ratio"


def test_a_layer_that_cannot_take_turns_has_figures_from_windows() -> None:
    """Its decay too: what it stands on has windows in the same rounds."""
    made = turned()
    made.layers[2].plain = "an answer takes 50 ms"
    slow = record(middle=[20_000] * 6, high=[2_000] * 6)
    made.windows = slow.windows
    low, middle, high = figures(made)
    assert (low.cpu_us, middle.cpu_us) == pytest.approx((10, 25), rel=0.01)
    assert (high.cpu_us, high.decay) == pytest.approx((500, 90))
    assert high.added_us == pytest.approx(450)
    assert "like what it stands on: an answer takes 50 ms" in note(made, "high")
    assert Costs(made).chained()["high"].value == pytest.approx(6.2146, abs=1e-3)


def test_a_layer_without_figures_says_why() -> None:
    ladder = record(low=[100], middle=[50], high=[25])
    ladder.layers[1].faults = ["contract: path (another path): answered nothing, expected 404"]
    low, middle, high = figures(ladder)
    assert (low.plain_rps, middle.plain_rps, high.plain_rps) == (100, None, 25)
    assert note(ladder, "middle").startswith("contract: path")
    assert (high.decay, note(ladder, "high")) == (None, "no decay: middle has no figure")


def test_latency_is_the_median_of_windows() -> None:
    ladder = record(low=[1, 1, 1])
    for window, p99 in zip(ladder.windows, (10, 500, 20), strict=True):
        window.latency_us = Latency(p50=5, p90=6, p99=p99, p999=7, max=8)
    (low,) = figures(ladder)
    assert (low.p50_us, low.p99_us, low.p99_low, low.p99_high) == (5, 20, 10, 500)


def test_what_a_plain_wrk_shows_stands_beside() -> None:
    """Where wrk sleeps between answers, a plain window reads a higher decay than turns do."""
    made = turned()
    for name, us, sleeps in (("low", 15, 100), ("middle", 30, 300), ("high", 150, 900)):
        for window in record(**{name: [1000, 1000]}).windows:
            window.server_cpu_ns, window.client_sleeps = us * 1000 * 1000, sleeps
            made.windows.append(window)
    high = figures(made)[2]
    assert (high.plain_cpu_us, high.plain_decay, high.sleeps) == pytest.approx((150, 80, 0.9))
    assert (high.cpu_us, high.decay) == pytest.approx((100, 75), rel=0.01)


def note(ladder: Record, layer: str) -> str:
    found = next(each for each in figures(ladder) if each.layer == layer)
    told = [each.text for each in row_notes(ladder)[layer]]
    return "; ".join([*told, *plain_notes(ladder, ladder.row(layer), found)])


@pytest.mark.parametrize(
    ("shares", "bound", "rps"), [((0.99, 0.97), False, 105), ((0.99, 0.8), False, 100), ((0.9, 0.8), True, 105)]
)
def test_a_server_that_did_not_fill_its_core(shares: tuple[float, float], bound: bool, rps: float) -> None:
    ladder = record(low=[100, 110])
    for window, share in zip(ladder.windows, shares, strict=True):
        window.server_cpu_ns = round(share * 1e9)
    (low,) = figures(ladder)
    assert (low.bound, low.plain_rps) == (bound, rps)
    assert ("p99 are upper ones: the server had at most 90% of its core" in note(ladder, "low")) == bound
    assert ("1 of 2 plain windows left out" in note(ladder, "low")) == (shares == (0.99, 0.8))


@given(some.floats(0.01, 100))
def test_a_constant_factor_on_every_turn_changes_no_decay(factor: float) -> None:
    made = turned()
    before = figures(made)[2]
    for each in made.rounds:
        each.turns = [changed(turn, round(factor * (turn.cpu_ns or 0))) for turn in each.turns]
    after = figures(made)[2]
    assert after.decay == pytest.approx(before.decay, rel=1e-4)
    assert after.share == pytest.approx(before.share, rel=1e-4)


@given(some.randoms())
def test_the_order_of_turns_and_rounds_changes_nothing(chance: random.Random) -> None:
    made = turned()
    before = figures(made)
    chance.shuffle(made.rounds)
    for each in made.rounds:
        chance.shuffle(each.turns)
    for row, known in zip(figures(made), before, strict=True):
        assert row.cpu_us == pytest.approx(known.cpu_us)
        assert row.decay == (known.decay and pytest.approx(known.decay))
        assert row.margin == (known.margin and pytest.approx(known.margin))


@given(some.lists(some.integers(1, 10**6), min_size=1, max_size=9), some.integers(2, 50), some.randoms())
def test_order_and_speed_change_no_plain_decay(counts: list[int], factor: int, chance: random.Random) -> None:
    ladder = record(low=counts, high=[7 + count // 2 for count in counts])
    (decay,) = (row.decay for row in figures(ladder)[1:])
    assert decay is not None
    for window in ladder.windows:
        window.requests *= factor
    chance.shuffle(ladder.windows)
    assert figures(ladder)[1].decay == pytest.approx(decay)


def test_the_simulated_turns_are_as_long_as_real_ones() -> None:
    turns = turned(rounds=1).rounds[0].turns
    assert {turn.wall_us for turn in turns} == {round(TURN * 1e6)}
    later = [turn for turn in turns if turn.layer == "low" and turn.cycle]
    assert sum(turn.span_us for turn in later) / len(later) == pytest.approx(3e6 * (TURN + BETWEEN), rel=0.2)
    assert all(turn.bytes % SIZE == 0 for turn in turns)
