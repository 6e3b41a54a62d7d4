"""The JSON file of a run, by kind: bench, pair, anatomy, sensitivity (versus: versus.py; all of them: kinds.py).

Every table can be printed from it again. `command` says which kind it is; docs/RECORD.md explains every key.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bench.data.errors import BadInput, ServerFault
from bench.data.load import Count, Load
from bench.data.machine import Lane, Machine, Python
from bench.data.turns import Round
from bench.data.window import Window

VERSION = 3
COLLECTOR = "instructions in the collector"
"""The key, in what an anatomy says of memory, of those that are also part of its instructions."""
Verdict = Literal["same", "slower", "faster", "unclear"]


class Row(msgspec.Struct, kw_only=True):
    """A layer of the run, lowest first: what it stood on, and how it fared."""

    name: str
    on: str | None = None
    adds: str = ""
    command: list[str] = []
    answer_bytes: Count | None = None
    """The size of its answer to its request; null: it varies, so wrk's byte count cannot verify it."""
    waits: bool = False
    """Its endpoint waits, so it never uses a full core, whatever the client does."""
    answer: Literal["bytes", "dated", "json"] = "bytes"
    """Whether its answer must match byte for byte, the same without Date and Server headers, or be equal as JSON."""
    cases: bool = True
    """Whether it was checked against all cases of contract.toml, or against one request only."""
    request: str = ""
    """The name of the file that its request comes from; empty: the User request."""
    plain: str = ""
    """Why it is measured in plain windows, as is the layer it stands on for its decay; empty: by turns."""
    packages: dict[str, str] = {}
    """The package versions in its own environment, if it has one."""
    faults: list[str] = []
    """What went wrong with it, one sentence each: a broken contract, a server that did not start or died."""

    @contextmanager
    def takes_faults(self) -> Iterator[None]:
        """Note what goes wrong with the layer's server in its row, so that the others are still measured."""
        try:
            yield
        except ServerFault as fault:
            self.faults.append(fault.what)


class Frame(msgspec.Struct):
    """A function as called from one place: its own calls and bytecodes per request, without those of its children."""

    package: str
    function: str
    calls: float
    bytecodes: float
    children: list["Frame"] = []

    @property
    def name(self) -> str:
        """As a flame graph shows it."""
        return f"{self.package}:{self.function}"


class Counts(msgspec.Struct, kw_only=True):
    """Where the work of one request goes in a layer. What could not be counted is empty; a note says why."""

    layer: str
    instructions: list[dict[str, float]] = []
    """User-space instructions per request by component, for each repeat."""
    calls: dict[str, float] = {}
    """Python calls per request by package."""
    bytecodes: dict[str, float] = {}
    syscalls: dict[str, float] = {}
    """System calls per request by name."""
    memory: dict[str, float] = {}
    """Allocations, collections per 1,000 requests, instructions in the collector; the latter are part of the above."""
    tree: Frame | None = None
    notes: list[str] = []


class Trial(msgspec.Struct, frozen=True):
    """One pair with an injected slow-down: the decay injected and the decay found, in percent."""

    injected: float
    verdict: Verdict
    decay: float
    decay_low: float
    decay_high: float
    rounds: int
    seconds: float


class Writer(msgspec.Struct, frozen=True):
    """The process that is still writing a record: its id, and when it started, in seconds since 1970."""

    pid: int
    started: float


class Kind(msgspec.Struct, kw_only=True, tag_field="command"):
    """What every kind of record has."""

    schema: Annotated[int, Meta(ge=VERSION, le=VERSION)] = VERSION
    made: datetime | None = None
    source: str = ""
    """Where the figures come from, if not from a run of this suite."""
    stopped: str = ""
    """Why the run ended early, or empty; `running` until it has ended."""
    writer: Writer | None = None
    """The process that writes it, until the run has ended."""
    machine: Machine | None = None
    python: Python | None = None
    packages: dict[str, str] = {}
    revision: str | None = None

    @property
    def kind(self) -> str:
        """The command that made it."""
        return str(type(self).__struct_config__.tag)

    @property
    def size(self) -> int:
        """How much was measured: windows, layers or trials. If 0, there is nothing to keep."""
        raise NotImplementedError


class Layers(Kind, kw_only=True):
    """A record of layers."""

    contract: str | None = None
    """SHA-256 of the contract's requests and answers."""
    workload: str = "user"
    """What was asked of its layers: a workload of workloads.toml, or the name of a custom server's REQUEST file."""
    layers: list[Row]

    def row(self, name: str) -> Row:
        """A layer's row."""
        return next(row for row in self.layers if row.name == name)


class Measured(Layers, kw_only=True):
    """A record of layers that were measured in time."""

    load: Load
    budget: float | None = None
    """The time limit of the run, in seconds."""
    seconds: float | None = None
    """How long it took, in seconds."""
    turn_ms: Count | None = None
    """The length of a turn; null: this machine cannot take turns, so there are plain windows only."""
    client: Literal["same", "other", "awake"] = "same"
    """Where the clients of turns were: on the servers' core; on the other; or there and polling (docs/METHOD.md)."""
    cores: Lane | None = None
    """The core of the servers, and another one; null: they were not pinned."""
    quota: float | None = None
    """The CPU time that the container may use, in cores; null: no limit, or unknown."""
    rounds: list[Round] = []
    windows: list[Window] = []
    """Plain windows."""

    @property
    def size(self) -> int:
        """How many turns and plain windows there are."""
        return len(self.windows) + sum(len(each.turns) for each in self.rounds)


def rebased[M: Measured](record: M, baseline: str) -> M:
    """A record with all layers on one of them, since all share all cycles; raises BadInput for an unknown layer."""
    names = [row.name for row in record.layers]
    if baseline not in names:
        raise BadInput(f"this record has no layer {baseline[:60]!r}: expected one of {', '.join(names)}")
    rows = [msgspec.structs.replace(row, on=None if row.name == baseline else baseline) for row in record.layers]
    return msgspec.structs.replace(record, layers=rows)


class Bench(Measured, kw_only=True, tag="bench"):
    """A ladder, measured."""

    ladder: str = ""
    precision: float | None = None
    """The target for the margin of every decay, in percentage points."""


class Pair(Measured, kw_only=True, tag="pair"):
    """Two layers, the second on the first, measured until a verdict."""

    threshold: float | None = None
    """Percent: smaller differences count as the same."""


class Anatomy(Layers, kw_only=True, tag="anatomy"):
    """One request in each layer, counted."""

    ladder: str = ""
    anatomy: list[Counts] = []
    endpoint: Counts | None = None
    """share.endpoint alone: the useful work."""
    seconds: float | None = None
    """How long it took."""
    jobs: Count | None = None
    """How many counts ran at a time."""

    @property
    def size(self) -> int:
        """How many layers were counted."""
        counts = [each for found in self.anatomy for each in (found.instructions, found.bytecodes, found.syscalls)]
        return len(self.anatomy) + sum(map(bool, counts))


class Sensitivity(Kind, kw_only=True, tag="sensitivity"):
    """Pairs with injected slow-downs, and how often each was found."""

    budget: float
    threshold: float
    floor: float
    trials: list[Trial] = []

    @property
    def size(self) -> int:
        """How many trials there are."""
        return len(self.trials)


def now() -> datetime:
    """The present, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
