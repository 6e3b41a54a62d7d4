"""Two layers side by side until it is clear which is slower, or that neither is, or the budget ends."""

import json
import math
from typing import Any

import msgspec

from bench.data.errors import ServerFault
from bench.data.layers import Layer
from bench.data.record import Record
from bench.measure.round import Setting
from bench.measure.run import Plan, Run, new_record
from bench.report.decay_table import for_programs, grid
from bench.report.progress import Tell
from bench.stats.decay import ratio
from bench.stats.estimate import Estimate, decay
from bench.stats.verdict import LOOKS, Verdict, judge, level, seconds_needed

COLUMNS = ("a", "b", "ratio", "ratio_low", "ratio_high", "decay", "verdict", "windows", "restarts", "seconds")


class Outcome(msgspec.Struct, frozen=True):
    """What a pair showed: b against a, with the interval at the level of the look that ended it."""

    a: str
    b: str
    found: Estimate | None
    alpha: float
    verdict: Verdict
    seconds: float
    threshold: float
    """Percent."""


def two(a: Layer, b: Layer) -> list[Layer]:
    """The two layers of a pair, b standing on a; a layer against itself gets a second name."""
    name = b.name if b.name != a.name else f"{b.name}-again"
    return [a, msgspec.structs.replace(b, name=name, on=a.name)]


def pair_record(plan: Plan, setting: Setting) -> Record:
    """A record without windows for the two layers of a plan, the second on the first."""
    a, b = (layer.name for layer in plan.layers)
    return new_record(plan, setting, {a: None, b: a})


def pair(plan: Plan, setting: Setting, record: Record, tell: Tell, threshold: float, patient: bool = False) -> Outcome:
    """Measure the plan's two layers, one window a restart, and judge at each look; raises ServerFault where one fails.

    With `patient` it goes on to the end of the budget and looks once.
    """
    run = Run(plan, setting, record, tell)
    a, b = plan.layers
    look = 0
    verdict: Verdict = "unclear"
    last = False
    while verdict == "unclear" and not last:
        with run.restart(plan.layers) as servers:
            if len(servers) == 2:
                run.window([servers[a.name], servers[b.name]], setting.load, b.name)
        if faults := [ServerFault(row.name, fault) for row in record.layers for fault in row.faults]:
            raise faults[0]
        last = not run.has_time(setting.load.seconds)
        due = LOOKS if last else min(LOOKS - 1, math.floor(LOOKS * run.seconds / plan.budget))
        if due > look and (last or not patient):
            look = due
            verdict = judge(ratio(record, record.layers[1]), level(look), threshold)
    return outcome(record, max(look, 1), threshold)


def outcome(record: Record, look: int, threshold: float) -> Outcome:
    """Judge a record of a pair as it stands at a look."""
    a, b = (row.name for row in record.layers)
    found = ratio(record, record.layers[1])
    return Outcome(a, b, found, level(look), judge(found, level(look), threshold), record.seconds or 0, threshold)


def render(outcome: Outcome, record: Record, form: str) -> str:
    """A sentence and the figures, or COLUMNS for programs."""
    figures = _figures(outcome)
    if form in ("csv", "json"):
        if form == "json":
            return json.dumps(figures, indent=1)
        return for_programs(COLUMNS, [[*figures.values()]], form)
    cells = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in figures.values()]
    parts = [sentence(outcome), grid([*figures], [cells], form)]
    parts += [
        f"ratio: requests a CPU second of b to those of a, with its {100 * (1 - outcome.alpha):.4g}% interval; decay in"
        f" percent; windows of {record.load.seconds} s side by side on one core, the servers started anew for each.",
        f"The level pays for {LOOKS} looks in the budget (O'Brien and Fleming): together they cry wolf in 5% of cases.",
    ]
    parts += [f"{row.name}: {row.terms}" for row in record.layers if row.terms]
    return ("\n\n" if form == "markdown" else "\n").join(parts)


def _figures(outcome: Outcome) -> dict[str, Any]:
    found = outcome.found
    interval = found.interval(outcome.alpha) if found else None
    return {
        "a": outcome.a,
        "b": outcome.b,
        "ratio": math.exp(found.mean) if found else None,
        "ratio_low": math.exp(interval[0]) if interval else None,
        "ratio_high": math.exp(interval[1]) if interval else None,
        "decay": decay(found.mean) if found else None,
        "verdict": outcome.verdict,
        "windows": found.windows if found else 0,
        "restarts": found.restarts if found else 0,
        "seconds": round(outcome.seconds, 1),
    }


def sentence(outcome: Outcome) -> str:
    """The verdict in words."""
    found, a, b = outcome.found, outcome.a, outcome.b
    interval = found.interval(outcome.alpha) if found else None
    if not found or not interval:
        return f"unclear: too few restarts to compare {b} with {a}. Try a longer BUDGET."
    low, high = sorted(abs(decay(each)) for each in interval)
    match outcome.verdict:
        case "same":
            return f"same: {b} serves as much as {a}, within {outcome.threshold:g}%."
        case "slower":
            return f"slower: {b} serves {decay(found.mean):.2f}% less than {a} ({low:.2f} to {high:.2f}%)."
        case "faster":
            return f"faster: {b} serves {-decay(found.mean):.2f}% more than {a} ({low:.2f} to {high:.2f}%)."
    needed = seconds_needed(found, outcome.alpha, outcome.threshold, outcome.seconds)
    how_long = (
        f"about {needed:.0f} s would do: try BUDGET={math.ceil(needed / 10) * 10}"
        if needed < 86400
        else "no budget would do"
    )
    return (
        f"unclear: {b} against {a} lies between {decay(interval[1]):+.2f}% and {decay(interval[0]):+.2f}% of decay;"
        f" {how_long}."
    )
