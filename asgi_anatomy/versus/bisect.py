"""Which of the versions between two sides moved the count: releases, or commits, counted as few times as needed."""

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
from asgi_anatomy.packages.sides import (
    SHOWN,
    Asked,
    Base,
    Commit,
    Folder,
    Resolution,
    Resolver,
    Source,
    Version,
    changed,
    find,
    install,
    resolver_for,
    served_by,
)
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.suite.own import its_contract
from asgi_anatomy.turns.plan import Watch
from asgi_anatomy.versus.record import Bisection, Candidate

TASKS: tuple[Task, ...] = ("instructions", "calls and bytecodes")


class BisectionStep(msgspec.Struct, frozen=True):
    """Two versions with nothing counted in between, whose counts differ by more than a limit."""

    before: Candidate
    after: Candidate
    between: Sequence[Candidate] = ()
    """Those in between that could not be counted: the change may be theirs."""

    @property
    def delta(self) -> float:
        """How much more the later one takes."""
        return (self.after.count or 0) - (self.before.count or 0)

    @property
    def percent(self) -> float:
        """How much more the later one takes, in percent of the earlier one."""
        return 100 * self.delta / self.before.count if self.before.count else 0.0

    def exceeds(self, limit: float) -> bool:
        """Whether this is more than a limit, and more than starts of one program differ by."""
        same = self.before.bytecodes == self.after.bytecodes
        return abs(self.percent) > (max(limit, SCATTER) if same else limit)


def steps(points: Sequence[Candidate], limit: float) -> list[BisectionStep]:
    """The steps larger than a limit, in percent; a span in which something was left out as its ends agree is none."""
    return [BisectionStep(points[low], points[high], points[low + 1 : high]) for low, high in _spans(points, limit)]


def narrow(points: Sequence[Candidate], limit: float, count: Callable[[Sequence[int]], None]) -> None:
    """Count as few as needed for every step to be between neighbours, or to have only faulty versions in between.

    `count` counts the versions at these places, all at a time, and writes the count or the fault into each. A change
    that a later one takes back within a span whose ends agree is not found.
    """
    places = [0, len(points) - 1]
    while places:
        count(places)
        middles = [_middle(points, low, high) for low, high in _spans(points, limit)]
        places = [place for place in middles if place is not None]


def _middle(points: Sequence[Candidate], low: int, high: int) -> int | None:
    """The version nearest to the middle of a span that was not tried; None where there is none."""
    left = [place for place in range(low + 1, high) if not points[place].fault]
    return min(left, key=lambda place: abs(2 * place - low - high), default=None)


def _spans(points: Sequence[Candidate], limit: float) -> list[tuple[int, int]]:
    """The places of neighbours among the counted versions that differ by more than the limit."""
    counted = [place for place, point in enumerate(points) if point.count is not None]
    return [(low, high) for low, high in pairwise(counted) if BisectionStep(points[low], points[high]).exceeds(limit)]


class VersionRange:
    """The versions from A to B of one package in order, and how to serve a layer with each.

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
        a, b = asked.a[0], asked.b[0]
        if isinstance(a, Version) and isinstance(b, Version):
            versions = self._releases(a, b)
        elif isinstance(a, Commit | Base) and isinstance(b, Commit | Folder):
            versions = self._commits(a, b)
        else:
            raise BadInput("BISECT=1 needs two releases, or two states of one clone (git:REF, a checkout, base)")
        self.points = [point for point, _ in versions]
        self.sources = [source for _, source in versions]

    def _releases(self, a: Version, b: Version) -> list[tuple[Candidate, Source]]:
        since, until = (f"{side.version}.0" if side.version.count(".") == 1 else side.version for side in (a, b))
        chosen = choose(releases(self.packages[0]), "all", since, until, ("A", "B"))
        return [(Candidate(name=release.version), Version(release.version)) for release in chosen]

    def _commits(self, a: Commit | Base, b: Commit | Folder) -> list[tuple[Candidate, Source]]:
        repo, head = (b.path, "HEAD") if isinstance(b, Folder) else (b.repo, b.ref)
        first = commit(a.repo, a.ref) if isinstance(a, Commit) else merge_base(repo, a.ref, head)
        last = commit(repo, head)
        versions: list[tuple[Candidate, Source]] = []
        for name in [first, *(commits(repo, first, last) if first != last else [])]:
            subject = git(repo, "show", "--no-patch", "--format=%s", name)
            versions.append((Candidate(name=name[:SHOWN], subject=subject), Commit(name, repo)))
        if isinstance(b, Folder):
            with contextlib.suppress(Fault), scratch() as place:
                if of_folder(b.path, place)[0].changes:
                    versions.append((Candidate(name="checkout", subject="with uncommitted changes"), b))
        return versions

    def serve(self, place: int) -> Layer:
        """The layer with one of the versions; raises Fault where it cannot be built or installed."""
        self.resolver = self.resolver or resolver_for([self.layer], self.packages, self.tell)
        words, pins = find(self.packages, [self.sources[place]], self.tell)
        if self.ends is None:  # what both ends allow is what all get
            first, last = (find(self.packages, [self.sources[end]], self.tell)[1] for end in (0, -1))
            self.ends = self.resolver.both(first, last)
        if place in (0, len(self.points) - 1):
            resolution = self.ends[place != 0]
        else:
            resolution = self.resolver.one(pins, self.ends[0].others)
        self.points[place].differ = changed(self.ends[0], resolution)
        side = install("a", words, resolution, self.layer.group, self.tell)
        layer, _ = served_by(self.layer, side)
        return msgspec.structs.replace(layer, name=f"point-{place}")


def seconds(points: int, width: int) -> float:
    """About how long it takes where there is one step, in seconds."""
    return (2 + math.log2(max(points, 2))) * sum(SECONDS[task] for task in TASKS) / min(width, 2)


def bisect(
    bisection: Bisection,
    serve: Callable[[int], Layer],
    contract: Contract,
    limit: float,
    watch: Watch,
    executor: Executor,
    width: int,
) -> None:
    """Count what is needed of these points into them; `serve` installs one, and raises Fault where that fails."""
    points, done = bisection.points, 0.0
    tasks = TASKS if shutil.which("valgrind") else TASKS[1:]
    bisection.metric = "instructions" if tasks == TASKS else "bytecodes"

    def count(places: Sequence[int]) -> None:
        nonlocal done
        jobs, served = [], dict[str, Candidate]()
        for place in places:
            point = points[place]
            watch.tell(f"install {point.name} {point.subject}".strip(), done)
            try:
                layer = serve(place)
            except Fault as fault:
                point.fault = fault.message
                continue
            served[layer.name] = point
            jobs += [Job(layer, its_contract(layer, contract), task) for task in tasks]
        for job, result in take(jobs, executor):
            point, bytecodes = served[job.layer.name], result.counts.bytecodes
            if job.task == "instructions":
                point.count = total(result.counts)
            else:
                point.bytecodes = sum(bytecodes.values()) if bytecodes else None
                point.count = point.bytecodes if bisection.metric == "bytecodes" else point.count
            if result.failed:
                point.fault = f"no {job.task}: {result.failed}"
            done += SECONDS[job.task] / width
            watch.tell(f"counted {job.task} of {point.name}", done)
            watch.keep()
        for place in places:
            if points[place].fault:
                points[place].count = None

    narrow(points, limit, count)
