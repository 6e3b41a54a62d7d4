"""What a run is in its record, and the JSON file of each kind of run: docs/RECORD.md explains every key.

A turn is one layer's time on the core that all servers of a round share, each with a client of its own; a cycle is one
turn of each layer. Everything is counted from the end of a turn to the end of the same layer's next turn, when the
server is at rest, so that nothing falls between two turns. A plain window is one layer under a wrk with a core of its
own, as everybody runs it.

Every table can be printed again from a record. `command` says of which kind it is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from asgi_anatomy.errors import BadInput, ServerFault
from asgi_anatomy.machine.machine import Lane, Machine, Python

Count = Annotated[int, Meta(ge=0, le=10**15)]
Amount = Annotated[float, Meta(ge=0, le=10**15)]
Signed = Annotated[float, Meta(ge=-(10**15), le=10**15)]
"""What may be below zero."""
MOST = 1000
"""Layers of a record."""


class Load(msgspec.Struct, frozen=True):
    """How wrk drives a server: the length of a plain window in whole seconds, its connections, its threads."""

    seconds: Count = 1
    connections: Count = 64
    threads: Count = 1
    pipelining: Annotated[int, Meta(ge=1)] = 1
    """How many requests are sent at once on a connection, before the answers to all of them are read."""
    requests_per_connection: Count = 0
    """After how many requests a connection is closed, on average; 0: never."""
    timeout: Count = 2
    """Seconds after which a request without an answer counts as an error."""


class Errors(msgspec.Struct, frozen=True):
    """wrk's errors by kind: how many."""

    connect: Count
    read: Count
    write: Count
    status: Count
    timeout: Count


class Latency(msgspec.Struct, frozen=True):
    """Latency percentiles of a window, in microseconds."""

    p50: Count
    p90: Count
    p99: Count
    p999: Count
    max: Count


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """One turn of one layer: an array in the record."""

    layer: str
    cycle: Count
    """0, 1, 2 ... within its round."""
    at_us: Count
    """When it began, from the beginning of the round's first turn."""
    wall_us: Count
    """From its beginning until the server was at rest."""
    span_us: Count
    """Since the layer's last turn ended: everything below is counted over this time."""
    cpu_ns: Count | None
    """CPU time of the server; null: unknown, since a counter fell."""
    bytes: Count
    """Read by the client."""
    client_cpu_ns: Count
    sleeps: Count | None
    """How often the server slept until something came; null: unknown, since a counter fell."""
    client_sleeps: Count


class Instance(msgspec.Struct, kw_only=True):
    """One start of a layer's server: what its client counted from its start to the end of the round."""

    layer: str
    requests: Count = 0
    bytes: Count = 0
    """Read by the client, in answers to these requests."""
    errors: Errors | None = None
    statuses: dict[str, Count] = {}
    """How many answers had each status, where the workload expects errors."""
    cpu_from: Literal["group", "clocks", "waited"] = "clocks"
    """Where CPU times come from: a control group; the clocks of processes that lived throughout; or these and what
    parents know of children that have ended, in hundredths of a second, so that only the sum over the round counts."""
    user_ns: Count | None = None
    """CPU time of the server in its turns, in user space, as the kernel samples it; null: unknown."""
    system_ns: Count | None = None
    """The same in the kernel."""
    idle_cpu_ns: Count | None = None
    """CPU time of the server while nobody asked it anything, in `idle_us`."""
    idle_us: Count = 0
    start_bytes: Count | None = None
    """Resident memory once it had started, before any load."""
    end_bytes: Count | None = None
    """The same after its last turn."""
    fault: str | None = None
    """Why its turns do not count, or null."""


class Round(msgspec.Struct, kw_only=True):
    """Servers started, cycles of turns, servers stopped."""

    start: datetime
    seconds: Amount
    """From starting the servers until they had ended, without plain windows."""
    throttled: Count | None = None
    """How often the kernel stopped the container meanwhile, because it had used up its share of the CPU."""
    instances: list[Instance] = []
    turns: list[Turn] = []


