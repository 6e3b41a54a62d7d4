"""Statistics against known answers, and on a simulated machine that is as noisy as a real one."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from bench.stats.estimate import Estimate, decay, estimate

LOGS = some.floats(-2, 2)


def test_one_window_a_round_is_students_t() -> None:
    values = [0.012, -0.003, 0.02, 0.007, 0.015, 0.001, 0.011]
    found = estimate({place: [value] for place, value in enumerate(values)})
    assert found
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    interval = found.interval()
    assert interval
    assert found.mean == pytest.approx(np.mean(values))
    assert interval == pytest.approx((known.low, known.high), abs=2e-4)


def test_windows_of_one_round_are_not_independent() -> None:
    """Ten windows that agree within each of four rounds tell no more than four."""
    apart = {
        place: [shift + small for small in np.linspace(-1e-5, 1e-5, 10)] for place, shift in enumerate((0, 1, 2, 3))
    }
    found, alone = estimate(apart), estimate({place: [float(place)] for place in range(4)})
    assert found
    assert alone
    assert (found.windows, alone.windows) == (40, 4)
    assert found.error == pytest.approx(alone.error, rel=0.05)


def test_a_round_weighs_the_same_however_many_windows_count() -> None:
    found = estimate({0: [1.0] * 9, 1: [3.0]})
    assert found
    assert found.mean == pytest.approx(2)


def test_too_little_for_an_interval() -> None:
    assert estimate({}) is None
    assert estimate({0: []}) is None
    one = estimate({3: [0.1, 0.2]})
    assert one
    assert (one.error, one.interval(), one.rounds, one.windows) == (None, None, 1, 2)


def test_decay() -> None:
    assert decay(math.log(0.5)) == pytest.approx(50)
    assert decay(0) == 0


@given(some.lists(some.lists(LOGS, min_size=1, max_size=4), min_size=2, max_size=6), LOGS, some.randoms())
def test_neither_order_nor_units_matter(groups: list[list[float]], shift: float, chance: random.Random) -> None:
    found = estimate(dict(enumerate(groups)))
    chance.shuffle(groups)
    for group in groups:
        chance.shuffle(group)
    again = estimate({place + 7: [value + shift for value in group] for place, group in enumerate(groups)})
    assert found
    assert again
    assert again.mean == pytest.approx(found.mean + shift, abs=1e-9)
    assert again.error == pytest.approx(found.error, rel=0.15, abs=1e-6)
    interval = found.interval()
    assert interval
    assert interval[0] <= found.mean <= interval[1]


class Machine:
    """A simulated one: its speed drifts and is stolen in bursts, and each start of a server has a speed of its own."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.drift = 0.0

    def speed(self) -> float:
        """Log-speed of the machine in the next window: a random walk, with a burst now and then."""
        self.drift += self.chance.normal(0, 0.05)
        return self.drift - 0.4 * float(self.chance.random() < 0.15)

    def start(self) -> float:
        """Log-speed of a server, for as long as it lives."""
        return float(self.chance.normal(0, 0.007))


TRUTH = math.log(0.6)


def side_by_side(machine: Machine, rounds: int, windows: int) -> dict[int, list[float]]:
    """Log-ratios as pairs give them: the machine's speed cancels, all but a little."""
    found = {}
    for place in range(rounds):
        upper, lower = machine.start(), machine.start()
        found[place] = [TRUTH + upper - lower + float(machine.chance.normal(0, 0.012)) for _ in range(windows)]
    return found


def one_after_another(machine: Machine, rounds: int) -> dict[int, list[float]]:
    """Log-ratios as the usual procedure gives them: each layer in a window of its own, the servers started once."""
    upper, lower = machine.start(), machine.start()
    lows = [machine.speed() + lower for _ in range(rounds)]
    highs = [TRUTH + machine.speed() + upper for _ in range(rounds)]
    return {place: [high - low] for place, (high, low) in enumerate(zip(highs, lows, strict=True))}


def coverage(found: list[Estimate | None]) -> float:
    """How often the 95% interval held the truth."""
    intervals = [each.interval() for each in found if each]
    return float(np.mean([each is not None and each[0] <= TRUTH <= each[1] for each in intervals]))


@pytest.mark.parametrize(("rounds", "windows"), [(5, 1), (6, 2), (25, 1)])
def test_the_interval_covers_the_truth_about_95_times_in_100(rounds: int, windows: int) -> None:
    assert 0.92 <= coverage([estimate(side_by_side(Machine(seed), rounds, windows)) for seed in range(400)]) <= 0.985


def test_that_of_the_usual_procedure_does_not() -> None:
    assert coverage([estimate(one_after_another(Machine(seed), 10)) for seed in range(300)]) < 0.85


def test_stopping_when_the_interval_is_narrow_does_little_harm() -> None:
    """As bench does: from five rounds on, until the margin is a point of decay, or fifteen rounds."""
    found = []
    for seed in range(400):
        windows = side_by_side(Machine(seed), 15, 1)
        for rounds in range(5, 16):
            now = estimate({place: windows[place] for place in range(rounds)})
            assert now
            interval = now.interval()
            assert interval
            if (decay(interval[0]) - decay(interval[1])) / 2 <= 1:
                break
        found.append(now)
    assert coverage(found) >= 0.90
