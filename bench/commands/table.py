"""`make table`: print the decay table of a record."""

import os
from pathlib import Path

import click

from bench.commands.options import Printing, printing_options, record_option
from bench.commands.output import say, show
from bench.data.record import Measured, rebased
from bench.data.store import latest, read_record
from bench.report.decay_table import decay_document


@click.command("table")
@record_option
@click.option("--baseline", default="", help="Show every decay on this layer, whatever they stand on.")
@printing_options
def command(path: Path | None, baseline: str, printing: Printing) -> None:
    """Print the decay table of a record."""
    source = path or latest("bench", tell=say)
    record = read_record(source, Measured)
    if baseline:
        record = rebased(record, baseline)
    show(printing.render(decay_document(record, printing.wide, os.path.relpath(source))))
