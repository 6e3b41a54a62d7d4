"""Versions in order, counted as few times as needed -> the steps between neighbours that moved the count.

Two sides of one package -> every version between them, in order: releases, or commits.

Versions in order, each as a served layer -> their counts, as few as needed to find every step.
"""

import contextlib
import math
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import pairwise

import msgspec

from asgi_anatomy.counts.changes import SCATTER
from asgi_anatomy.counts.figures import total
from asgi_anatomy.counts.jobs import SECONDS, Job, Task, take
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.git import commit, commits, git, merge_base
from asgi_anatomy.machine.programs import scratch
from asgi_anatomy.packages.checkouts import of_folder
from asgi_anatomy.packages.releases import choose, releases
from asgi_anatomy.packages.resolution import Resolution, Resolver, changed
from asgi_anatomy.packages.sides import (
    SHOWN,
    Asked,
    Base,
    Commit,
    Folder,
    Source,
    Version,
    find,
    install,
    resolver_for,
    served_by,
)
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.plan import Watch
from asgi_anatomy.versus.record import Bisection, Point


class Step(msgspec.Struct, frozen=True):
    """Two versions with nothing counted in between, whose counts differ by more than a limit."""

    before: Point
    after: Point
    between: list[Point]
    """Those in between that could not be counted: the change may be theirs."""

    @property
    def delta(self) -> float:
        """How much more the later one takes."""
        return (self.after.count or 0) - (self.before.count or 0)

    @property
    def percent(self) -> float:
        """The same in percent of the earlier one."""
        return 100 * self.delta / self.before.count if self.before.count else 0.0

    def exceeds(self, limit: float) -> bool:
        """Whether this is more than a limit, and more than starts of one program differ by."""
        same = self.before.bytecodes == self.after.bytecodes
        return abs(self.percent) > (max(limit, SCATTER) if same else limit)


def steps(points: Sequence[Point], limit: float) -> list[Step]:
    """The steps larger than a limit, in percent; a span in which something was left out as its ends agree is none."""
    counted = [place for place, each in enumerate(points) if each.count is not None]
    found = []
    for low, high in pairwise(counted):
        step = Step(points[low], points[high], [*points[low + 1 : high]])
        if step.exceeds(limit):
            found.append(step)
    return found


def narrow(points: Sequence[Point], limit: float, count: Callable[[Sequence[int]], None]) -> None:
    """Count as few as needed for every step to be between neighbours, or to have only faulty versions in between.

    `count` counts the versions at these places, all at a time, and writes the count or the fault into each. A change
    that a later one takes back within a span whose ends agree is not found.
    """
    count([0, len(points) - 1])
    while wanted := [place for span in _open(points, limit) if (place := _middle(points, *span)) is not None]:
        count(wanted)


def _open(points: Sequence[Point], limit: float) -> list[tuple[int, int]]:
    """The spans between counted versions that differ by more than the limit."""
    counted = [place for place, each in enumerate(points) if each.count is not None]
    return [(low, high) for low, high in pairwise(counted) if Step(points[low], points[high], []).exceeds(limit)]


def _middle(points: Sequence[Point], low: int, high: int) -> int | None:
    """The version nearest to the middle of a span that was not tried; None where there is none."""
    left = [place for place in range(low + 1, high) if not points[place].fault]
    return min(left, key=lambda place: abs(2 * place - low - high), default=None)


