"""Two records -> what changed between them, layer by layer, against each record's own lowest layer.

Absolute figures of two machines or two days cannot be compared; a layer's cost in units of the lowest layer's can. Its
logarithm is the sum of the log-ratios down the ladder, with the squares of their standard errors added up; the
difference of two records has Welch's degrees of freedom (Biometrika 34, 1947). The level is shared out over the layers
(Bonferroni), so that two records of the same thing differ in any layer in at most 5% of cases.
"""

import math

import msgspec

from bench.data.errors import BadInput
from bench.data.record import Record
from bench.report.decay_table import cell, for_programs, grid
from bench.stats.decay import figures, ratio
from bench.stats.estimate import Estimate
from bench.stats.verdict import MIN_RESTARTS, Verdict, judge

COLUMNS = ("layer", "a_decay", "b_decay", "a_cost", "b_cost", "ratio", "ratio_low", "ratio_high", "verdict")
HEADINGS = ("layer", "decay % A", "decay % B", "cost A", "cost B", "ratio", "95% interval", "verdict")


class Change(msgspec.Struct, frozen=True):
    """One layer in two records; costs are multiples of the lowest layer's, `ratio` is cost A / cost B."""

    layer: str
    a_decay: float | None
    b_decay: float | None
    a_cost: float
    b_cost: float
    ratio: float
    ratio_low: float | None
    ratio_high: float | None
    verdict: Verdict


def compare(a: Record, b: Record, threshold: float) -> list[Change]:
    """Every layer that both records have figures for, but the lowest; raises BadInput where there is none."""
    climbs_a, climbs_b = climbs(a), climbs(b)
    names = [row.name for row in a.layers if row.name in climbs_a and row.name in climbs_b]
    if not names or a.layers[0].name != b.layers[0].name:
        raise BadInput("the records have no layers in common that stand on the same lowest layer: nothing to compare")
    decays_a = {row.layer: row.decay for row in figures(a)}
    decays_b = {row.layer: row.decay for row in figures(b)}
    alpha = 0.05 / len(names)
    found = []
    for name in names:
        low, high = climbs_a[name], climbs_b[name]
        both = difference(low, high)
        interval = both.interval(alpha)
        found.append(
            Change(
                layer=name,
                a_decay=decays_a[name],
                b_decay=decays_b[name],
                a_cost=math.exp(-low.mean),
                b_cost=math.exp(-high.mean),
                ratio=math.exp(both.mean),
                ratio_low=math.exp(interval[0]) if interval else None,
                ratio_high=math.exp(interval[1]) if interval else None,
                verdict=judge(both, alpha, threshold)
                if min(low.restarts, high.restarts) >= MIN_RESTARTS
                else "unclear",
            )
        )
    return found


def climbs(record: Record) -> dict[str, Estimate]:
    """ln(rps(layer) / rps(lowest layer)) of each layer from which `on` leads down to the ladder's lowest."""
    found: dict[str, Estimate] = {}
    for row in record.layers[1:]:
        step = ratio(record, row)
        below = found.get(row.on or "")
        if step and row.on == record.layers[0].name:
            found[row.name] = step
        elif step and below:
            found[row.name] = _add(step, below, sign=1)
    return found


def difference(a: Estimate, b: Estimate) -> Estimate:
    """The log-ratio of b to a, two records apart."""
    return _add(b, a, sign=-1)


def _add(one: Estimate, other: Estimate, sign: int) -> Estimate:
    """Take one + sign x other, of independent estimates; `restarts` is Welch's degrees of freedom, plus one."""
    mean = one.mean + sign * other.mean
    windows = one.windows + other.windows
    if one.error is None or other.error is None:
        return Estimate(mean, None, min(one.restarts, other.restarts), windows)
    squares = (one.error**2, other.error**2)
    spread = sum(square**2 / (each.restarts - 1) for square, each in zip(squares, (one, other), strict=True))
    freedom = sum(squares) ** 2 / spread if spread else one.restarts + other.restarts - 2
    return Estimate(mean, math.sqrt(sum(squares)), int(freedom) + 1, windows)


def obstacles(a: Record, b: Record) -> list[str]:
    """Why two records should not be compared, a sentence each."""
    found = []
    minors = [record.python.version.rpartition(".")[0] if record.python else "unknown" for record in (a, b)]
    if minors[0] != minors[1]:
        found.append(f"they were made with Python {minors[0]} and {minors[1]}")
    if a.contract != b.contract:
        found.append("their layers were held to different contracts")
    if a.load.connections != b.load.connections:
        found.append(f"they were loaded by {a.load.connections} and {b.load.connections} connections")
    if len({record.cores and (record.cores.turn_ms or 0) for record in (a, b)}) > 1:
        found.append("two servers had turns on their core of a different length, or no core to share")
    return found


def versions(a: Record, b: Record) -> list[str]:
    """The versions that differ, a line each."""
    all_a, all_b = (
        {"Python": record.python.version if record.python else "unknown", **record.packages} for record in (a, b)
    )
    names = [*all_a, *(name for name in all_b if name not in all_a)]
    pairs = [(name, all_a.get(name, "none"), all_b.get(name, "none")) for name in names]
    return [f"{name}: {old} -> {new}" for name, old, new in pairs if old != new]


def render(changes: list[Change], a: Record, b: Record, form: str) -> str:
    """The changes for people, with what else differs, or COLUMNS for programs."""
    if form in ("csv", "json"):
        return for_programs(COLUMNS, [[getattr(change, name) for name in COLUMNS] for change in changes], form)
    cells = [
        [
            change.layer, cell("{:.1f}", change.a_decay), cell("{:.1f}", change.b_decay), f"{change.a_cost:.2f}",
            f"{change.b_cost:.2f}", f"{change.ratio:.4f}", cell("{:.4f} - {:.4f}", change.ratio_low, change.ratio_high),
            change.verdict,
        ]
        for change in changes
    ]  # fmt: skip
    lacking = any(change.ratio_low is None for change in changes)
    level = 100 * (1 - 0.05 / len(changes))
    lines = [
        grid(HEADINGS, cells, form, left=1),
        f"cost: CPU time a request, as a multiple of {a.layers[0].name}'s in the same record; ratio: requests a CPU"
        f" second of B to those of A in that unit, with an interval of {level:.4g}% a layer, 95% for all together.",
        *(["no interval: one of the records has a single restart; make it with a longer BUDGET"] if lacking else []),
        *(f"differs: {line}" for line in versions(a, b)),
    ]
    return ("\n\n" if form == "markdown" else "\n").join(lines)
