"""An estimate -> a verdict that can be acted on. Pure.

Looking at the figures while they come in raises the share of false alarms unless the looks are paid for. There are
LOOKS of them, at even shares of the budget, with the bounds of O'Brien and Fleming (A Multiple Testing Procedure for
Clinical Trials, Biometrics 35, 1979): look k uses z = CONSTANT x sqrt(LOOKS / k), so that all looks together raise a
false alarm in 5% of cases. CONSTANT is from Jennison and Turnbull, Group Sequential Methods, 2000, table 2.3; each z is
turned into a level for Student's t, as their section 3.8 has it.
"""

import math
from typing import Literal

from scipy import stats

from bench.stats.estimate import Estimate

Verdict = Literal["same", "slower", "faster", "unclear"]

LOOKS = 4
CONSTANT = 2.024
MIN_RESTARTS = 4
FLOOR = 0.1
"""Percent: what pairs of the same program show on average (docs/METHOD.md); no smaller difference is claimed."""


def level(look: int) -> float:
    """The share of false alarms that look number `look` (1 to LOOKS) is allowed, taken by itself."""
    return float(2 * stats.norm.sf(CONSTANT * math.sqrt(LOOKS / look)))


def judge(found: Estimate | None, alpha: float, threshold: float, floor: float = FLOOR) -> Verdict:
    """Judge ln(rps(b) / rps(a)); `threshold` and `floor` are in percent.

    same: the interval lies within the threshold. slower, faster: it lies clear of nothing and of the floor.
    """
    interval = found.interval(alpha) if found and found.restarts >= MIN_RESTARTS else None
    if not interval:
        return "unclear"
    low, high = interval
    if math.log1p(-threshold / 100) < low and high < math.log1p(threshold / 100):
        return "same"
    if high < math.log1p(-floor / 100):
        return "slower"
    if low > math.log1p(floor / 100):
        return "faster"
    return "unclear"


def seconds_needed(found: Estimate, alpha: float, threshold: float, seconds: float, floor: float = FLOOR) -> float:
    """How long a pair that was unclear after so many seconds would need: the interval narrows as 1 / sqrt(time)."""
    interval = found.interval(alpha)
    if not interval:
        return math.inf
    margin, off = (interval[1] - interval[0]) / 2, abs(found.mean)
    room = max(off - math.log1p(floor / 100), math.log1p(threshold / 100) - off)
    return seconds * (margin / room) ** 2 if room > 0 else math.inf
