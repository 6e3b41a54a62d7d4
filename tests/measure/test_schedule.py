"""What a round holds: what is least known, in the time that there is."""

import pytest

from bench.measure.schedule import SOLO, Need, length, schedule

A, B = ("low", "middle"), ("middle", "high")


def test_windows_go_to_the_pair_whose_interval_is_widest() -> None:
    steps = schedule({A: Need(1.5, 4), B: Need(3.0, 4)}, {}, 20, 2, 1)
    taken = [step.names for step in steps]
    assert taken.count(A) >= 1
    assert taken.count(B) > 2 * taken.count(A)
    assert sum(step.seconds for step in steps) <= 20


def test_no_more_than_is_needed() -> None:
    steps = schedule({A: Need(1.2, 4), B: Need(0.5, 4)}, {"low": Need(0.5, 9)}, 60, 2, 1)
    assert [step.names for step in steps].count(A) == 2, "4 windows x 1.2 squared is about 6"
    assert [step.names for step in steps].count(B) == 1
    assert [step for step in steps if step.pair is None] == []


def test_solo_windows_go_to_who_has_fewest_and_take_no_more_than_their_share() -> None:
    solo = {"low": Need(5.0, 1), "middle": Need(4.0, 3), "high": Need(4.0, 2)}
    steps = schedule({A: Need(2.0, 4)}, solo, 20, 2, 1)
    alone = [step.names for step in steps if step.pair is None]
    assert 0 < len(alone) <= SOLO * 20
    assert alone[0] == ("low",)
    assert alone.count(("low",)) >= alone.count(("middle",))


def test_what_nobody_knows_is_shared_out_evenly() -> None:
    taken = [step.names for step in schedule({A: Need(None, 1), B: Need(None, 1)}, {}, 16, 2, 1)]
    assert (taken.count(A), taken.count(B)) == (4, 4)


def test_a_round_is_long_enough_for_its_start() -> None:
    assert length(2.0, 80.0, 1) == pytest.approx(18)
    assert length(2.0, 80.0, 4) == pytest.approx(18)
    assert length(2.0, 60.0, 4) == pytest.approx((60 - 6) / 4)
