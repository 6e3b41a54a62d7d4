"""The counts of one request in A and in B -> what changed, by metric and by function."""

import math

import msgspec

from asgi_anatomy.counts.figures import total
from asgi_anatomy.counts.trees import by_function
from asgi_anatomy.turns.record import Counts, Frame, Verdict

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
        """How much more B takes, in percent of A; None where A takes nothing."""
        return 100 * self.delta / self.a if self.a else None

    @property
    def size(self) -> float:
        """How large the change is, in percent of A: infinite where A takes nothing."""
        return math.inf if self.percent is None and self.delta else abs(self.percent or 0.0)

    def exceeds(self, limit: float) -> bool:
        """Whether the change is larger than a limit in percent; a count that was 0 in A always is, if it changed."""
        return self.size > limit


class FunctionChange(msgspec.Struct, frozen=True):
    """A function, by its package and its qualified name, from wherever it is called."""

    name: str
    calls: Change
    bytecodes: Change

    @property
    def row(self) -> dict[str, str | float]:
        """As a row of a table."""
        calls, bytecodes = self.calls, self.bytecodes
        return {
            "function": self.name, "calls_a": calls.a, "calls_b": calls.b,
            "bytecodes_a": bytecodes.a, "bytecodes_b": bytecodes.b, "added": bytecodes.delta,
        }  # fmt: skip


class Changes(msgspec.Struct, frozen=True):
    """What changed from A to B. What was not counted in both is left out."""

    metrics: dict[str, Change]
    """instructions, bytecodes, calls, syscalls."""
    functions: list[FunctionChange]
    """Those that differ, the largest change of bytecodes first."""


def compare_counts(a: Counts, b: Counts) -> Changes:
    """What changed from A to B."""
    totals = {"instructions": (total(a), total(b))}
    for name, one, other in (
        ("bytecodes", a.bytecodes, b.bytecodes),
        ("calls", a.calls, b.calls),
        ("syscalls", a.syscalls, b.syscalls),
    ):
        totals[name] = sum(one.values()) if one else None, sum(other.values()) if other else None
    return Changes(
        {name: Change(one, other) for name, (one, other) in totals.items() if one is not None and other is not None},
        compare_functions(a.tree, b.tree) if a.tree and b.tree else [],
    )


def compare_functions(a: Frame, b: Frame) -> list[FunctionChange]:
    """The functions whose own calls or bytecodes differ, the largest change of bytecodes first, then of calls."""
    before, after, none = by_function(a), by_function(b), (0.0, 0.0)
    functions = [
        FunctionChange(name, *map(Change, before.get(name, none), after.get(name, none)))
        for name in before | after
        if before.get(name, none) != after.get(name, none)
    ]
    return sorted(functions, key=lambda each: (-abs(each.bytecodes.delta), -abs(each.calls.delta), each.name))


def verdict_of(change: Change, floor: float = 0.0, limit: float = LIMIT) -> Verdict:
    """What a change is: B is slower or faster if it exceeds the limit; unclear if A against A differs by as much.

    `floor` is that A/A noise floor in percent.
    """
    if not change.exceeds(limit):
        return "same"
    if change.percent is not None and abs(change.percent) <= floor:
        return "unclear"
    return "slower" if change.delta > 0 else "faster"


def noise_floor(one: Counts, other: Counts) -> dict[str, float]:
    """By how many percent a layer differs from itself, by metric."""
    return {name: abs(change.percent or 0.0) for name, change in compare_counts(one, other).metrics.items()}
