"""The counts of a package's releases, oldest first -> series, and the steps in them, its own and its dependencies'.

Counts are exact, so nothing is fitted: a release that moves a count by more than the limit is a step, and releases that
move it by less each are a drift once they add up to more.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from packaging.utils import canonicalize_name

from asgi_anatomy.counts.changes import LIMIT, Change, FunctionChange, compare_counts
from asgi_anatomy.counts.figures import components, total
from asgi_anatomy.history.record import Deps, Found
from asgi_anatomy.turns.record import Counts

SAME_HOST = 0.1  # percent that the anchors of hosts may differ by whose counts are compared
HALVES = {"pydantic": ("pydantic", "pydantic_core")}
"""Packages whose compiled half is a package of its own, which each release pins exactly."""
NO_PACKAGE = ("interpreter", "libc", "ld.so", "the rest")
"""Components that belong to no single package: what runs there is caused by all of them."""
Scope = Literal["own", "dependencies"]
PARTS: tuple[Scope, ...] = ("own", "dependencies")
Unit = Literal["bytecodes", "instructions"]
UNITS: tuple[Unit, ...] = ("bytecodes", "instructions")


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One release: counts per request, its own and its dependencies'. A gap has none."""

    found: Found
    whole: float | None
    """All instructions."""
    split: dict[tuple[Scope, Unit], float]
    """Bytecodes of Python code, and instructions in compiled packages."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a release moved, or (a drift) what all since `before` added up to."""

    part: Scope
    unit: Unit
    before: str
    version: str
    drift: bool
    change: Change
    packages: dict[str, Change]
    """Those whose count moved, the largest change first; components where the unit is instructions."""
    functions: list[FunctionChange]
    """Of that part."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The releases of a package in one layer, with one Python, from hosts whose counts are the same."""

    package: str
    layer: str
    deps: Deps
    python: str
    hosts: list[str]
    points: list[Point]
    floor: dict[tuple[Scope, Unit], float]
    """By how many percent a release differs from itself; empty if none was counted twice."""
    steps: list[Step]

    @property
    def counted(self) -> list[Point]:
        """Those that were counted: no gaps."""
        return [each for each in self.points if not each.found.gap]


def all_series(every: Sequence[Found]) -> list[Series]:
    """What was found, in the order of releases, by layer, Python, dependencies and host."""
    groups: dict[tuple[str, str, str, int], list[Found]] = {}
    classes = _classes(every)
    for each in every:
        asked = each.wanted
        groups.setdefault((asked.layer, asked.python, asked.deps, classes[each.host.anchor]), []).append(each)
    return [_series(group) for group in groups.values()]


def chief(every: Sequence[Series]) -> Series:
    """The series to show where there is room for one: of the layer that bears the package's name, or else the first."""
    return next((each for each in every if each.layer == each.package), every[0])


def _classes(every: Iterable[Found]) -> dict[float, int]:
    """Each anchor with the number of its class: anchors that are close, or have others between them, are of one."""
    found: dict[float, int] = {}
    last = 0.0
    for anchor in sorted({each.host.anchor for each in every}):
        found[anchor] = len(set(found.values())) - (1 if last and anchor / last - 1 <= SAME_HOST / 100 else 0)
        last = anchor
    return found


def _series(group: Sequence[Found]) -> Series:
    once = {each.wanted.version: each for each in group if not each.wanted.copy}
    points = [point(each) for each in once.values()]
    floor: dict[tuple[Scope, Unit], float] = {}
    for copy in (each for each in group if each.wanted.copy and not each.gap):
        if (first := once.get(copy.wanted.version)) and not first.gap:
            for key, (one, other) in _pairs(point(first), point(copy)).items():
                floor[key] = max(floor.get(key, 0.0), abs(Change(one, other).percent or 0.0))
    asked = group[0].wanted
    return Series(
        package=asked.package, layer=asked.layer, deps=asked.deps, python=asked.python,
        hosts=sorted({each.host.name for each in group}), points=points, floor=floor, steps=steps(points, floor),
    )  # fmt: skip


