"""Which records belong together: times, and counts of the same."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench.commands.output import say
from bench.data.errors import BadInput
from bench.data.machine import identity, same_versions
from bench.data.record import Anatomy, Bench, Kind, Layers
from bench.data.store import REFERENCE, RESULTS, is_live, read_record


def made_of(record: Layers) -> object:
    """What two records of one ladder must have in common, but for packages: see `alike`."""
    where = identity(record.machine, record.python)
    return getattr(record, "ladder", ""), record.contract, record.workload, where


def alike(measured: Layers, counted: Layers) -> bool:
    """Whether times and counts have the same ladder, contract, workload, versions, Python and machine."""
    same = same_versions(measured.packages, counted.packages)
    return same and made_of(measured) == made_of(counted) and bool(shared(measured, counted))


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
