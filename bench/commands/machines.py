"""`make machines`: each layer's decay on several machines."""

from pathlib import Path

import click

from bench.commands.options import Printing, printing_options
from bench.commands.records import files, named
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
    default = RESULTS / "machines" if (RESULTS / "machines").is_dir() else RESULTS
    given = [file for path in named(paths) or [default] for file in files(path)]
    read = {file: read_record(file, Kind) for file in given}
    measured = {_label(file, given): record for file, record in read.items() if isinstance(record, Windows)}
    found = sites(measured)
    if not found:
        raise BadInput(f"no record of `make bench` that says where it was made in {paths or RESULTS}: name RECORD=")
    anatomies = [record for record in read.values() if isinstance(record, Anatomy)]
    kept = sorted({*RESULTS.glob("*-anatomy.json"), *REFERENCE.rglob("*-anatomy.json")} - {*given})
    anatomies += [record for file in kept if isinstance(record := read_record(file, Kind), Anatomy)]
    anatomies.sort(key=lambda record: str(record.made), reverse=True)
    click.echo(machines_document(found, anatomies).render(printing.form, printing.wide))


def _label(file: Path, files: list[Path]) -> str:
    """The file's name, with its folder's where another has the same."""
    same = [each for each in files if each.stem == file.stem]
    return file.stem if len(same) < 2 else f"{file.parent.name}/{file.stem}"
