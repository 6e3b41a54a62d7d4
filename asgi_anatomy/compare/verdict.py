"""Two records -> what changed between them, layer by layer, against each record's own lowest layer.

Absolute figures of two machines or two days cannot be compared; a layer's cost in units of the lowest layer's can. The
difference of two records has Welch's degrees of freedom (Biometrika 34, 1947). The level is shared out over the layers
(Bonferroni), so that two records of the same thing differ in any layer in at most 5% of cases.
"""

import math
from typing import Literal, get_args

import msgspec

from asgi_anatomy.errors import BadInput
from asgi_anatomy.turns.decay import Costs, figures
from asgi_anatomy.turns.estimate import Estimate
from asgi_anatomy.turns.record import Measured, Verdict
from asgi_anatomy.turns.verdict import judge


class Change(msgspec.Struct, frozen=True):
    """One layer in two records; CPU times are multiples of the lowest layer's, `ratio` is CPU A / CPU B."""

    layer: str
    a_decay: float | None
    b_decay: float | None
    a_cpu: float
    b_cpu: float
    ratio: float
    ratio_low: float | None
    ratio_high: float | None
    verdict: Verdict


def compare(a: Measured, b: Measured, threshold: float) -> list[Change]:
    """Every layer that both records have figures for, but the lowest; raises BadInput where there is none."""
    climbs_a, climbs_b = climbs(a), climbs(b)
    names = [row.name for row in a.layers if row.name in climbs_a and row.name in climbs_b]
    lowest = [record.layers[0].name for record in (a, b)]
    if lowest[0] != lowest[1]:
        raise BadInput(f"one ladder begins with {lowest[0]}, the other with {lowest[1]}: expected the same for both")
    if not names:
        raise BadInput(f"the records have no layer in common but {lowest[0]}: nothing to compare")
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
                a_cpu=math.exp(-low.mean),
                b_cpu=math.exp(-high.mean),
                ratio=math.exp(both.mean),
                ratio_low=math.exp(interval[0]) if interval else None,
                ratio_high=math.exp(interval[1]) if interval else None,
                verdict=judge(both, alpha, threshold),
            )
        )
    return found


def climbs(record: Measured) -> dict[str, Estimate]:
    """ln(rps(layer) / rps(lowest layer)) of each layer above the ladder's lowest."""
    costs, lowest = Costs(record), record.layers[0].name
    found = {row.name: costs.ratio(row.name, lowest) for row in record.layers[1:]}
    return {name: each.estimate for name, each in found.items() if each}


def difference(a: Estimate, b: Estimate) -> Estimate:
    """The log-ratio of b to a, two records apart, with Welch's degrees of freedom."""
    mean, rounds = b.mean - a.mean, min(a.rounds, b.rounds)
    if a.error is None or b.error is None:
        return Estimate(mean, None, rounds)
    squares = (a.error**2, b.error**2)
    spread = sum(square**2 / each.degrees for square, each in zip(squares, (a, b), strict=True))
    return Estimate(mean, math.sqrt(sum(squares)), rounds, sum(squares) ** 2 / spread if spread else None)


What = Literal["python", "workload", "contract", "connections", "turns"]
MATTERS: tuple[What, ...] = get_args(What)


class Obstacle(msgspec.Struct, frozen=True):
    """Something in which two records differ, so that they should not be compared."""

    what: What
    a: object
    b: object


def obstacles(a: Measured, b: Measured) -> list[Obstacle]:
    """In what two records differ that should not."""
    sides = [
        {
            "python": each.python.version.rpartition(".")[0] if each.python else None,
            "workload": each.workload,
            "contract": each.contract,
            "connections": each.load.connections,
            "turns": bool(each.turn_ms),
        }
        for each in (a, b)
    ]
    return [Obstacle(what, sides[0][what], sides[1][what]) for what in MATTERS if sides[0][what] != sides[1][what]]


def versions(a: Measured, b: Measured) -> list[tuple[str, str | None, str | None]]:
    """The versions that differ: of what, in a, in b."""
    all_a, all_b = ({**({"Python": each.python.version} if each.python else {}), **each.packages} for each in (a, b))
    names = [*all_a, *(name for name in all_b if name not in all_a)]
    return [(name, all_a.get(name), all_b.get(name)) for name in names if all_a.get(name) != all_b.get(name)]