def point(found: Found) -> Point:
    """A release's counts, split."""
    counts, package = found.counts, found.wanted.package
    split: dict[tuple[Scope, Unit], float] = {}
    if counts.bytecodes:
        for part in PARTS:
            split[part, "bytecodes"] = sum(_of(part, "bytecodes", counts, package).values())
    if counts.instructions:
        for part in PARTS:
            if found_there := _of(part, "instructions", counts, package):
                split[part, "instructions"] = sum(found_there.values())
    return Point(found=found, whole=total(counts), split=split)


def _of(part: Scope, unit: Unit, counts: Counts, package: str) -> dict[str, float]:
    """The counts of that part by package, or by component."""
    every = counts.bytecodes if unit == "bytecodes" else components(counts)
    return {
        name: count
        for name, count in every.items()
        if _is_own(name, package) == (part == "own") and not (unit == "instructions" and name in NO_PACKAGE)
    }


def _is_own(name: str, package: str) -> bool:
    """Whether a package or a component (`uvloop/libuv`) belongs to a package."""
    own = HALVES.get(package, (package.replace("-", "_"),))
    return name.partition("/")[0].replace("-", "_") in own and not name.endswith(".py")


def steps(points: Sequence[Point], floor: dict[tuple[Scope, Unit], float]) -> list[Step]:
    """Every step and drift, in the order of releases."""
    counted = [each for each in points if not each.found.gap]
    found: list[tuple[int, Step]] = []
    for part in PARTS:
        for unit in UNITS:
            limit = max(LIMIT, floor.get((part, unit), 0.0))
            base = 0
            for place in range(1, len(counted)):
                for start in dict.fromkeys((place - 1, base)):
                    step = _step(counted[start], counted[place], part, unit, start < place - 1)
                    if exceeds(step.change, limit):
                        found.append((place, step))
                        base = place
                        break
    return [step for _, step in sorted(found, key=lambda each: each[0])]


def exceeds(change: Change, limit: float) -> bool:
    """Whether it exceeds a limit in percent; a count that was 0 before always does."""
    return bool(change.delta) and (change.percent is None or abs(change.percent) > limit)


def _step(a: Point, b: Point, part: Scope, unit: Unit, drift: bool) -> Step:
    """What moved from one release to another.

    Of compiled dependencies only those whose version differs count: the same binary does the same, and what more it is
    asked to do shows in the bytecodes of who asks. How often uvloop's loop turns depends on the machine's load.
    """
    package = b.found.wanted.package
    changes = compare_counts(a.found.counts, b.found.counts)
    one, other = (_of(part, unit, each.found.counts, package) for each in (a, b))
    names = [*dict.fromkeys([*one, *other])]
    if part == "dependencies" and unit == "instructions":
        names = [name for name in names if _version(name, a) != _version(name, b)]
    moved = {name: Change(one.get(name, 0.0), other.get(name, 0.0)) for name in names}
    packages = dict(sorted(moved.items(), key=lambda each: -abs(each[1].delta)))
    functions = [
        each for each in changes.functions if _is_own(each.name.rpartition(":")[0], package) == (part == "own")
    ]
    return Step(
        part=part, unit=unit, before=a.found.wanted.version, version=b.found.wanted.version, drift=drift,
        change=Change(sum(each.a for each in moved.values()), sum(each.b for each in moved.values())),
        packages={name: change for name, change in packages.items() if change.delta},
        functions=functions if unit == "bytecodes" else [],
    )  # fmt: skip


def _version(component: str, point: Point) -> str | None:
    """The version of the package that a component belongs to."""
    return point.found.versions.get(canonicalize_name(component.partition("/")[0]))


def _pairs(a: Point, b: Point) -> dict[tuple[Scope, Unit], tuple[float, float]]:
    return {key: (a.split[key], b.split[key]) for key in a.split if key in b.split}


def pruned(every: Sequence[Found]) -> list[Found]:
    """The same without the functions of releases that no step begins or ends at."""
    needed = {
        (series.layer, series.python, series.deps, version)
        for series in all_series(every)
        for step in series.steps
        for version in (step.before, step.version)
    }
    return [
        each
        if (each.wanted.layer, each.wanted.python, each.wanted.deps, each.wanted.version) in needed
        and not each.wanted.copy
        else msgspec.structs.replace(each, counts=msgspec.structs.replace(each.counts, tree=None))
        for each in every
    ]
