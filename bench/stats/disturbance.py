"""How much of a run the servers' core was disturbed, as its sensor saw it."""

import msgspec

from bench.data.record import Measured
from bench.stats.states import Slowness, States, slowness, smooth, states

MOSTLY = 0.5
SCARCE = 0.1


class Disturbance(msgspec.Struct, frozen=True):
    """How disturbed the servers' core was in a run."""

    share: float
    """The share of the windows' time in which it was slow, 0 to 1."""
    fast_us: float
    """Microseconds that the sensor's loop took when nobody disturbed it."""
    slow_us: float | None
    """... and otherwise; None: there was one state only."""
    scarce: bool
    """Fewer than SCARCE of the windows were undisturbed for more than MOSTLY of their time."""


def disturbance(record: Measured) -> Disturbance | None:
    """How much of a run was disturbed; None where it had no sensor."""
    found, slow = how_slow(record)
    if not found or not slow:
        return None
    counts = {take.number: len(take.readings) for take in record.takes}
    share = sum(each.share * counts[number] for number, each in slow.items()) / sum(counts[each] for each in slow)
    calm = sum(each.share < MOSTLY for each in slow.values())
    return Disturbance(share, found.fast, found.slow, calm < SCARCE * len(slow))


def how_slow(record: Measured) -> tuple[States | None, dict[int, Slowness]]:
    """The states of a record's core, and how each take was."""
    readings = {take.number: smooth(take.readings) for take in record.takes}
    found = states([each for those in readings.values() for each in those])
    if not found:
        return None, {}
    slow = {number: slowness(those, found) for number, those in readings.items()}
    return found, {number: each for number, each in slow.items() if each}
