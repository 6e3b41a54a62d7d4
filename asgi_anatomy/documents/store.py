"""Records as files: atomic writing, reading and checking, finding them again, and which of them belong together."""

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil

from asgi_anatomy.documents.words import say
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.kinds import KINDS, record_type
from asgi_anatomy.machine.machine import identity, same_versions
from asgi_anatomy.suite.layers import IS_CLONE, ROOT
from asgi_anatomy.turns.record import VERSION, Anatomy, Bench, Kind, Layers, Writer, now, repeated


def write_whole(data: bytes, path: Path) -> None:
    """Write a file, in a folder that is made if need be; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(data, path.parent) as temporary:
        temporary.replace(path)


@contextlib.contextmanager
def whole(data: bytes, folder: Path) -> Iterator[Path]:
    """A complete temporary file in a folder, to be renamed: so a file appears whole or not at all. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        Path(name).chmod(0o644)
        yield Path(name)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def schema() -> dict[str, Any]:
    """The JSON Schema of a record."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(record_type())}


class Unsound(Fault):
    """The reader would refuse a record."""


def sound(record: Kind) -> bytes:
    """A record as a file has it; raises Unsound where that could not be read again."""
    data = encode(record)
    try:
        why = contradiction(msgspec.json.decode(data, type=record_type()))
    except msgspec.DecodeError as error:
        why = str(error)
    if len(data) > LARGEST:
        why = f"it is larger than {LARGEST >> 20} MiB"
    if why:
        raise Unsound(f"the record could not be read again: {why}")
    return data


def contradiction(record: Kind) -> str:
    """How a record, or one within it, contradicts itself, or an empty string."""
    if why := next(filter(None, map(contradiction, record.within)), ""):
        return why
    if not isinstance(record, Layers):
        return record.contradiction
    if twice := repeated(row.name for row in record.layers):
        return f"it has the layer {twice!r} twice"
    on = {row.name: row.on for row in record.layers}
    for name in on:
        seen, below = {name}, on[name]
        while below is not None:
            if below in seen:
                return f"`on` of the layer {name!r} goes in a circle"
            if below not in on:
                return f"the layer {name!r} stands on {below!r}, which is not in it"
            seen.add(below)
            below = on[below]
    if unknown := [(name, what) for name, what in record.about if name not in on]:
        name, what = min(unknown)
        return f"{what} is of {name!r}, but there is no row for it"
    return record.contradiction


RESULTS = (ROOT if IS_CLONE else Path.cwd()) / "results"
REFERENCE = ROOT / "results" / "reference"
LARGEST = 256 * 2**20  # bytes: a larger file is not read as a record
RUNNING = "running"
RUNS = 9
"""Other runs of the same that a table is compared with."""
SPREAD = re.compile(rb'\[\n((?: *(?:"(?:[^"\\]|\\.)*"|[-+.\w]+),?\n)+) *\]')
"""An array of strings and numbers that has a line for each. No string has a line break in it."""
NAME = re.compile(r"(\d{8}-\d{6})(?:-(\d+))?-")


def read_file(path: Path, what: str = "a record") -> bytes:
    """All of a file; raises BadInput for one that cannot be read, is not a regular one, or is larger than LARGEST."""
    try:
        if not path.is_file() and path.exists() and not path.is_dir():
            raise BadInput(f"{path} is not {what}: it is not a regular file")
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{path} is not {what}: it is larger than {LARGEST >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {what.removeprefix('a ')} {path}: {error.strerror}") from None


def read_record[K: Kind](path: Path, kind: type[K]) -> K:
    """Read a record of one kind, or of any kind if that is Kind.

    Raises BadInput for a file that is not a record, has another version, contradicts itself, or is of another kind.
    """
    data = read_file(path)
    try:
        record = _decode(data, path)
    except RecursionError:
        raise BadInput(f"{path} is not a record: it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not a record: {error}") from None
    if why := contradiction(record):
        raise BadInput(f"{path} contradicts itself: {why}")
    if not isinstance(record, kind):
        shown_by = f"make {KINDS[record.kind].shown_by} RECORD={path}"
        raise BadInput(
            f"{path} is a record of `make {record.kind}`, which does not have these figures: try `{shown_by}`"
        )
    return record


class _Version(msgspec.Struct):
    schema: int | None = None


def _decode(data: bytes, path: Path) -> Kind:
    version = msgspec.json.decode(data, type=_Version).schema
    if version is None:
        raise msgspec.ValidationError("the key `schema` is missing")
    if version != VERSION:
        what = "update the suite" if version > VERSION else "measure again, or print it with the release that made it"
        raise BadInput(f"{path} is a record of version {version}, this suite reads version {VERSION}: {what}")
    found: Kind = msgspec.json.decode(data, type=record_type())
    return found


def encode(value: object) -> bytes:
    """Indented JSON with a final newline, in which the home folder is `~`. An array of plain values is one line."""
    data = msgspec.json.format(msgspec.json.encode(value), indent=1)
    data = SPREAD.sub(lambda found: b"[" + b" ".join(line.strip() for line in found[1].splitlines()) + b"]", data)
    home = str(Path.home())
    if len(home) > 1:
        data = re.sub(re.escape(msgspec.json.encode(home).strip(b'"')) + rb"(?![\w.-])", b"~", data)
    return data + b"\n"


def require_folder(folder: Path) -> None:
    """Raise BadInput unless a record can be written there: checked before anything is measured."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}: try RESULTS=another/folder") from None


