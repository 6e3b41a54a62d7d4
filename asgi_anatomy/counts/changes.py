"""The counts of two versions of one layer -> what changed, by metric, component, package and function."""

from collections.abc import Mapping

import msgspec

from asgi_anatomy.counts.figures import components, total
from asgi_anatomy.counts.trees import difference
from asgi_anatomy.turns.record import Counts, Verdict

LIMIT = 0.2  # percent: smaller changes of a count are the same
SCATTER = 0.4
"""Percent by which the instructions of two starts of one program have been seen to differ, on a busy machine, at most.

Where not a single bytecode changed, no smaller change of the instructions is claimed.
"""


class Change(msgspec.Struct, frozen=True):
    """A count per request in A and in B."""

    a: float
    b: float

    @property
    def delta(self) -> float:
        """How much more B takes."""
        return self.b - self.a

    @property
    def percent(self) -> float | None:
        """The same in percent of A; None where A takes nothing."""
        return 100 * self.delta / self.a if self.a else None


class FunctionChange(msgspec.Struct, frozen=True):
    """A function, by its package and its qualified name, from wherever it is called."""

    name: str
    calls: Change
    bytecodes: Change


class Changes(msgspec.Struct, frozen=True):
    """What changed from A to B. What was not counted in both is left out."""

    metrics: dict[str, Change]
    """instructions, bytecodes, calls, syscalls."""
    components: dict[str, Change]
    """Instructions, the largest change first; so are the others."""
    packages: dict[str, Change]
    """Bytecodes."""
    functions: list[FunctionChange]
    """Those that differ, by bytecodes and then by calls."""


def compare_counts(a: Counts, b: Counts) -> Changes:
    """What changed from A to B."""
    metrics = {}
    for name, (one, two) in {
        "instructions": (total(a), total(b)),
        "bytecodes": (_sum(a.bytecodes), _sum(b.bytecodes)),
        "calls": (_sum(a.calls), _sum(b.calls)),
        "syscalls": (_sum(a.syscalls), _sum(b.syscalls)),
    }.items():
        if one is not None and two is not None:
            metrics[name] = Change(one, two)
    rows = difference(a.tree, b.tree) if a.tree and b.tree else []
    functions = [FunctionChange(row[0], Change(row[1], row[3]), Change(row[2], row[4])) for row in rows]
    return Changes(
        metrics,
        _by_name(components(a), components(b)) if "instructions" in metrics else {},
        _by_name(a.bytecodes, b.bytecodes) if "bytecodes" in metrics else {},
        sorted(functions, key=lambda each: (-abs(each.bytecodes.delta), -abs(each.calls.delta), each.name)),
    )


def verdict_of(change: Change, floor: float = 0.0, limit: float = LIMIT) -> Verdict:
    """What a change is: B is slower or faster if it exceeds the limit; unclear if A against A differs by as much.

    `floor` is that A/A noise floor in percent.
    """
    percent = abs(change.percent) if change.percent is not None else (100.0 if change.delta else 0.0)
    if percent <= limit:
        return "same"
    if percent <= floor:
        return "unclear"
    return "slower" if change.delta > 0 else "faster"


def noise_floor(one: Counts, other: Counts) -> dict[str, float]:
    """By how many percent a layer differs from itself, by metric."""
    return {name: abs(each.percent or 0.0) for name, each in compare_counts(one, other).metrics.items()}


def _sum(counts: Mapping[str, float]) -> float | None:
    return sum(counts.values()) if counts else None


def _by_name(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, Change]:
    found = {name: Change(a.get(name, 0.0), b.get(name, 0.0)) for name in {**a, **b}}
    return dict(sorted(found.items(), key=lambda each: -abs(each[1].delta)))
