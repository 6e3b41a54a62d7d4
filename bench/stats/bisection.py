"""Versions in order, counted as few times as needed -> the steps between neighbours that moved the count."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

from bench.data.versus import Point
from bench.stats.changes import SCATTER


class Step(msgspec.Struct, frozen=True):
    """Two versions with nothing counted in between, whose counts differ by more than a limit."""

    before: Point
    after: Point
    between: list[Point]
    """Those in between that could not be counted: the change may be theirs."""

    @property
    def delta(self) -> float:
        """How much more the later one takes."""
        return (self.after.count or 0) - (self.before.count or 0)

    @property
    def percent(self) -> float:
        """The same in percent of the earlier one."""
        return 100 * self.delta / self.before.count if self.before.count else 0.0

    def exceeds(self, limit: float) -> bool:
        """Whether this is more than a limit, and more than starts of one program differ by."""
        same = self.before.bytecodes == self.after.bytecodes
        return abs(self.percent) > (max(limit, SCATTER) if same else limit)


def steps(points: Sequence[Point], limit: float) -> list[Step]:
    """The steps larger than a limit, in percent; a span in which something was left out as its ends agree is none."""
    counted = [place for place, each in enumerate(points) if each.count is not None]
    found = []
    for low, high in pairwise(counted):
        step = Step(points[low], points[high], [*points[low + 1 : high]])
        if step.exceeds(limit):
            found.append(step)
    return found


def narrow(points: Sequence[Point], limit: float, count: Callable[[Sequence[int]], None]) -> None:
    """Count as few as needed for every step to be between neighbours, or to have only faulty versions in between.

    `count` counts the versions at these places, all at a time, and writes the count or the fault into each. A change
    that a later one takes back within a span whose ends agree is not found.
    """
    count([0, len(points) - 1])
    while wanted := [place for span in _open(points, limit) if (place := _middle(points, *span)) is not None]:
        count(wanted)


def _open(points: Sequence[Point], limit: float) -> list[tuple[int, int]]:
    """The spans between counted versions that differ by more than the limit."""
    counted = [place for place, each in enumerate(points) if each.count is not None]
    return [(low, high) for low, high in pairwise(counted) if Step(points[low], points[high], []).exceeds(limit)]


def _middle(points: Sequence[Point], low: int, high: int) -> int | None:
    """The version nearest to the middle of a span that was not tried; None where there is none."""
    left = [place for place in range(low + 1, high) if not points[place].fault]
    return min(left, key=lambda place: abs(2 * place - low - high), default=None)