class Between:
    """The versions from A to B of one package, and how to serve a layer with each.

    Raises BadInput where there are none, or where one side is a release and the other is a commit.
    """

    def __init__(self, asked: Asked, layer: Layer, tell: Callable[[str], None]) -> None:
        if len(asked.packages) != 1:
            raise BadInput("BISECT=1 is for one PACKAGE at a time")
        self.packages = asked.packages
        self.layer = layer
        self.tell = tell
        self.resolver: Resolver | None = None
        self.ends: tuple[Resolution, Resolution] | None = None
        self.points: list[Point] = []
        self.sources: list[Source] = []
        a, b = asked.a[0], asked.b[0]
        if isinstance(a, Version) and isinstance(b, Version):
            self._releases(a, b)
        elif isinstance(a, Commit | Base) and isinstance(b, Commit | Folder):
            self._commits(a, b)
        else:
            raise BadInput("BISECT=1 needs two releases, or two states of one clone (git:REF, a checkout, base)")

    def _releases(self, a: Version, b: Version) -> None:
        since, until = (f"{each}.0" if each.count(".") == 1 else each for each in (a.version, b.version))
        try:
            found = choose(releases(self.packages[0]), "all", since, until)
        except BadInput as fault:
            raise BadInput(fault.message.replace("SINCE=", "A=").replace("UNTIL=", "B=")) from None
        for each in found:
            self._add(each.version, "", Version(each.version))

    def _commits(self, a: Commit | Base, b: Commit | Folder) -> None:
        repo, head = (b.path, "HEAD") if isinstance(b, Folder) else (b.repo, b.ref)
        first = commit(a.repo, a.ref) if isinstance(a, Commit) else merge_base(repo, a.ref, head)
        last = commit(repo, head)
        between = commits(repo, first, last) if first != last else []
        for each in [first, *between]:
            self._add(each[:SHOWN], git(repo, "show", "--no-patch", "--format=%s", each), Commit(each, repo))
        if isinstance(b, Folder) and _changed(b):
            self._add("checkout", "with uncommitted changes", b)

    def _add(self, name: str, subject: str, source: Source) -> None:
        self.points.append(Point(name=name, subject=subject))
        self.sources.append(source)

    def serve(self, place: int, name: str) -> Layer:
        """The layer with one of the versions; raises Fault where it cannot be built or installed."""
        self.resolver = self.resolver or resolver_for([self.layer], self.packages, self.tell)
        said, wanted = find(self.packages, [self.sources[place]], self.tell)
        if self.ends is None:  # what both ends allow is what all get
            others = find(self.packages, [self.sources[-1]], self.tell)[1]
            first = wanted if place == 0 else find(self.packages, [self.sources[0]], self.tell)[1]
            self.ends = self.resolver.both(first, others)
        if place in (0, len(self.points) - 1):
            resolution = self.ends[place != 0]
        else:
            resolution = self.resolver.one(wanted, self.ends[0].others)
        self.points[place].differ = changed(self.ends[0], resolution)
        side = install("a", said, resolution, self.layer.group, self.tell)
        layer, _ = served_by(self.layer, side)
        return msgspec.structs.replace(layer, name=name)


def _changed(folder: Folder) -> bool:
    """Whether a checkout has uncommitted changes."""
    with contextlib.suppress(Fault), scratch() as place:
        return of_folder(folder.path, place)[0].changes
    return False


PARTS: tuple[Task, ...] = ("instructions", "calls and bytecodes")


def seconds(points: int, width: int) -> float:
    """About how long it takes where there is one step, in seconds."""
    return (2 + math.log2(max(points, 2))) * sum(SECONDS[part] for part in PARTS) / min(width, 2)


def bisect(
    found: Bisection,
    serve: Callable[[int, str], Layer],
    contract: Contract,
    limit: float,
    watch: Watch,
    executor: Executor,
    width: int,
) -> None:
    """Count what is needed of these points into them; `serve` installs one, and raises Fault where that fails."""
    points = found.points
    done = 0.0
    parts = PARTS if shutil.which("valgrind") else PARTS[1:]
    found.metric = "instructions" if parts == PARTS else "bytecodes"

    def count(places: Sequence[int]) -> None:
        nonlocal done
        jobs = []
        for place in places:
            watch.tell(f"install {points[place].name} {points[place].subject}".strip(), done)
            try:
                layer = serve(place, name_of(place))
            except Fault as fault:
                points[place].fault = fault.message
                continue
            jobs += [Job(layer, contract, part) for part in parts]
        of = {job.layer.name: place for place in places for job in jobs if job.layer.name == name_of(place)}
        for job, result in take(jobs, executor):
            point = points[of[job.layer.name]]
            counts = result.counts
            if job.task == "instructions":
                point.count = total(counts)
            else:
                point.bytecodes = sum(counts.bytecodes.values()) if counts.bytecodes else None
                point.count = point.bytecodes if found.metric == "bytecodes" else point.count
            if result.failed:
                point.fault = f"no {job.task}: {result.failed}"
            done += SECONDS[job.task] / width
            watch.tell(f"counted {job.task} of {point.name}", done)
            watch.keep()
        for place in places:
            if points[place].fault:
                points[place].count = None

    narrow(points, limit, count)


def name_of(place: int) -> str:
    """What the layer of a point is called."""
    return f"point-{place}"
