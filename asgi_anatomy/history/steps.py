"""The counts of a package's releases, oldest first -> series, and the steps in them, its own and its dependencies'.

Counts are exact, so nothing is fitted: a release that moves a count by more than the limit is a step, and releases that
move it by less each are a drift once they add up to more.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import msgspec
from packaging.utils import canonicalize_name

from asgi_anatomy.counts.changes import LIMIT, Change, FunctionChange, compare_counts
from asgi_anatomy.counts.figures import components, total
from asgi_anatomy.history.record import CountedRelease, Deps, ReleaseSpec
from asgi_anatomy.turns.record import Counts

SAME_HOST = 0.1  # percent that the anchors of hosts may differ by whose counts are compared
HALVES = {"pydantic": ("pydantic", "pydantic_core")}
"""Packages whose compiled half is a package of its own, which each release pins exactly."""
NO_PACKAGE = ("interpreter", "libc", "ld.so", "the rest")
"""Components that belong to no single package: what runs there is caused by all of them."""
Scope = Literal["own", "dependencies"]
Unit = Literal["bytecodes", "instructions"]
"""Of Python code, and of compiled packages."""
SCOPES: tuple[Scope, ...] = get_args(Scope)
UNITS: tuple[Unit, ...] = get_args(Unit)
Split = dict[tuple[Scope, Unit], float]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One release: counts per request, its own and its dependencies'. A gap has none."""

    release: CountedRelease
    whole: float | None
    """All instructions."""
    split: Split

    @property
    def version(self) -> str:
        """Of the package."""
        return self.release.wanted.version


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What a release moved, or (a drift) what all since `before` added up to."""

    scope: Scope
    unit: Unit
    before: str
    version: str
    drift: bool
    change: Change
    packages: dict[str, Change]
    """Those whose count moved, the largest change first; components where the unit is instructions."""
    functions: list[FunctionChange]
    """Those of the scope."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The releases of a package in one layer, with one Python, from hosts whose counts are the same."""

    package: str
    layer: str
    deps: Deps
    python: str
    hosts: list[str]
    points: list[Point]
    floor: Split
    """By how many percent a release differs from itself; empty if none was counted twice."""
    steps: list[Step]

    @property
    def counted(self) -> list[Point]:
        """Those that were counted: no gaps."""
        return [point for point in self.points if not point.release.gap]

    @property
    def unit(self) -> Unit:
        """The unit of its own work: bytecodes, or instructions where none of it is Python."""
        return "bytecodes" if any(point.split.get(("own", "bytecodes")) for point in self.counted) else "instructions"


def all_series(releases: Sequence[CountedRelease]) -> list[Series]:
    """The series in these releases: one for each layer, Python, choice of dependencies and class of hosts."""
    groups: dict[tuple[str, str, str, int], list[CountedRelease]] = {}
    classes = _classes({release.host.anchor for release in releases})
    for release in releases:
        spec = release.wanted
        key = (spec.layer, spec.python, spec.deps, classes[release.host.anchor])
        groups.setdefault(key, []).append(release)
    return [_series(group) for group in groups.values()]


def chief(every: Sequence[Series]) -> Series:
    """The series to show where there is room for one: of the layer that bears the package's name, or else the first."""
    return next((series for series in every if series.layer == series.package), every[0])


def lines_of(series: Series) -> dict[Scope, tuple[Scope, Unit]]:
    """What a chart of a series draws, by the name of its line."""
    return {"own": ("own", series.unit), "dependencies": ("dependencies", "bytecodes")}


def course(series: Series, key: tuple[Scope, Unit]) -> dict[int, Change]:
    """The change of a count since the first release that is not at 0, by the place of each release that has one."""
    counts = {
        place: point.split[key]
        for place, point in enumerate(series.points)
        if key in point.split and not point.release.gap
    }
    first = next(filter(None, counts.values()), None)
    return {place: Change(first, count) for place, count in counts.items()} if first else {}


def _classes(anchors: Iterable[float]) -> dict[float, int]:
    """Each anchor with the number of its class: anchors that are close, or have others between them, are of one."""
    classes: dict[float, int] = {}
    last, number = 0.0, -1
    for anchor in sorted(anchors):
        number += not last or anchor / last - 1 > SAME_HOST / 100
        classes[anchor], last = number, anchor
    return classes


