"""Records of one ladder under several workloads -> what each layer costs in each, and where that is the same. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from bench.data.record import Windows
from bench.stats.decay import figures

NEAR = 1.25
"""Costs in µs that differ by no more than this factor are about the same."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What a layer costs in one workload: decay in percent, the rest in µs of CPU time per request."""

    workload: str
    layer: str
    on: str
    decay: float | None
    decay_low: float | None
    decay_high: float | None
    margin: float | None
    """Half the width of the decay's 95% interval, in percentage points."""
    added_us: float | None
    added_low: float | None
    added_high: float | None
    cpu_us: float | None

    @property
    def added_margin(self) -> float | None:
        """Half the width of the 95% interval of `added_us`."""
        return None if self.added_low is None or self.added_high is None else (self.added_high - self.added_low) / 2


class Spread(msgspec.Struct, frozen=True):
    """How the costs of layers differ between workloads, each against its own cost in the first of them."""

    base: str
    same: int
    """In how many cases (a layer in a workload other than the base) a layer costs about the same in µs."""
    different: tuple[Cell, ...]
    """The other cases."""
    lowest: float
    """The lowest decay of any layer in any workload, in percent."""
    highest: float


def cells(records: Mapping[str, Windows]) -> list[Cell]:
    """Every layer that stands on another, in each workload; a layer without a figure has none."""
    return [
        Cell(
            workload=workload,
            layer=row.layer,
            on=row.on,
            decay=row.decay,
            decay_low=row.decay_low,
            decay_high=row.decay_high,
            margin=row.margin,
            added_us=row.added_us,
            added_low=row.added_low,
            added_high=row.added_high,
            cpu_us=row.cpu_us,
        )
        for workload, record in records.items()
        for row in figures(record)
        if row.on
    ]


def spread(found: Sequence[Cell], base: str) -> Spread | None:
    """How costs differ from those in one of the workloads; None where there is nothing to compare."""
    usual = {(each.layer, each.on): each.added_us for each in found if each.workload == base}
    decays = [each.decay for each in found if each.decay is not None]
    same, different = 0, []
    for each in found:
        before = usual.get((each.layer, each.on))
        if each.workload != base and before is not None and each.added_us is not None:
            near = before * each.added_us > 0 and 1 / NEAR <= each.added_us / before <= NEAR
            same += near
            different += [] if near else [each]
    if not same and not different:
        return None
    return Spread(base, same, tuple(different), min(decays), max(decays))
