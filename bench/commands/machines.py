"""`make machines`: each layer's decay on several machines."""

from pathlib import Path

import click

from bench.commands.options import Printing, printing_options, record_files, records_option
from bench.data.errors import BadInput
from bench.data.record import Anatomy, Kind, Windows
from bench.data.store import REFERENCE, RESULTS, read_record
from bench.report.machines import machines_document
from bench.stats.machines import sites


@click.command("machines")
@records_option
@printing_options
def command(paths: str, printing: Printing) -> None:
    """Print each layer's decay by machine, by time beside instructions, and how far machines differ.

    A machine is CPU, cores, kernel and Python build; its label is the file's name, and its records are pooled.
    """
    machines = RESULTS / "machines"
    files = record_files(paths if paths.strip() else str(machines if machines.is_dir() else RESULTS))
    read = {file: read_record(file, Kind) for file in files}
    measured = {_label(file, files): record for file, record in read.items() if isinstance(record, Windows)}
    found = sites(measured)
    if not found:
        raise BadInput(f"no record of `make bench` that says where it was made in {paths or RESULTS}: name RECORD=")
    anatomies = [record for record in read.values() if isinstance(record, Anatomy)]
    kept = sorted({*RESULTS.glob("*-anatomy.json"), *REFERENCE.rglob("*-anatomy.json")} - {*files})
    anatomies += [record for file in kept if isinstance(record := read_record(file, Kind), Anatomy)]
    anatomies.sort(key=lambda record: str(record.made), reverse=True)
    click.echo(machines_document(found, anatomies).render(printing.form, printing.wide))


def _label(file: Path, files: list[Path]) -> str:
    """The file's name, with its folder's where another has the same."""
    same = [each for each in files if each.stem == file.stem]
    return file.stem if len(same) < 2 else f"{file.parent.name}/{file.stem}"
