"""Two layers by turns until it is clear which is slower, or that neither is, or the budget ends."""

import math

from bench.data.errors import ServerFault
from bench.data.plan import Plan, Watch
from bench.data.record import Pair, Verdict
from bench.measure.run import Run
from bench.stats.decay import ratio
from bench.stats.verdict import LEVEL, LOOKS, Outcome, judge, outcome


def measure_pair(plan: Plan, record: Pair, watch: Watch, patient: bool = False) -> Outcome:
    """Measure the plan's two layers, and judge at each look; raises ServerFault where one fails.

    A precision of the plan, in percent, has it go on after the verdict until the interval is no wider. With `patient`
    it goes on to the end of the budget and looks once.
    """
    look = 0
    verdict: Verdict = "unclear"
    last = False
    run = Run(plan, record, watch)
    while not last and (verdict == "unclear" or _too_wide(plan, record)):
        run.round(plan.selection.layers, run.turns_next)
        for row in record.layers:
            if row.faults:
                raise ServerFault(row.name, row.faults[0])
        last = not run.has_time(1)
        due = LOOKS if last else min(LOOKS - 1, math.floor(LOOKS * run.seconds / plan.budget))
        if due > look and (last or not patient):
            look = due
            verdict = judge(ratio(record, record.layers[1]), LEVEL, plan.threshold)
    return outcome(record, plan.threshold)


def _too_wide(plan: Plan, record: Pair) -> bool:
    """Whether the interval is wider than the plan's precision."""
    found = ratio(record, record.layers[1]) if plan.precision else None
    interval = found.interval(LEVEL) if found else None
    return bool(plan.precision and interval and 50 * (interval[1] - interval[0]) > plan.precision)
