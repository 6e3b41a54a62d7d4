"""A record -> what a request cost each layer, window by window, for tools that want values and not an interval."""

from typing import Literal

import msgspec

from bench.data.record import Row, Measured
from bench.data.window import Window
from bench.stats.undisturbed import STEEPEST, Undisturbed, undisturbed
from bench.stats.windows import level_windows, pair_windows


class Cost(msgspec.Struct, frozen=True):
    """One window of a layer, and its CPU time in microseconds per request."""

    window: Window
    cpu_us: float


class Costs(msgspec.Struct, frozen=True):
    """The windows of one layer, in the order in which they were measured."""

    layer: str
    windows: Literal["solo", "paired"]
    """Paired where it has no solo window on a core that it fills: sharing it costs some 10% more."""
    calm: bool
    """Whether each is read at an undisturbed core; if not, it is as measured."""
    values: list[Cost]


def costs(record: Measured) -> list[Costs]:
    """Every layer that has CPU times, lowest first.

    With a sensor, a window in which it lost the share x of its speed counts (1 - k x) of what was measured, with the
    layer's k of the fit (stats/undisturbed.py): the scatter of windows is then not that of the neighbours.
    """
    fit = undisturbed(record)
    found = [_costs(record, row, fit) for row in record.layers]
    return [each for each in found if each.values]


def _costs(record: Measured, row: Row, fit: Undisturbed | None) -> Costs:
    solo = level_windows(record, row)
    used = solo or [upper for _, upper in pair_windows(record, row)]
    calm = fit is not None and row.name in fit.names
    values = [
        Cost(each, each.cpu_us * (_left(each, row.name, fit) if fit and calm else 1.0))
        for each in used
        if each.cpu_us and (not fit or not calm or each.take in fit.slowness)
    ]
    return Costs(row.name, "solo" if solo else "paired", calm, values)


def _left(window: Window, name: str, fit: Undisturbed) -> float:
    """The share of its speed that a layer had in a window."""
    if fit.fitted.steep is None:
        return 1.0
    return 1 - min(float(fit.fitted.steep[fit.names.index(name)]) * fit.slowness[window.take].lost, STEEPEST)
