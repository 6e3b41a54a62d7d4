"""What a page or a picture is about: records of layers, in time and counted, or one record of another kind."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec

from asgi_anatomy.counts.figures import Line, lines
from asgi_anatomy.counts.phases import Phase, times
from asgi_anatomy.documents.document import Table
from asgi_anatomy.suite.workloads import in_order
from asgi_anatomy.turns.decay import Figures, figures
from asgi_anatomy.turns.levels import Levels, Speeds
from asgi_anatomy.turns.record import Anatomy, Bench, Layers, Measured
from asgi_anatomy.turns.table import decay_table


class Source(msgspec.Struct, dict=True):
    """Records of the same layers; at least one of the two is there. Paths are as people may type them."""

    label: str
    measured: Measured | None = None
    counted: Anatomy | None = None
    measured_path: str = ""
    counted_path: str = ""
    runs: Sequence[Bench] = ()
    """Other runs of the same on the same machine."""

    @property
    def record(self) -> Layers:
        """The one that says which layers there are, and where and when."""
        record = self.measured or self.counted
        assert record
        return record

    @property
    def kind(self) -> str:
        """The kind of that record."""
        return self.record.kind

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

    @cached_property
    def phases(self) -> dict[str, list[Phase]]:
        """The phases of a request, in µs, to each layer that has user and system time, instructions and a call tree."""
        counts = {each.layer: each for each in self.counted.anatomy} if self.counted else {}
        found = {
            row.layer: times(counts[row.layer], row.user_us, row.system_us)
            for row in self.shown()
            if row.layer in counts and row.user_us is not None and row.system_us is not None
        }
        return {layer: phases for layer, phases in found.items() if phases}

    def shown(self) -> list[Figures]:
        """The layers that have a figure."""
        return [row for row in self.figures if row.cpu_us]


class Subject[R](msgspec.Struct, frozen=True):
    """What was read from one file of a kind that is shown alone. The path is as people may type it."""

    kind: str
    label: str
    record: R
    path: str


Shown = Source | Subject[Any]


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
    ladders: dict[str, dict[str, Bench]] = {}
    for record in sorted(records, key=lambda record: str(record.made)):
        if isinstance(record, Bench) and record.ladder:
            ladders.setdefault(record.ladder, {})[record.workload] = record
    return [
        Matrix(ladder, {name: workloads[name] for name in in_order(workloads)})
        for ladder, workloads in ladders.items()
        if len(workloads) > 1
    ]
