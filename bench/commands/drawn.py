"""What `make report` and `make charts` share: the records that they are given, as sources of pictures.

Needs the group `report`.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from bench.commands.output import say
from bench.commands.records import alike, anatomy_of, folders_of, label, shared
from bench.data.catalogue import read_catalogue
from bench.data.errors import BadInput
from bench.data.history import is_counted
from bench.data.history import read_all as read_counted
from bench.data.record import Anatomy, Bench, Kind, Measured
from bench.data.store import REFERENCE, files_of, latest, newest_in, read_all, read_record
from bench.data.sweep import Sweep
from bench.data.versus import Versus
from bench.report.source import Releases, Shown, Sides, Source, Swept
from bench.stats.history import all_series


def reference(catalogue_file: Path) -> list[Shown]:
    """A source for each ladder that has reference records, and for each package whose releases are counted there."""
    found: list[Shown] = []
    for ladder in read_catalogue(catalogue_file).ladders:
        paths = filter(None, (newest_in(REFERENCE / ladder, kind) for kind in ("bench", "anatomy")))
        found += gather({path: read_record(path, Kind) for path in paths}, ladder)
    return found + reference_releases()


def reference_releases() -> list[Releases]:
    """A source for each package whose releases are counted among the reference records."""
    return [releases_of(path) for path in sorted((REFERENCE / "history").glob("*.json"))]


def reference_workloads() -> list[Bench]:
    """The reference records of workloads."""
    found = read_all(str(REFERENCE / "workloads"), say) if (REFERENCE / "workloads").is_dir() else {}
    return [record for record in found.values() if isinstance(record, Bench)]


def releases_of(path: Path) -> Releases:
    """The releases that a file has; raises BadInput."""
    every = all_series(read_counted(path))
    return Releases(f"releases of {every[0].package}", every, _shown(path))


def chosen(paths: str) -> tuple[list[Path], list[Shown]]:
    """The records that were named, or the newest bench; raises BadInput."""
    paths = paths if paths.strip() else str(latest("bench", tell=say))
    files = files_of(paths)
    past = [file for file in files if is_counted(file)]
    read = read_all(paths, say, past)
    if not past and not read:
        raise BadInput(f"no record in {paths}: expected files, or folders with *.json")
    found = [*gather(read), *map(releases_of, past)]
    if not found:
        raise BadInput("no record of bench, pair, anatomy, versus or sweep among these: try RECORD=results/NAME.json")
    return [file for file in files if file in read or file in past], found


def gather(read: Mapping[Path, Kind], called: str = "") -> list[Shown]:
    """One for each record of times, with its anatomy, each anatomy that is left, each versus, and each sweep."""
    paths = [*read]
    counted = {path: record for path, record in read.items() if isinstance(record, Anatomy)}
    used: set[Path] = set()
    sources: list[Shown] = []
    for path, record in read.items():
        if not isinstance(record, Measured):
            continue
        own = _own(record, path, counted)
        used |= {own[0]} if own else set()
        counts, place = (own[1], _shown(own[0])) if own else (None, "")
        sources.append(Source(called or label(path, paths), record, counts, _shown(path), place))
    for path, each in counted.items():
        if path not in used:
            sources.append(Source(label(path, paths), None, each, "", _shown(path)))
    for path, other in read.items():
        if isinstance(other, Versus):
            sources.append(Sides(label(path, paths), other, _shown(path)))
        elif isinstance(other, Sweep):
            sources.append(Swept(label(path, paths), other, _shown(path)))
        elif not isinstance(other, Measured | Anatomy):
            say(f"note: {_shown(path)} is a record of `make {other.kind}`, which has no picture yet: left out")
    return sources


def _own(record: Measured, path: Path, counted: dict[Path, Anatomy]) -> tuple[Path, Anatomy] | None:
    """The anatomy that belongs to it: of those that were named, or else the newest that is kept."""
    among = [(file, each) for file, each in counted.items() if alike(record, each)]
    if among:
        return max(among, key=lambda each: (len(shared(record, each[1])), str(each[1].made)))
    return anatomy_of(record, folders_of(path)) if isinstance(record, Bench) else None


def _shown(path: Path) -> str:
    """As it is typed, and without the folders above this checkout's."""
    relative = os.path.relpath(path)
    return path.name if relative.startswith("..") else relative
