"""Readings of the sensor -> the two speeds of a core, and how much of each window was slow. Pure.

A core whose other hardware thread belongs to another tenant has two speeds, far apart (35 and 62 microseconds for the
same loop), each for tenths of a second to many seconds. The levels are those of the run's own readings, told apart at
the threshold that leaves the least variance on either side (Otsu, A Threshold Selection Method from Gray-Level
Histograms, IEEE Transactions on Systems, Man, and Cybernetics 9, 1979), on a logarithmic scale. Where the two lie
closer than RATIO, or overlap, there is one state, and nothing is disturbed.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

RATIO = 1.2
"""How many times slower the slow level must be: a clock that drifts by a tenth is not a neighbour."""
APART = 2.0
"""By how many times the sum of their spreads two levels must differ."""
LEAST = 20
"""Readings below which nothing is told apart."""
FEW = 0.002
"""Share of the readings below which a level is a handful of outliers."""


class States(msgspec.Struct, frozen=True):
    """The fast and the slow level in microseconds, and what lies between; one state: `slow` and `threshold` None."""

    fast: float
    slow: float | None = None
    threshold: float | None = None


class Slowness(msgspec.Struct, frozen=True):
    """How disturbed one window was."""

    share: float
    """The share of its readings that were slow, 0 to 1."""
    lost: float
    """The share of the core's speed, seen by the sensor: the mean of 1 - fast / reading over slow readings, and 0."""


def smooth(readings: Sequence[int]) -> list[int]:
    """Each reading as the median of itself and its neighbours: one that stands out alone is an interrupt, no state."""
    if not readings:
        return []
    values = np.pad(np.asarray(readings), 1, mode="edge")
    return [int(each) for each in np.median([values[:-2], values[1:-1], values[2:]], axis=0)]


def states(readings: Sequence[int]) -> States | None:
    """The states of a core, from all smooth readings of a run, in tenths of a µs; None where there are too few."""
    if len(readings) < LEAST:
        return None
    values = np.sort(np.asarray(readings, float)) / 10
    logs = np.log(np.clip(values, values[0] + 1e-9, 4 * np.quantile(values, 0.1)))
    one = States(float(np.median(values)))
    counts = np.arange(1, len(logs))
    below = np.cumsum(logs)[:-1]
    low, high = below / counts, (logs.sum() - below) / (len(logs) - counts)
    split = int(np.argmax(counts * (len(logs) - counts) * (high - low) ** 2)) + 1
    if min(split, len(logs) - split) < max(2, FEW * len(logs)):
        return one
    fast, slow = float(np.median(logs[:split])), float(np.median(logs[split:]))
    spreads = _spread(logs[:split], fast) + _spread(logs[split:], slow)
    if slow - fast < np.log(RATIO) or slow - fast < APART * spreads:
        return one
    return States(float(np.exp(fast)), float(np.exp(slow)), float(np.exp((fast + slow) / 2)))


def _spread(logs: np.ndarray, middle: float) -> float:
    """A standard deviation from the median of the distances, which outliers do not move."""
    return 1.4826 * float(np.median(np.abs(logs - middle)))


def slowness(readings: Sequence[int], found: States) -> Slowness | None:
    """How disturbed a window was, from its smooth readings; None where it has none."""
    if not readings:
        return None
    if found.slow is None or found.threshold is None:
        return Slowness(0.0, 0.0)
    values = np.asarray(readings, float) / 10
    is_slow = values > found.threshold
    lost = 1 - found.fast / np.clip(values, found.threshold, 1.5 * found.slow)
    return Slowness(float(is_slow.mean()), float(np.where(is_slow, lost, 0.0).mean()))
