"""What a picture is made from: a record of times, one of counts, or both, read once; or a versus; or
the releases of a package; or a sweep.
"""

from collections.abc import Iterable
from functools import cached_property

import msgspec

from asgi_anatomy.counts.figures import Line, lines
from asgi_anatomy.documents.document import Table
from asgi_anatomy.history.figures import Series
from asgi_anatomy.suite.workloads import in_order
from asgi_anatomy.sweep.record import Sweep
from asgi_anatomy.turns.decay import Figures, figures
from asgi_anatomy.turns.levels import Levels, Speeds
from asgi_anatomy.turns.record import Anatomy, Bench, Layers, Measured
from asgi_anatomy.turns.table import decay_table
from asgi_anatomy.versus.record import Versus


class Source(msgspec.Struct, dict=True):
    """Records of the same layers; at least one of the two is there. Paths are as people may type them."""

    label: str
    measured: Measured | None = None
    counted: Anatomy | None = None
    measured_path: str = ""
    counted_path: str = ""

    @property
    def record(self) -> Layers:
        """The one that says which layers there are, and where and when."""
        found = self.measured or self.counted
        assert found
        return found

    @property
    def ladder(self) -> str:
        """The name of its ladder, or empty."""
        return getattr(self.record, "ladder", "")

    @cached_property
    def figures(self) -> list[Figures]:
        """The rows of the decay table."""
        return figures(self.measured) if self.measured else []

    @cached_property
    def table(self) -> Table | None:
        """The decay table."""
        return decay_table(self.measured) if self.measured else None

    @cached_property
    def counts(self) -> list[Line]:
        """The rows of the anatomy."""
        return lines(self.counted) if self.counted else []

    @cached_property
    def levels(self) -> Levels | None:
        """The turns of the run."""
        return Levels(self.measured) if self.measured else None

    @property
    def speeds(self) -> Speeds | None:
        """The two speeds of the run's core, if it had two."""
        return self.levels.speeds if self.levels else None

    def shown(self) -> list[Figures]:
        """The layers that have a figure."""
        return [row for row in self.figures if row.cpu_us]


class Matrix(msgspec.Struct, frozen=True):
    """One ladder under several workloads."""

    ladder: str
    records: dict[str, Bench]
    """By workload, in the order of workloads.toml."""

    @property
    def base(self) -> str:
        """The workload that the others are compared with: the first of them in workloads.toml."""
        return next(iter(self.records))


def matrices(records: Iterable[Layers]) -> list[Matrix]:
    """A matrix for each ladder of which there are several workloads, of the newest record of each."""
    found: dict[str, dict[str, Bench]] = {}
    for record in sorted(records, key=lambda each: str(each.made)):
        if isinstance(record, Bench) and record.ladder:
            found.setdefault(record.ladder, {})[record.workload] = record
    made = [Matrix(ladder, {name: own[name] for name in in_order(own)}) for ladder, own in found.items()]
    return [each for each in made if len(each.records) > 1]


class Sides(msgspec.Struct, frozen=True):
    """A record of two versions. The path is as people may type it."""

    label: str
    record: Versus
    path: str


class Releases(msgspec.Struct, frozen=True):
    """The counted releases of a package. The path is as people may type it."""

    label: str
    series: list[Series]
    path: str


class Swept(msgspec.Struct, frozen=True):
    """A record of a sweep. The path is as people may type it."""

    label: str
    record: Sweep
    path: str


Shown = Source | Sides | Releases | Swept
"""What a page can be about."""