class Window(msgspec.Struct, kw_only=True):
    """One wrk run of fixed length against one layer. What was not measured is null."""

    layer: str
    round: Count
    """The round at whose end it was measured: 0, 1, 2 ..."""
    requests: Count
    duration_us: Count
    start: datetime | None = None
    bytes: Count | None = None
    errors: Errors | None = None
    latency_us: Latency | None = None
    unanswered: Count = 0
    """Requests in flight at the end, and what a slow server was asked after them to see when it had answered them: wrk
    does not count them, but they cost the server as well."""
    statuses: dict[str, Count] = {}
    """How many answers had each status, where the workload expects errors."""
    cores: Annotated[int, Meta(ge=1)] = 1
    """How many cores the server had; more than one only for a layer with several processes."""
    server_cpu_ns: Count | None = None
    user_ns: Count | None = None
    """The part of it in user space, and in the kernel, as the kernel samples them."""
    system_ns: Count | None = None
    client_cpu_ns: Count | None = None
    client_sleeps: Count | None = None
    """How often wrk slept until an answer came: a server pays for each time that it wakes wrk on another core."""
    switches: Count | None = None
    """Involuntary context switches of the server."""
    peak_bytes: Count | None = None
    """The server's peak resident memory since it started."""
    rss_bytes: Count | None = None
    """The server's resident memory at the end of the window."""
    fault: str | None = None
    """Why the window does not count, or null."""

    @property
    def rps(self) -> float:
        """Requests per second."""
        return self.requests * 1e6 / self.duration_us if self.duration_us else 0.0

    @property
    def cpu_us(self) -> float | None:
        """CPU time of the server, microseconds per request."""
        served = self.requests + self.unanswered
        return self.server_cpu_ns / 1e3 / served if self.server_cpu_ns and self.requests else None

    @property
    def system_us(self) -> float | None:
        """The part of it in the kernel."""
        if self.cpu_us is None or self.user_ns is None or self.system_ns is None:
            return None
        whole = self.user_ns + self.system_ns
        return self.cpu_us * self.system_ns / whole if whole else None

    @property
    def busy(self) -> float | None:
        """The server's share of its cores, 0 to 1."""
        if not self.server_cpu_ns or not self.duration_us:
            return None
        return self.server_cpu_ns / 1e3 / self.duration_us / self.cores

    @property
    def sleeps(self) -> float | None:
        """How often wrk slept per request."""
        return self.client_sleeps / self.requests if self.client_sleeps is not None and self.requests else None


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
    calls: Amount
    bytecodes: Amount
    children: list["Frame"] = []

    @property
    def name(self) -> str:
        """As a flame graph shows it."""
        return f"{self.package}:{self.function}"


class Counts(msgspec.Struct, kw_only=True):
    """Where the work of one request goes in a layer. What could not be counted is empty; a note says why."""

    layer: str
    instructions: list[dict[str, Signed]] = []
    """User-space instructions per request by component, for each repeat."""
    calls: dict[str, Amount] = {}
    """Python calls per request by package."""
    bytecodes: dict[str, Amount] = {}
    syscalls: dict[str, Amount] = {}
    """System calls per request by name."""
    memory: dict[str, Signed] = {}
    """Allocations, collections per 1,000 requests, instructions in the collector; the latter are part of the above."""
    tree: Frame | None = None
    notes: list[str] = []

    @property
    def contradiction(self) -> str:
        """What was counted, but adds up to nothing, or an empty string."""
        sums = [("instructions", sum(repeat.values())) for repeat in self.instructions]
        sums += [("bytecodes", sum(self.bytecodes.values()))] if self.bytecodes else []
        return next((f"the {what} of {self.layer!r} add up to {count:g}" for what, count in sums if count <= 0), "")


class Trial(msgspec.Struct, frozen=True):
    """One pair with an injected slow-down: the decay injected and the decay found, in percent."""

    injected: Signed
    verdict: Verdict
    decay: Signed
    decay_low: Signed
    decay_high: Signed
    rounds: Count
    seconds: Amount


class Writer(msgspec.Struct, frozen=True):
    """The process that is still writing a record: its id, and when it started, in seconds since 1970."""

    pid: Annotated[int, Meta(ge=1, lt=2**31)]
    started: Amount


