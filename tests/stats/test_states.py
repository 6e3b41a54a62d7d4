"""Two speeds of a core, told apart from a sensor's readings; one speed, and what is no state."""

import numpy as np
import pytest

from bench.data.load import Load
from bench.data.record import Bench, Row
from bench.data.window import Take
from bench.stats.disturbance import disturbance
from bench.stats.states import slowness, smooth, states

CHANCE = np.random.default_rng(7)


def readings(level: float, count: int, spread: float = 0.03) -> list[int]:
    return [round(10 * each) for each in level * np.exp(CHANCE.normal(0, spread, count))]


@pytest.mark.parametrize("slow", [20, 500, 980])
def test_two_states(slow: int) -> None:
    found = states(readings(35, 1000 - slow) + readings(62, slow))
    assert found
    assert found.slow
    assert (found.fast, found.slow) == pytest.approx((35, 62), rel=0.02)
    assert found.threshold == pytest.approx(46.6, rel=0.03)


@pytest.mark.parametrize("spread", [0.01, 0.05, 0.12])
def test_one_state(spread: float) -> None:
    found = states(readings(35, 2000, spread))
    assert found
    assert found.slow is None
    how = slowness(readings(90, 20), found)
    assert how
    assert (how.share, how.lost) == (0, 0), "with one state nothing is disturbed"


def test_a_clock_that_moves_a_little_is_no_neighbour() -> None:
    found = states(readings(35, 500, 0.01) + readings(39, 500, 0.01))
    assert found
    assert found.slow is None


def test_interrupts_are_no_state() -> None:
    found = states(readings(35, 5000) + readings(80, 5))
    assert found
    assert found.slow is None


def test_too_few_readings() -> None:
    assert states(readings(35, 10)) is None
    assert disturbance(Bench(load=Load(), layers=[Row(name="low")])) is None


def test_how_slow_a_window_was() -> None:
    found = states(readings(35, 500) + readings(62, 500))
    assert found
    how = slowness([350] * 60 + [620] * 40, found)
    assert how
    assert how.share == pytest.approx(0.4)
    assert how.lost == pytest.approx(0.4 * (1 - 35 / 62), rel=0.05)
    alone = slowness(smooth([350] * 50 + [620] + [350] * 49), found)
    assert alone
    assert alone.share == 0, "a single slow reading between fast ones is an interrupt"
    assert slowness([], found) is None


def test_the_share_of_a_run() -> None:
    takes = [Take(number=0, readings=readings(35, 300)), Take(number=1, readings=readings(62, 100))]
    found = disturbance(Bench(load=Load(), layers=[Row(name="low")], takes=takes))
    assert found
    assert found.share == pytest.approx(0.25)
    assert not found.scarce
    often = [Take(number=number, readings=takes[1].readings) for number in range(1, 31)] + takes[:1]
    slow = disturbance(Bench(load=Load(), layers=[Row(name="low")], takes=often))
    assert slow
    assert slow.scarce
