"""`make table`: print the decay table of a record."""

import os
from pathlib import Path

import click

from bench.commands.options import Printing, printing_options, record_option
from bench.commands.output import say, show
from bench.data.record import Measured
from bench.data.store import latest, read_record
from bench.report.decay_table import decay_document


@click.command("table")
@record_option
@printing_options
def command(path: Path | None, printing: Printing) -> None:
    """Print the decay table of a record."""
    source = path or latest("bench", tell=say)
    record = read_record(source, Measured)
    show(printing.render(decay_document(record, printing.wide, os.path.relpath(source))))