class Keeper:
    """Keeps a record in a file of its own while it grows, so that not even a power cut loses what was measured.

    The file is named after the record's time and kind, plus a number if that name is taken. It appears once something
    was measured; until `finish`, it says that the run is in progress, and which process writes it.
    """

    def __init__(self, record: Kind, folder: Path) -> None:
        self.record = record
        self.folder = folder
        self.path: Path | None = None
        self.size = 0

    def save(self) -> None:
        """Write the record if it has grown. If that fails, `finish` will run into it again and report it."""
        if self.record.size > self.size:
            writer = Writer(os.getpid(), psutil.Process().create_time())
            with contextlib.suppress(OSError, Unsound):
                self._write(msgspec.structs.replace(self.record, stopped=RUNNING, writer=writer), self.folder)
                self.size = self.record.size

    def finish(self) -> Path:
        """Write the final record. If its folder fails (a full disk), use the system's temporary folder.

        In that case, or where nobody could read it again, raises Fault, which says where the record is, or what of it.
        """
        try:
            return self._write(self.record, self.folder)
        except Unsound as fault:
            kept = f"{self.path} has what was measured before" if self.path else "nothing is kept"
            raise Fault(f"{fault.message}: {kept}") from None
        except OSError as error:
            return self._elsewhere(f"cannot write a record to {self.folder}: {error.strerror}")

    def _elsewhere(self, why: str) -> Path:
        self.path = None
        try:
            path = self._write(self.record, Path(tempfile.gettempdir()))
        except OSError:
            raise Fault(f"{why}: nothing is kept except what is printed") from None
        raise Fault(f"{why}; the record is in {path}")

    def _write(self, record: Kind, folder: Path) -> Path:
        with whole(sound(record), folder) as temporary:
            self.path = self.path or _claim(folder, record)
            temporary.replace(self.path)
        return self.path


def _claim(folder: Path, record: Kind) -> Path:
    """Reserve a unique name for a record: an empty file, which the record then replaces."""
    stamp = f"{record.made or now():%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        path = folder / f"{stamp}{f'-{number}' if number > 1 else ''}-{record.kind}.json"
        with contextlib.suppress(FileExistsError):
            path.touch(exist_ok=False)
            return path
    raise FileExistsError(17, f"{path} and 998 others exist")


def is_live(record: Kind) -> bool:
    """Whether the process that writes it is still running."""
    if not record.writer:
        return False
    with contextlib.suppress(psutil.Error):
        return abs(psutil.Process(record.writer.pid).create_time() - record.writer.started) < 1
    return False


def latest(kind: str, *folders: Path, tell: Callable[[str], None] | None = None) -> Path:
    """The newest finished record of a kind, from the first of these folders that has one; see `newest_in`."""
    for folder in folders or (RESULTS, REFERENCE / "default"):
        if path := newest_in(folder, kind, tell):
            return path
    where = os.path.relpath((folders or (RESULTS,))[0])
    raise BadInput(f"no record of `make {kind}` in {where}: `make {kind}` makes one")


def at(path: Path, kind: str) -> Path:
    """The record that RECORD= names: that file, or the newest of a kind in that folder; raises BadInput."""
    return latest(kind, path) if path.is_dir() else path


def newest_in(folder: Path, kind: str, tell: Callable[[str], None] | None = None) -> Path | None:
    """The newest finished record of a kind in a folder, or None.

    One that cannot be read is skipped, with a note; without `tell`, raises BadInput.
    """
    for path in sorted(folder.glob(f"2*-{kind}.json"), key=_age, reverse=True):
        try:
            if path.stat().st_size and not is_live(read_record(path, Kind)):
                return path
        except BadInput as error:
            if not tell:
                raise
            tell(f"note: skipped: {error.message}")
    return None


