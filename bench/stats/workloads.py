"""Records of one ladder under several workloads -> what each layer costs in each, and where that is the same. Pure."""

import math
from collections.abc import Mapping, Sequence

import msgspec

from bench.data.record import Measured
from bench.stats.decay import Figures, figures

NEAR = 1.25
"""Costs in µs that differ by no more than this factor are about the same."""

SETTLED = 10.0
"""Points: a decay that is known less well is neither the lowest nor the highest, if there are others."""


class Cell(msgspec.Struct, frozen=True):
    """What a layer costs in one workload."""

    workload: str
    row: Figures

    @property
    def step(self) -> tuple[str, str]:
        """The layer, and the one it stands on."""
        return self.row.layer, self.row.on or ""

    @property
    def added_margin(self) -> float | None:
        """Half the width of the 95% interval of `added_us`."""
        low, high = self.row.added_low, self.row.added_high
        return None if low is None or high is None else (high - low) / 2


class Spread(msgspec.Struct, frozen=True):
    """How the costs of layers differ between workloads, each against its own cost in the first of them.

    A case is a layer in a workload other than the base.
    """

    base: str
    same: int
    """In how many cases a layer costs about the same in µs."""
    different: tuple[Cell, ...]
    """The cases in which it does not, by more than their intervals explain."""
    unsure: int
    """In how many cases the intervals are too wide to say."""
    lowest: float
    """The lowest decay of any layer in any workload, in percent."""
    highest: float


def cells(records: Mapping[str, Measured]) -> list[Cell]:
    """Every layer that stands on another, in each workload; a layer without a figure has none."""
    return [Cell(workload, row) for workload, record in records.items() for row in figures(record) if row.on]


def spread(found: Sequence[Cell], base: str) -> Spread | None:
    """How costs differ from those in one of the workloads; None where there is nothing to compare."""
    usual = {each.step: each for each in found if each.workload == base}
    known = {each: each.row.decay for each in found if each.row.decay is not None}
    settled = [decay for each, decay in known.items() if (each.row.margin or math.inf) <= SETTLED]
    decays = settled or [*known.values()]
    told = [
        (each, same)
        for each in found
        if each.workload != base and each.step in usual and (same := _same(usual[each.step], each)) != "unknown"
    ]
    if not told:
        return None
    verdicts = [same for _, same in told]
    different = tuple(each for each, same in told if same == "different")
    return Spread(base, verdicts.count("same"), different, verdicts.count("unsure"), min(decays), max(decays))


def _same(before: Cell, after: Cell) -> str:
    """Whether a layer adds about the same in two workloads: same, different, unsure, or unknown without figures.

    They are different where they are further apart than NEAR allows, by more than the 95% interval of the difference;
    without intervals nothing can be said.
    """
    one, other = before.row.added_us, after.row.added_us
    if one is None or other is None:
        return "unknown"
    if one * other > 0 and 1 / NEAR <= other / one <= NEAR:
        return "same"
    if before.added_margin is None or after.added_margin is None:
        return "unsure"
    noise = math.hypot(before.added_margin, after.added_margin)
    allowed = (1 - 1 / NEAR) * max(abs(one), abs(other))
    return "different" if abs(one - other) - noise > allowed else "unsure"
