"""A ladder, measured until every decay is known well enough, or the budget ends."""

import random

import msgspec

from bench.data.load import Load
from bench.data.plan import Plan, Watch
from bench.data.record import Bench
from bench.measure.run import Run
from bench.stats.decay import margin_of, ratio

MIN_ROUNDS = 5
"""Before so many rounds no interval is trusted to be narrow."""
SOLO = (0, 1, 3)
"""The rounds in which, where there are pairs, each layer also has its core alone for a window."""


def measure_ladder(plan: Plan, record: Bench, watch: Watch) -> None:
    """Take one window of each open pair a round and, in some of the first, one of each layer solo.

    Their order is shuffled anew each time. A pair is open until its interval is narrow enough; layers that are in no
    open pair are no longer started.
    """
    run = Run(plan, record, watch)
    pairs = {row.name: row.on for row in record.layers if row.on} if plan.lane else {}
    alone = msgspec.structs.replace(plan.load, seconds=max(1, plan.load.seconds // (2 if pairs else 1)))
    while True:
        live = [row.name for row in record.layers if not row.faults]
        open_pairs = [
            (on, name) for name, on in pairs.items() if on in live and name in live and not is_known(record, name, plan)
        ]
        names = live
        if run.rounds >= MIN_ROUNDS:
            names = [name for name in live if any(name in each for each in open_pairs)]
        solo = names if not pairs or run.rounds in SOLO else []
        if not names or not run.has_time(len(open_pairs) * plan.load.seconds + len(solo) * alone.seconds):
            break
        with run.round([layer for layer in plan.selection.layers if layer.name in names]) as servers:
            steps: list[tuple[tuple[str, ...], Load, str | None]] = [(each, plan.load, each[1]) for each in open_pairs]
            steps += [((name,), alone, None) for name in solo]
            for step, load, pair in random.sample(steps, len(steps)):
                if all(name in servers for name in step):
                    run.window([servers[name] for name in step], load, pair)


def is_known(record: Bench, name: str, plan: Plan) -> bool:
    """Whether a layer's decay has enough rounds and an interval as narrow as the plan wants it."""
    found = ratio(record, record.row(name))
    margin = margin_of(found) if found and found.rounds >= MIN_ROUNDS else None
    return margin is not None and plan.precision is not None and margin <= plan.precision
