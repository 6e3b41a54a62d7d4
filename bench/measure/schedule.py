"""What the next round of a ladder holds: windows go where an interval is widest against what it should be."""

import math
from collections.abc import Mapping

import msgspec

MOST = 0.1
"""Share of a round's time that may pass outside its windows: longer rounds hold more windows for one start."""
SOLO = 0.3
"""Share of a round's time that solo windows may take."""
LEVEL = 2.0
"""How much wider the interval of a level, in percent, may be than that of a decay, in points."""
UNKNOWN = 10.0
"""How many times too wide an unknown interval is assumed to be."""


class Step(msgspec.Struct, frozen=True):
    """One window to take: of one layer solo, or of two, the lower first."""

    names: tuple[str, ...]
    seconds: int

    @property
    def pair(self) -> str | None:
        """The upper layer of a pair, or None."""
        return self.names[1] if len(self.names) > 1 else None


class Need(msgspec.Struct, frozen=True):
    """How well a figure is known: how many times its interval is too wide, and the windows that it has."""

    times: float | None
    windows: int

    def after(self, more: int) -> float:
        """How many times too wide it will be after `more` windows: it narrows with the root of their number."""
        windows = max(self.windows, 1)
        return (UNKNOWN if self.times is None else self.times) * math.sqrt(windows / (windows + more))


def length(overhead: float, left: float, rounds: int) -> float:
    """The seconds of windows in a round: `left` seconds must hold `rounds` rounds, each with its `overhead`."""
    longest = overhead * (1 / MOST - 1)
    return min(longest, (left - overhead * (rounds - 1)) / rounds) if rounds > 1 else min(longest, left)


def schedule(
    pairs: Mapping[tuple[str, str], Need], solo: Mapping[str, Need], seconds: float, window: int, alone: int
) -> list[Step]:
    """Fill `seconds`: one window of each pair (lower, upper), then always where it is needed most.

    Solo windows set the levels of all layers together, so they go to the layer that has the fewest.
    """
    steps = [Step(pair, window) for pair in pairs]
    spent, spent_solo = window * len(steps), 0
    counts = {pair: (1, need) for pair, need in pairs.items()}
    own = {name: need.windows for name, need in solo.items()}
    worst = max(solo.values(), key=lambda need: need.after(0), default=None)
    while True:
        wanted, pair = max(((need.after(more), pair) for pair, (more, need) in counts.items()), default=(0.0, None))
        level = 0.0
        if worst and spent_solo + alone <= SOLO * seconds:
            more = sum(own.values()) - sum(need.windows for need in solo.values())
            level = msgspec.structs.replace(worst, windows=sum(need.windows for need in solo.values())).after(more)
        if max(wanted, level) <= 1 or spent + (alone if level >= wanted else window) > seconds:
            return steps
        if level >= wanted:
            name = min(own, key=lambda each: own[each])
            own[name] += 1
            steps.append(Step((name,), alone))
            spent, spent_solo = spent + alone, spent_solo + alone
        elif pair:
            counts[pair] = counts[pair][0] + 1, counts[pair][1]
            steps.append(Step(pair, window))
            spent += window
