"""windows of wrk -> record: the JSON file of a run, from which every table can be made again. See docs/RECORD.md."""

import contextlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, field

from bench.data.errors import BadInput, Fault
from bench.host.cores import Lane
from bench.host.machine import Machine, Python
from bench.measure.wrk import Errors, Latency, Load

VERSION = 1
TOLD = ("Python", "uvicorn", "uvloop", "httptools")
"""Of the versions in somebody's own environment, those that tell how an app is served there."""


class Window(msgspec.Struct, kw_only=True):
    """One wrk run of fixed length against one layer. What was not measured is null."""

    layer: str
    restart: int
    """Which start of the servers it belongs to: windows of one restart are not independent."""
    requests: int
    duration_us: int
    pair: str | None = None
    """The upper layer of the pair that it was measured in, side by side; null: it had the core alone."""
    take: int = 0
    """The two windows of a pair that were taken at the same time share it."""
    start: datetime | None = None
    bytes: int | None = None
    errors: Errors | None = None
    latency_us: Latency | None = None
    unanswered: int = 0
    """Requests that the server had at the end and that wrk does not count, one a connection: they cost it as well."""
    cores: int = 1
    """How many cores the server had; more than one only for a layer with several processes, alone."""
    server_cpu_ns: int | None = None
    client_cpu_ns: int | None = None
    steal_ns: int | None = None
    """Nanoseconds in which another tenant of the machine had the server's core."""
    switches: int | None = None
    """Involuntary context switches of the server."""
    peak_bytes: int | None = None
    """The server's resident memory at its highest since it began."""
    fault: str | None = None
    """Why the window does not count, or null."""

    @property
    def rps(self) -> float:
        """Requests a second."""
        return self.requests * 1e6 / self.duration_us if self.duration_us else 0.0

    @property
    def cost_us(self) -> float | None:
        """CPU time of the server, microseconds a request."""
        served = self.requests + self.unanswered
        return self.server_cpu_ns / 1e3 / served if self.server_cpu_ns and self.requests else None

    @property
    def busy(self) -> float | None:
        """The server's share of its cores, 0 to 1."""
        return (
            self.server_cpu_ns / 1e3 / self.duration_us / self.cores
            if self.server_cpu_ns and self.duration_us
            else None
        )


class Row(msgspec.Struct, kw_only=True):
    """A layer of the run, lowest first: what it stood on, and what became of it."""

    name: str
    on: str | None = None
    adds: str = ""
    command: list[str] = []
    answer_bytes: int | None = None
    """The size of its answer to the User request; null: it varies, so that wrk's bytes verify nothing."""
    waits: bool = False
    """Its endpoint waits, so that its core is not full, whatever the client does."""
    held_to: str = ""
    """What it was held to, where that is not the whole of contract.toml to the byte."""
    packages: dict[str, str] = {}
    """The versions in its own environment, where it has one."""
    faults: list[str] = []
    """What went wrong with it, a sentence each: a broken contract, a server that did not start or died."""

    @property
    def terms(self) -> str:
        """On what terms it was measured, where these are not everybody's, or nothing."""
        terms = [f"held to {self.held_to} ({self.answer_bytes or 'a varying number of'} bytes)"] if self.held_to else []
        if self.packages:
            names = TOLD if "uvicorn" in self.command else TOLD[:1]
            told = [f"{name} {self.packages[name]}" for name in names if name in self.packages]
            terms.append(
                f"in its own environment: {', '.join(told)} (the record has all {len(self.packages)} versions)"
            )
        return "; ".join(terms)


class Frame(msgspec.Struct):
    """A function as called from one place: its own calls and bytecodes a request, without those of its children."""

    package: str
    function: str
    calls: float
    bytecodes: float
    children: list["Frame"] = []

    @property
    def name(self) -> str:
        """As a flame graph shows it."""
        return f"{self.package}:{self.function}"


