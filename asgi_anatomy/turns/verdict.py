"""A pair by turns -> a verdict on its time. Those of counts are in counts/changes.py. Pure.

Looking at the figures while they come in raises the false-positive rate unless the looks are paid for. There are LOOKS
of them, at even shares of the budget, each at the same level (Pocock, Biometrika 64, 1977), so that all of them
together have a false-positive rate of 5%; z = 2.413 is from Jennison and Turnbull, Group Sequential Methods, 2000,
table 2.1. Bounds that ask more of early looks would keep a large difference waiting, for which few rounds are enough.
"""

import math

import msgspec

from asgi_anatomy.turns.decay import ratio
from asgi_anatomy.turns.estimate import Estimate
from asgi_anatomy.turns.record import Pair, Verdict

LOOKS = 5
LEVEL = 0.0158
"""The false-positive rate of a look by itself: that of z = 2.413."""
FLOOR = 0.1
"""Percent: what pairs of the same program show on average (docs/METHOD.md); no smaller difference is claimed."""


def judge(ratio: Estimate | None, alpha: float, threshold: float, floor: float = FLOOR) -> Verdict:
    """Judge ln(rps(b) / rps(a)); `threshold` and `floor` are in percent.

    same: the interval lies within the threshold. slower, faster: all of it is beyond the floor.
    """
    interval = ratio.interval(alpha) if ratio else None
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


def seconds_needed(ratio: Estimate, alpha: float, threshold: float, seconds: float, floor: float = FLOOR) -> float:
    """How long a pair that was unclear after `seconds` would need: the interval narrows as 1 / sqrt(time)."""
    interval = ratio.interval(alpha)
    if not interval:
        return math.inf
    margin, off = (interval[1] - interval[0]) / 2, abs(ratio.mean)
    room = max(off - math.log1p(floor / 100), math.log1p(threshold / 100) - off)
    return seconds * (margin / room) ** 2 if room > 0 else math.inf


class Outcome(msgspec.Struct, frozen=True):
    """What a pair showed: b against a, with the interval at the level of a look."""

    a: str
    b: str
    found: Estimate | None
    """ln(rps(b) / rps(a))."""
    verdict: Verdict
    seconds: float
    threshold: float
    """Percent."""
    alpha: float = LEVEL

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval of the log-ratio, or None with too few rounds."""
        return self.found.interval(self.alpha) if self.found else None


def outcome(record: Pair, threshold: float) -> Outcome:
    """Judge a record of a pair as it stands."""
    a, b = record.layers
    step = ratio(record, b)
    return Outcome(a.name, b.name, step, judge(step, LEVEL, threshold), record.seconds or 0, threshold)
