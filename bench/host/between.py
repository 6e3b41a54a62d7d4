"""Two sides of one package -> every version between them, in order: releases, or commits."""

import contextlib
from collections.abc import Callable

import msgspec

from bench.data.errors import BadInput, Fault
from bench.data.layers import Layer
from bench.data.releases import choose
from bench.data.resolution import Resolution, changed
from bench.data.sides import Asked, Base, Commit, Folder, Source, Version
from bench.data.versus import Point
from bench.host.checkouts import of_folder
from bench.host.git import commit, commits, git, merge_base
from bench.host.programs import scratch
from bench.host.releases import releases
from bench.host.resolve import Resolver
from bench.host.sides import SHOWN, find, install, resolver_for, served_by


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