class Anatomy(msgspec.Struct, kw_only=True):
    """Where the work of one request goes in a layer. What could not be counted is empty, and a note says why."""

    layer: str
    instructions: list[dict[str, float]] = []
    """Instructions a request in user space by component, for each repeat."""
    calls: dict[str, float] = {}
    """Python calls a request by package."""
    bytecodes: dict[str, float] = {}
    syscalls: dict[str, float] = {}
    """System calls a request by name."""
    tree: Frame | None = None
    notes: list[str] = []


class Record(msgspec.Struct, kw_only=True):
    """The JSON file of a run."""

    version: Annotated[int, Meta(ge=1, le=VERSION)] = field(default=VERSION, name="schema")
    made: datetime | None = None
    command: str
    source: str = ""
    """Where the figures come from, if not from a run of this suite."""
    stopped: str = ""
    """Why the run ended before its time, or nothing."""
    ladder: str = ""
    load: Load
    precision: float | None = None
    """The margin, in percentage points, that every decay's interval was to reach."""
    budget: float | None = None
    """The seconds that the run was given."""
    seconds: float | None = None
    """The seconds that it took."""
    window_seconds: float | None = None
    """The seconds of these in which a window was open."""
    cores: Lane | None = None
    """Where the servers ran and where wrk did; null: they were not pinned, and no pairs were taken."""
    contract: str | None = None
    """SHA-256 of what the contract asks and answers."""
    machine: Machine | None = None
    python: Python | None = None
    packages: dict[str, str] = {}
    revision: str | None = None
    layers: list[Row]
    windows: list[Window] = []
    anatomy: list[Anatomy] = []
    endpoint: Anatomy | None = None
    """share.endpoint by itself: the work that was asked for."""

    @property
    def paired(self) -> bool:
        """Whether layers were measured side by side."""
        return any(window.pair for window in self.windows)

    @property
    def measured(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self.windows or self.anatomy)


class Kept(Protocol):
    """What a command that measures leaves as a file: a Record, or what `make power` tried."""

    made: datetime | None
    stopped: str

    @property
    def command(self) -> str:
        """What wrote it."""

    @property
    def measured(self) -> bool:
        """Whether there is anything to keep."""


class _Head(msgspec.Struct):
    version: int = field(name="schema")


def schema() -> dict[str, Any]:
    """The JSON Schema of a record."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Record)}


def encode(value: object) -> bytes:
    """Indented JSON, ending in a line end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def read_record(path: Path) -> Record:
    """Read a record; raises BadInput for a file that is none, or is of a later version."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read record {path}: {error.strerror}") from None
    try:
        version = msgspec.json.decode(data, type=_Head).version
        if version > VERSION:
            raise BadInput(
                f"{path} is a record of version {version}, this suite reads up to {VERSION}: update the suite"
            )
        return msgspec.json.decode(data, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not a record: {error}") from None


def require_folder(folder: Path) -> None:
    """Raise BadInput unless a record can be written there, before anything is measured."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}: try RESULTS=another/folder") from None


def write_record(record: Kept, folder: Path) -> Path:
    """Write a file as JSON, whole or not at all, under a name made of its time and command.

    Where `folder` fails (a full disk), the system's temporary folder takes it; raises Fault where that fails too.
    """
    data, name = encode(record), f"{record.made or now():%Y%m%d-%H%M%S}-{record.command}.json"
    why = ""
    for place in (folder, Path(tempfile.gettempdir())):
        try:
            path = _write_whole(data, place, name)
        except OSError as error:
            why = why or f"cannot write {place / name}: {error.strerror}"
            continue
        if place != folder:
            raise Fault(f"{why}; the record is kept as {path}")
        return path
    raise Fault(f"{why}: nothing could be kept but what is printed")


def _write_whole(data: bytes, folder: Path, name: str) -> Path:
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        path = folder / name
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    return path


def now() -> datetime:
    """The present, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