def _series(group: Sequence[CountedRelease]) -> Series:
    once = {release.wanted.version: _point(release) for release in group if not release.wanted.copy}
    floor: Split = {}
    for again in (_point(release) for release in group if release.wanted.copy and not release.gap):
        if (first := once.get(again.version)) and not first.release.gap:
            for key, count in first.split.items():
                if key in again.split:
                    floor[key] = max(floor.get(key, 0.0), abs(Change(count, again.split[key]).percent or 0.0))
    spec, points = group[0].wanted, [*once.values()]
    return Series(
        package=spec.package, layer=spec.layer, deps=spec.deps, python=spec.python,
        hosts=sorted({release.host.name for release in group}),
        points=points, floor=floor, steps=_steps([point for point in points if not point.release.gap], floor),
    )  # fmt: skip


def _point(release: CountedRelease) -> Point:
    """A release's counts, split."""
    counts, package = release.counts, release.wanted.package
    split: Split = {}
    for unit in UNITS:
        for scope in SCOPES:
            by_name = _of(scope, unit, counts, package)
            if by_name or (unit == "bytecodes" and counts.bytecodes):
                split[scope, unit] = sum(by_name.values())
    return Point(release=release, whole=total(counts), split=split)


def _of(scope: Scope, unit: Unit, counts: Counts, package: str) -> dict[str, float]:
    """The counts of that scope by package, or by component."""
    return {
        name: count
        for name, count in (counts.bytecodes if unit == "bytecodes" else components(counts)).items()
        if _is_own(name, package) == (scope == "own") and not (unit == "instructions" and name in NO_PACKAGE)
    }


def _is_own(name: str, package: str) -> bool:
    """Whether a package or a component (`uvloop/libuv`) belongs to a package."""
    own = HALVES.get(package, (package.replace("-", "_"),))
    return name.partition("/")[0].replace("-", "_") in own and not name.endswith(".py")


def _steps(counted: Sequence[Point], floor: Split) -> list[Step]:
    """Every step and drift, in the order of releases."""
    steps: list[tuple[int, Step]] = []
    for scope in SCOPES:
        for unit in UNITS:
            limit = max(LIMIT, floor.get((scope, unit), 0.0))
            base = 0
            for place in range(1, len(counted)):
                for start in dict.fromkeys((place - 1, base)):
                    step = _step(counted[start], counted[place], scope, unit, start < place - 1)
                    if step.change.exceeds(limit):
                        steps.append((place, step))
                        base = place
                        break
    return [step for _, step in sorted(steps, key=lambda found: found[0])]


def _step(a: Point, b: Point, scope: Scope, unit: Unit, drift: bool) -> Step:
    """What moved from one release to another.

    Of compiled dependencies only those whose version differs count: the same binary does the same, and what more it is
    asked to do shows in the bytecodes of who asks. How often uvloop's loop turns depends on the machine's load.
    """
    package = b.release.wanted.package
    before, after = (_of(scope, unit, point.release.counts, package) for point in (a, b))
    moved = {
        name: Change(before.get(name, 0.0), after.get(name, 0.0))
        for name in before | after
        if (scope, unit) != ("dependencies", "instructions") or _version(name, a) != _version(name, b)
    }
    functions = compare_counts(a.release.counts, b.release.counts).functions if unit == "bytecodes" else []
    return Step(
        scope=scope, unit=unit, before=a.version, version=b.version, drift=drift,
        change=Change(sum(change.a for change in moved.values()), sum(change.b for change in moved.values())),
        packages={
            name: change
            for name, change in sorted(moved.items(), key=lambda item: -abs(item[1].delta))
            if change.delta
        },
        functions=[
            change for change in functions if _is_own(change.name.rpartition(":")[0], package) == (scope == "own")
        ],
    )  # fmt: skip


def _version(component: str, point: Point) -> str | None:
    """The version of the package that a component belongs to."""
    return point.release.versions.get(canonicalize_name(component.partition("/")[0]))


def pruned(releases: Sequence[CountedRelease]) -> list[CountedRelease]:
    """These releases without the call trees of those at which no step begins or ends."""
    needed = {
        (series.layer, series.python, series.deps, version)
        for series in all_series(releases)
        for step in series.steps
        for version in (step.before, step.version)
    }

    def is_needed(spec: ReleaseSpec) -> bool:
        return not spec.copy and (spec.layer, spec.python, spec.deps, spec.version) in needed

    replace = msgspec.structs.replace
    return [
        release if is_needed(release.wanted) else replace(release, counts=replace(release.counts, tree=None))
        for release in releases
    ]