def files_of(paths: str) -> list[Path]:
    """The files that were named: one path with spaces in it, or several; of a folder, all records that it has."""
    return [*_named(paths)]


def read_all(paths: str, tell: Callable[[str], None], without: Collection[Path] = ()) -> dict[Path, Kind]:
    """The records that were named, by their files, but for some of these.

    What is not a record is skipped in a folder, with a note; raises BadInput if it was named itself.
    """
    found: dict[Path, Kind] = {}
    for file, itself in _named(paths).items():
        try:
            if file not in without:
                found[file] = read_record(file, Kind)
        except BadInput as error:
            if itself:
                raise
            tell(f"note: skipped: {error.message}")
    return found


def _named(paths: str) -> dict[Path, bool]:
    """Each file, and whether it was named itself."""
    named = [Path(paths)] if Path(paths).exists() else [Path(each) for each in paths.split()]
    return {file: file == path for path in named for file in (_within(path) if path.is_dir() else [path])}


def _within(folder: Path) -> list[Path]:
    """Its records; where releases are counted, the files that have all of a package, not those of one release each."""
    return sorted(folder.glob("*.jsonl")) or sorted(folder.glob("*.json"))


def _age(path: Path) -> tuple[str, int]:
    found = NAME.match(path.name)
    return (found[1], int(found[2] or 1)) if found else ("", 0)


def made_of(record: Layers) -> object:
    """What two records of one ladder must have in common, but for packages: see `alike`."""
    where = identity(record.machine, record.python)
    return getattr(record, "ladder", ""), record.contract, record.workload, where


def alike(measured: Layers, counted: Layers) -> bool:
    """Whether times and counts have the same ladder, contract, workload, versions, Python and machine."""
    same = same_versions(measured.packages, counted.packages)
    return same and made_of(measured) == made_of(counted) and bool(shared(measured, counted))


def runs_like(measured: Bench, folders: Iterable[Path]) -> list[Bench]:
    """The newest other runs in these folders of what a bench measured by turns, with the same client; at most RUNS."""
    paths = {path.resolve() for folder in folders for path in folder.glob("2*-bench.json")}
    found: list[Bench] = []
    for path in sorted(paths, key=_age, reverse=True):
        with contextlib.suppress(BadInput):
            record = read_record(path, Bench)
            same = alike(measured, record) and [row.name for row in measured.layers] == [
                row.name for row in record.layers
            ]
            how = record.turn_ms and (record.client, record.load) == (measured.client, measured.load)
            if same and how and record.made != measured.made and record.stopped != RUNNING:
                found.append(record)
        if len(found) == RUNS:
            break
    return found


def shared(a: Layers, b: Layers) -> set[tuple[str, str | None]]:
    """The layers that are in both, on the same layer."""
    one, other = ({(row.name, row.on) for row in record.layers} for record in (a, b))
    return one & other


def anatomy_of(measured: Bench, folders: Iterable[Path]) -> tuple[Path, Anatomy] | None:
    """The newest anatomy in these folders of what a bench measured; files that are not records are left out."""
    paths = {each for folder in folders for each in folder.glob("*-anatomy.json")}
    found = [(path, record) for path, record in anatomies(paths) if alike(measured, record)]
    return max(found, key=lambda each: (str(each[1].made), each[0]), default=None)


def anatomies(paths: Iterable[Path]) -> Iterator[tuple[Path, Anatomy]]:
    """The finished anatomies in these files, which nobody named: what cannot be read is left out, with a note."""
    for path in paths:
        try:
            record = read_record(path, Kind)
        except BadInput as error:
            say(f"note: {error.message}")
            continue
        if isinstance(record, Anatomy) and record.size and not is_live(record):
            yield path, record


def label(path: Path, paths: Sequence[Path]) -> str:
    """What a record is called among others: its file's name, with its folder's where another has the same."""
    same = [each for each in paths if each.stem == path.stem]
    return path.stem if len(same) < 2 else f"{path.parent.name}/{path.stem}"


def folders_of(path: Path) -> list[Path]:
    """Where records that belong to this one may be: beside it, among the results, among the reference records."""
    return [path.parent, RESULTS, *(each for each in sorted(REFERENCE.glob("*")) if each.is_dir())]