class Kind(msgspec.Struct, kw_only=True, tag_field="command"):
    """What every kind of record has."""

    timed: ClassVar[bool] = False
    """Whether wrk measured it on this machine: a busy one, or an odd clock, would show in its figures."""

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

    @property
    def within(self) -> Sequence["Layers"]:
        """The records that it holds, each of which must be consistent."""
        return ()

    @property
    def contradiction(self) -> str:
        """How what this kind has contradicts itself, or an empty string; documents/store.py asks for what all have."""
        return ""


class Layers(Kind, kw_only=True):
    """A record of layers."""

    contract: str | None = None
    """SHA-256 of the contract's requests and answers."""
    workload: str = "user"
    """What was asked of its layers: a workload of workloads.toml, or the name of an own layer's file."""
    layers: Annotated[list[Row], Meta(min_length=1, max_length=MOST)]

    @property
    def about(self) -> Iterator[tuple[str, str]]:
        """The name of a layer for each figure that is of one, and what kind of figure that is."""
        yield from ()

    def row(self, name: str) -> Row:
        """A layer's row."""
        return next(row for row in self.layers if row.name == name)


class Measured(Layers, kw_only=True):
    """A record of layers that were measured in time."""

    timed: ClassVar[bool] = True

    load: Load
    budget: Amount | None = None
    """The time limit of the run, in seconds."""
    seconds: Amount | None = None
    """How long it took, in seconds."""
    turn_ms: Count | None = None
    """The length of a turn; null: this machine cannot take turns, so there are plain windows only."""
    client: Literal["same", "other", "awake"] = "same"
    """Where the clients of turns were: on the servers' core; on the other; or there and polling (docs/METHOD.md)."""
    cores: Lane | None = None
    """The core of the servers, and another one; null: they were not pinned."""
    quota: Amount | None = None
    """The CPU time that the container may use, in cores; null: no limit, or unknown."""
    rounds: list[Round] = []
    windows: list[Window] = []
    """Plain windows."""

    @property
    def about(self) -> Iterator[tuple[str, str]]:
        """Plain windows and turns."""
        yield from ((window.layer, "a plain window") for window in self.windows)
        for one in self.rounds:
            yield from ((turn.layer, "a turn") for turn in one.turns)
            yield from ((instance.layer, "an instance") for instance in one.instances)

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
    precision: Amount | None = None
    """The target for the margin of every decay, in percentage points."""


class Pair(Measured, kw_only=True, tag="pair"):
    """Two layers, the second on the first, measured until a verdict."""

    threshold: Amount | None = None
    """Percent: smaller differences count as the same."""

    @property
    def contradiction(self) -> str:
        """Whether it is no pair."""
        is_pair = len(self.layers) == 2 and self.layers[1].on == self.layers[0].name
        return "" if is_pair else "it is of a pair, but not of two layers, the second on the first"


class Anatomy(Layers, kw_only=True, tag="anatomy"):
    """One request in each layer, counted."""

    ladder: str = ""
    anatomy: list[Counts] = []
    endpoint: Counts | None = None
    """share.endpoint alone: the useful work."""
    seconds: Amount | None = None
    """How long it took."""
    jobs: Count | None = None
    """How many counts ran at a time."""

    @property
    def about(self) -> Iterator[tuple[str, str]]:
        """Counts."""
        return ((counts.layer, "a count") for counts in self.anatomy)

    @property
    def contradiction(self) -> str:
        """Counts of nothing, or two of one layer."""
        if twice := repeated(counts.layer for counts in self.anatomy):
            return f"it has the counts of {twice!r} twice"
        every = [*self.anatomy, *([self.endpoint] if self.endpoint else [])]
        return next(filter(None, (counts.contradiction for counts in every)), "")

    @property
    def size(self) -> int:
        """How many layers were counted."""
        counts = [each for found in self.anatomy for each in (found.instructions, found.bytecodes, found.syscalls)]
        return len(self.anatomy) + sum(map(bool, counts))


class Sensitivity(Kind, kw_only=True, tag="sensitivity"):
    """Pairs with injected slow-downs, and how often each was found."""

    budget: Amount
    threshold: Amount
    floor: Amount
    trials: list[Trial] = []

    @property
    def size(self) -> int:
        """How many trials there are."""
        return len(self.trials)


def repeated(names: Iterable[str]) -> str | None:
    """A name that is there more than once, or None."""
    return min((name for name, count in Counter(names).items() if count > 1), default=None)


def now() -> datetime:
    """The present, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
