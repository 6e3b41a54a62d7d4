"""A ladder, measured until every decay is known well enough, or the budget ends."""

from asgi_anatomy.turns.decay import margin_of, ratios
from asgi_anatomy.turns.plan import Plan, Watch
from asgi_anatomy.turns.record import Bench
from asgi_anatomy.turns.run import Run

LAST = 2
"""As many rounds end with a plain window of each layer: the last ones."""
SHARE = 0.25
"""... if these windows take no more than this share of the budget."""


def measure_ladder(plan: Plan, record: Bench, watch: Watch) -> None:
    """Rounds of turns until every decay is known, of which the last ones end with plain windows.

    As many rounds as an interval needs fit into any budget that has room for them.
    """
    run = Run(plan, record, watch)
    last = min(LAST, int(SHARE * plan.budget / run.window_seconds)) if run.can_take_turns else 0
    run.kept = last * run.window_seconds
    while not run.rounds or (run.has_time(1 + last) and not is_known(plan, record)):
        run.round(plan.selection.layers, run.turns_next)
    while last and run.has_time(1):
        last -= 1
        run.kept = last * run.window_seconds
        run.round(plan.selection.layers, run.turns_next, windows=True)


def is_known(plan: Plan, record: Bench) -> bool:
    """Whether the margin of every decay is no wider than the plan wants it."""
    steps, target = ratios(record), plan.precision or 0.0
    names = [row.name for row in record.layers if row.on and not row.faults]
    margins = [margin for name in names if name in steps and (margin := margin_of(steps[name])) is not None]
    return bool(names and target) and len(margins) == len(names) and max(margins) <= target
