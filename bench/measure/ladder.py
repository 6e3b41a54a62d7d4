"""A ladder, measured until every decay is known well enough, or the budget ends."""

import math
import random

from msgspec.structs import replace

from bench.data.plan import Plan, Watch
from bench.data.record import Bench
from bench.measure.run import Run, run_of
from bench.measure.schedule import LEVEL, Need, Step, length, schedule
from bench.stats.decay import margin_of, ratio_of
from bench.stats.estimate import Estimate
from bench.stats.undisturbed import Undisturbed, undisturbed
from bench.stats.windows import level_windows, solo_windows

MIN_ROUNDS = 5
"""Before this many rounds no interval is trusted to be narrow."""
FEWEST = 4
"""This many rounds fit any budget: instances differ, and a comparison needs four."""


def measure_ladder(plan: Plan, record: Bench, watch: Watch) -> None:
    """Take one window of each pair and one of each layer solo, then round by round what is least known.

    Their order is shuffled anew each time. A pair is open until its interval is narrow enough; layers that are in no
    open pair are no longer started.
    """
    with run_of(plan, record, watch) as run:
        while steps := next_steps(run, plan, record):
            names = {name for step in steps for name in step.names}
            with run.round([layer for layer in plan.selection.layers if layer.name in names]) as servers:
                for step in random.sample(steps, len(steps)):
                    if all(name in servers for name in step.names):
                        load = replace(plan.load, seconds=step.seconds)
                        run.window([servers[name] for name in step.names], load, step.pair)


def next_steps(run: Run, plan: Plan, record: Bench) -> list[Step]:
    """The windows of the next round; none if everything is known, or no time is left."""
    live = [row.name for row in record.layers if not row.faults]
    pairs = {row.name: row.on for row in record.layers if row.on in live and row.name in live} if plan.lane else {}
    window = plan.load.seconds
    alone = max(1, window // (2 if plan.lane and any(row.on for row in record.layers) else 1))
    if not run.rounds or not pairs:
        steps = [Step((on, name), window) for name, on in pairs.items() if on] + [Step((name,), alone) for name in live]
        return steps if run.has_time(sum(step.seconds for step in steps)) else []
    fit = undisturbed(record)
    found = {name: ratio_of(record, record.row(name), fit) for name in pairs}
    needs = {
        (on, name): Need(_times(found[name], plan), _windows(found[name]))
        for name, on in pairs.items()
        if on and not is_known(found[name], plan)
    }
    if not needs:
        return []
    names = dict.fromkeys(name for pair in needs for name in pair)
    solo = {name: _level(record, name, plan, fit) for name in names}
    enough = length(run.overhead, run.left, max(1, FEWEST - run.rounds))
    least = window * len(needs)
    if run.left < least:  # the last round: those that need it most
        kept = sorted(needs, key=lambda pair: -needs[pair].after(0))[: max(0, int(run.left / window))]
        return [Step(pair, window) for pair in kept]
    return schedule(needs, solo, max(enough, least), window, alone)


def is_known(found: Estimate | None, plan: Plan) -> bool:
    """Whether a decay has enough rounds and an interval as narrow as the plan wants it."""
    times = _times(found, plan)
    return found is not None and found.rounds >= MIN_ROUNDS and times is not None and times <= 1


def _times(found: Estimate | None, plan: Plan) -> float | None:
    """How many times wider than the plan wants it the interval of a decay is; None where there is none."""
    margin = margin_of(found) if found else None
    return None if margin is None else margin / plan.precision if plan.precision else math.inf


def _windows(found: Estimate | None) -> int:
    return found.windows if found else 0


def _level(record: Bench, name: str, plan: Plan, fit: Undisturbed | None) -> Need:
    """How well the CPU time per request of a layer is known; one that no window can tell needs none."""
    row = record.row(name)
    count = len(solo_windows(record, row))
    interval = level.interval() if fit and (level := fit.level(name)) else None
    if not level_windows(record, row):
        return Need(0.0 if count else None, count)
    if not interval:
        return Need(None, count)
    return Need(50 * (interval[1] - interval[0]) / (LEVEL * plan.precision) if plan.precision else math.inf, count)
