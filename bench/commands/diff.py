"""`make diff`: which Python functions layer B calls that layer A does not."""

import os
from pathlib import Path

import click

from bench.commands.options import Printing, printing_options, record_option
from bench.commands.output import say, show
from bench.commands.records import anatomies
from bench.data.errors import BadInput
from bench.data.record import Anatomy
from bench.data.store import REFERENCE, RESULTS, latest, read_record
from bench.report.diff import difference_document


@click.command("diff")
@click.option("--a", default="", help="A layer.")
@click.option("--b", default="", help="The layer to compare with A.")
@record_option
@printing_options
def command(a: str, b: str, path: Path | None, printing: Printing) -> None:
    """Print which Python functions layer B calls more or less than layer A, from the anatomy in a record."""
    if not a or not b:
        raise BadInput("a difference needs two layers: set A= and B=")
    source, record = (path, read_record(path, Anatomy)) if path else _newest({a, b})
    show(printing.render(difference_document(record, a, b, os.path.relpath(source), printing.wide)))


def _newest(layers: set[str]) -> tuple[Path, Anatomy]:
    """The newest anatomy that has the call trees of these layers, or else the newest of all."""
    for folder in (RESULTS, REFERENCE / "default"):
        for path, record in anatomies(sorted(folder.glob("*-anatomy.json"), reverse=True)):
            if layers <= {each.layer for each in record.anatomy if each.tree}:
                return path, record
    newest = latest("anatomy", tell=say)
    return newest, read_record(newest, Anatomy)
