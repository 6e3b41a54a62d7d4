"""The record of `make versus`: layers in two versions of a package, what each costs, and how they answer."""

from typing import Annotated

import msgspec
from msgspec import Meta

from asgi_anatomy.turns.record import Amount, Count, Counts, Kind, Pair, repeated

VARIABLES = {"PACKAGE", "A", "B", "REPO", "LAYERS", "LADDER", "WORKLOAD", "ONLY", "LIMIT", "BISECT"} | {
    "APP", "SERVE", "ENV", "ON", "REQUEST", "NAME", "REQUIREMENTS", "CGROUP", "START_TIMEOUT", "LAYERS_FILE",
}  # fmt: skip
"""What a record may name as asked: its command to repeat is for others to type."""


class ServedSide(msgspec.Struct, kw_only=True):
    """A layer as one side serves it."""

    flags: list[str] = []
    """The flags left out, as its release lacks them."""
    exact: bool | None = None
    """Whether it answered the User request as the contract says, to the byte; null: not asked."""
    counts: Counts | None = None


class Compared(msgspec.Struct, kw_only=True):
    """A layer in two versions."""

    layer: str
    a: ServedSide
    b: ServedSide
    versions: dict[str, tuple[str, str]] = {}
    """What was installed of the packages compared: A's version and B's."""
    differ: dict[str, tuple[str, str]] = {}
    """The other packages whose versions differ: A's and B's, empty where a side has none."""
    moved: dict[str, tuple[str, str]] = {}
    """The other packages that both sides have in one version that is not the lock's: the lock's, and theirs."""
    answers: dict[str, str] = {}
    """The cases of the contract that the sides answer differently."""
    faults: list[str] = []
    """Why there are no figures, one sentence each."""
    pair: Pair | None = None
    """Both sides in time; what a record says of where it was made stands in the whole record."""


class Candidate(msgspec.Struct, kw_only=True):
    """A version between A and B: its instructions per request, or why it could not be counted."""

    name: str
    """A release, or the start of a commit's hash."""
    subject: str = ""
    """The first line of a commit's message."""
    count: Amount | None = None
    """Null: it was not needed, or could not be counted."""
    bytecodes: Amount | None = None
    differ: dict[str, tuple[str, str]] = {}
    """The other packages whose versions differ from A's: A's, and its own."""
    fault: str = ""


class Bisection(msgspec.Struct, kw_only=True):
    """All versions from A to B, in order, of which some were counted."""

    package: str
    layer: str
    metric: str = "instructions"
    points: Annotated[list[Candidate], Meta(min_length=1)]


class Versus(Kind, kw_only=True, tag="versus"):
    """Two versions of packages, compared in layers that use them."""

    asked: dict[str, str] = msgspec.field(default_factory=dict)
    """The variables of the command."""
    a: list[str] = msgspec.field(default_factory=list)
    """What side A is, for each package: "uvicorn 0.49.0"."""
    b: list[str] = msgspec.field(default_factory=list)
    ladder: str = ""
    contract: str | None = None
    workload: str = "user"
    """What was asked of its layers: a workload of workloads.toml."""
    limit: Amount
    """Percent: smaller changes of a count are the same."""
    threshold: Amount
    """Percent: smaller differences in time are the same."""
    layers: list[Compared] = msgspec.field(default_factory=list)
    floor_layer: str = ""
    """The layer whose side A was counted again."""
    floor: Counts | None = None
    """Its counts."""
    seconds: Amount | None = None
    """How long it took."""
    jobs: Count | None = None
    """How many counts ran at a time."""
    counted_on: list[str] = msgspec.field(default_factory=list)
    """The machines whose workers counted; empty: the one that the record names, where times are always measured."""
    bisection: Bisection | None = None

    @property
    def within(self) -> list[Pair]:
        """Both sides in time, of each layer."""
        return [row.pair for row in self.layers if row.pair]

    @property
    def contradiction(self) -> str:
        """Layers that are there twice or not at all, counts of nothing, variables that the command does not take."""
        if twice := repeated(row.layer for row in self.layers):
            return f"it has the layer {twice!r} twice"
        if self.floor and self.floor_layer not in [row.layer for row in self.layers]:
            return f"the floor is of {self.floor_layer!r}, but there is no row for it"
        if unknown := self.asked.keys() - VARIABLES:
            return f"versus takes no {min(unknown)!r}"
        every = [each.counts for row in self.layers for each in (row.a, row.b) if each.counts]
        every += [self.floor] if self.floor else []
        return next(filter(None, (counts.contradiction for counts in every)), "")

    @property
    def size(self) -> int:
        """How many counts and windows there are."""
        counted = [each.counts for row in self.layers for each in (row.a, row.b) if each.counts]
        counted += [self.floor] if self.floor else []
        parts = sum(bool(part) for each in counted for part in (each.instructions, each.bytecodes, each.syscalls))
        points = self.bisection.points if self.bisection else []
        return parts + sum(row.pair.size for row in self.layers if row.pair) + sum(bool(each.count) for each in points)
