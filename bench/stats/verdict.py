"""An estimate -> a verdict that can be acted on. Pure.

Looking at the figures while they come in raises the false-positive rate unless the looks are paid for. There are
LOOKS of them, at even shares of the budget, with the bounds of O'Brien and Fleming (A Multiple Testing Procedure for
Clinical Trials, Biometrics 35, 1979): look k uses z = CONSTANT x sqrt(LOOKS / k), so that all looks together
have a false-positive rate of 5%. CONSTANT is from Jennison and Turnbull, Group Sequential Methods, 2000, table 2.3;
each z is turned into a level for Student's t, as their section 3.8 has it.
"""

import math

import msgspec

from bench.data.record import Pair, Verdict
from bench.stats.decay import ratio
from bench.stats.estimate import Estimate

LOOKS = 4
CONSTANT = 2.024
MIN_ROUNDS = 4
FLOOR = 0.1
"""Percent: what pairs of the same program show on average (docs/METHOD.md); no smaller difference is claimed."""


def level(look: int) -> float:
    """The false-positive rate that look number `look` (1 to LOOKS) is allowed, taken by itself."""
    from scipy import special  # as in stats/estimate.py

    return float(2 * special.ndtr(-CONSTANT * math.sqrt(LOOKS / look)))


def judge(found: Estimate | None, alpha: float, threshold: float, floor: float = FLOOR) -> Verdict:
    """Judge ln(rps(b) / rps(a)); `threshold` and `floor` are in percent.

    same: the interval lies within the threshold. slower, faster: it lies clear of nothing and of the floor.
    """
    interval = found.interval(alpha) if found and found.rounds >= MIN_ROUNDS else None
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
    """How long a pair that was unclear after `seconds` would need: the interval narrows as 1 / sqrt(time)."""
    interval = found.interval(alpha)
    if not interval:
        return math.inf
    margin, off = (interval[1] - interval[0]) / 2, abs(found.mean)
    room = max(off - math.log1p(floor / 100), math.log1p(threshold / 100) - off)
    return seconds * (margin / room) ** 2 if room > 0 else math.inf


class Outcome(msgspec.Struct, frozen=True):
    """What a pair showed: b against a, with the interval at the level of the look that ended it."""

    a: str
    b: str
    found: Estimate | None
    alpha: float
    verdict: Verdict
    seconds: float
    threshold: float
    """Percent."""
    look: int = 1
    """The look that ended it."""


def outcome(record: Pair, look: int, threshold: float) -> Outcome:
    """Judge a record of a pair as it stands at a look."""
    a, b = (row.name for row in record.layers)
    found = ratio(record, record.layers[1])
    verdict = judge(found, level(look), threshold)
    return Outcome(a, b, found, level(look), verdict, record.seconds or 0, threshold, look)
