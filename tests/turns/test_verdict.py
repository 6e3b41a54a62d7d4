"""Verdicts: what each means, and how often repeated looks raise a false alarm."""

import math

import numpy as np
import pytest

from asgi_anatomy.turns.estimate import ROUNDS, Estimate, mean_of
from asgi_anatomy.turns.verdict import LEVEL, LOOKS, judge, seconds_needed


def known(percent: float, error: float, rounds: int = 30) -> Estimate:
    return Estimate(math.log1p(percent / 100), error / 100, rounds)


@pytest.mark.parametrize(
    ("percent", "error", "threshold", "verdict"),
    [
        (0, 0.2, 1, "same"),
        (0.5, 0.2, 1, "same"),
        (0, 0.6, 1, "unclear"),
        (-3, 0.5, 1, "slower"),
        (3, 0.5, 1, "faster"),
        (-1.5, 1.0, 1, "unclear"),
        (-3, 0.5, 5, "same"),
        (-0.45, 0.15, 0.5, "slower"),
        (-0.12, 0.02, 0.1, "unclear"),  # significant, but no more than pairs of the same program show
    ],
)
def test_verdicts(percent: float, error: float, threshold: float, verdict: str) -> None:
    assert judge(known(percent, error), 0.05, threshold) == verdict


def test_a_few_rounds_are_not_enough() -> None:
    few = mean_of({place: -0.2 + place / 1e4 for place in range(ROUNDS - 1)})
    assert few
    assert judge(few.estimate, 0.05, 1) == "unclear"
    assert judge(None, 0.05, 1) == "unclear"
    assert judge(Estimate(0.0, None, 9), 0.05, 1) == "unclear"


def test_the_level_of_a_look_is_pococks() -> None:
    """Jennison and Turnbull, table 2.1: 2.413 for five looks."""
    from scipy.stats import norm

    assert float(norm.isf(LEVEL / 2)) == pytest.approx(2.413, abs=2e-3)


def test_repeated_looks_do_not_raise_the_false_positive_rate() -> None:
    """Pairs of the same program: any look may call a change, 5% of runs may have one that does."""
    chance = np.random.default_rng(1)
    runs, rounds = 800, 30
    alarms = naive = 0
    for _ in range(runs):
        values = chance.normal(0, 0.015, rounds)
        parts = [values[: rounds * look // LOOKS] for look in range(1, LOOKS + 1)]
        found = [each.estimate for part in parts if (each := mean_of(dict(enumerate(part))))]
        alarms += any(judge(each, LEVEL, 0.01, floor=0.0) in ("slower", "faster") for each in found)
        naive += any(judge(each, 0.05, 0.01, floor=0.0) in ("slower", "faster") for each in found)
    assert 0.03 < alarms / runs < 0.07
    assert naive / runs > 0.09


def test_how_long_would_do() -> None:
    twice = seconds_needed(known(-1, 0.5), 0.05, 1, 60, floor=0.0)
    assert twice == pytest.approx(60 * (2.045 * 0.5) ** 2, rel=0.05)
    assert seconds_needed(Estimate(0.0, None, 1), 0.05, 1, 60) == math.inf


@pytest.mark.parametrize(("count", "runs"), [(0, 12), (7, 12), (12, 12), (1, 1000)])
def test_the_interval_of_a_share(count: int, runs: int) -> None:
    from scipy import stats

    from asgi_anatomy.pair.sensitivity import clopper_pearson

    known = stats.binomtest(count, runs).proportion_ci()
    assert clopper_pearson(count, runs) == pytest.approx((known.low, known.high))
