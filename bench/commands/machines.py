"""`make machines`: each layer's decay on several machines."""

from pathlib import Path

import click

from bench.commands.options import Printing, printing_options
from bench.data.errors import BadInput
from bench.data.record import Anatomy, Kind, Windows
from bench.data.store import REFERENCE, RESULTS, read_record
from bench.report.machines import machines_document
from bench.stats.machines import sites


@click.command("machines")
@click.option("--record", "paths", default="", help="Records, or folders of them, with spaces between.")
@printing_options
def command(paths: str, printing: Printing) -> None:
    """Print each layer's decay by machine, by time beside instructions, and how far machines differ.

    A machine is CPU, cores, kernel and Python build; its label is the file's name, and its records are pooled.
    """
    files = [file for path in _paths(paths) for file in _files(path)]
    read = {file: read_record(file, Kind) for file in files}
    measured = {_label(file, files): record for file, record in read.items() if isinstance(record, Windows)}
    found = sites(measured)
    if not found:
        raise BadInput(f"no record of `make bench` that says where it was made in {paths or RESULTS}: name RECORD=")
    anatomies = [record for record in read.values() if isinstance(record, Anatomy)]
    kept = sorted({*RESULTS.glob("*-anatomy.json"), *REFERENCE.rglob("*-anatomy.json")} - {*files})
    anatomies += [record for file in kept if isinstance(record := read_record(file, Kind), Anatomy)]
    anatomies.sort(key=lambda record: str(record.made), reverse=True)
    click.echo(printing.render(machines_document(found, anatomies, printing.wide)))


def _paths(paths: str) -> list[Path]:
    """What was named: one path with spaces in it, or several, or nothing for the folder of results."""
    if not paths.strip():
        return [RESULTS / "machines" if (RESULTS / "machines").is_dir() else RESULTS]
    return [Path(paths)] if Path(paths).exists() else [Path(each) for each in paths.split()]


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def _label(file: Path, files: list[Path]) -> str:
    """The file's name, with its folder's where another has the same."""
    same = [each for each in files if each.stem == file.stem]
    return file.stem if len(same) < 2 else f"{file.parent.name}/{file.stem}"
