"""Statistics against known answers, and what stopping at a narrow interval does to it."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from asgi_anatomy.turns.estimate import ROUNDS, Estimate, Sample, combine, decay, mean_of

LOGS = some.floats(-2, 2)


def by_round(values: list[float]) -> Sample:
    """One value a round."""
    found = mean_of(dict(enumerate(values)))
    assert found
    return found


def test_one_value_a_round_is_students_t() -> None:
    values = [0.012, -0.003, 0.02, 0.007, 0.015, 0.001, 0.011]
    found = by_round(values).estimate
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.interval() == pytest.approx((known.low, known.high))
    assert found.interval(0.01) == pytest.approx(stats.ttest_1samp(values, 0).confidence_interval(0.99))


def test_too_little_for_an_interval() -> None:
    assert mean_of({}) is None
    one, few = by_round([0.3]).estimate, by_round([0.1, 0.2, 0.3, 0.2][: ROUNDS - 1]).estimate
    assert (one.mean, one.error, one.interval(), one.rounds) == (0.3, None, None, 1)
    assert (few.error, few.interval(), few.rounds) == (None, None, ROUNDS - 1)
    assert by_round([0.1, 0.2, 0.3, 0.2, 0.1]).estimate.interval()


def test_decay() -> None:
    assert decay(math.log(0.5)) == pytest.approx(50)
    assert decay(0) == 0


def test_a_product_has_the_error_of_the_sum_of_logarithms() -> None:
    """The jackknife of what is more than a mean, against the known answer to first order."""
    chance = np.random.default_rng(1)
    one, two = (by_round([*chance.normal(mean, 0.01, 12)]) for mean in (1.0, 2.0))
    both = combine(lambda a, b: math.exp(a + b), one, two)
    total = combine(lambda a, b: a + b, one, two).estimate
    assert both.value == pytest.approx(math.exp(one.value + two.value))
    assert total.error
    assert both.estimate.error == pytest.approx(both.value * total.error, rel=0.02)


def test_only_rounds_that_all_have_are_combined() -> None:
    one, two = Sample(1.0, {0: 1.0, 1: 1.1, 2: 0.9}), Sample(2.0, {1: 2.0, 2: 2.1, 3: 1.9})
    assert combine(lambda a, b: a + b, one, two).without.keys() == {1, 2}


@given(some.lists(LOGS, min_size=ROUNDS, max_size=12), LOGS, some.randoms())
def test_neither_order_nor_units_matter(values: list[float], shift: float, chance: random.Random) -> None:
    found = by_round(values).estimate
    chance.shuffle(values)
    again = by_round([value + shift for value in values]).estimate
    assert again.mean == pytest.approx(found.mean + shift, abs=1e-9)
    assert again.error == pytest.approx(found.error, rel=1e-6, abs=1e-9)
    interval = found.interval()
    assert interval
    assert interval[0] <= found.mean <= interval[1]


def test_degrees_of_freedom() -> None:
    assert Estimate(0.0, 1.0, 7).degrees == 6
    assert Estimate(0.0, 1.0, 7, 3.5).degrees == 3.5
