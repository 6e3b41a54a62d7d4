"""`make ladders`: what can be measured."""

from pathlib import Path

import click

from bench.commands.options import Printing
from bench.commands.output import show
from bench.data.catalogue import read_catalogue
from bench.report.document import Document
from bench.report.splice import layers_table


@click.command("ladders")
@click.option("--names", is_flag=True, help="Print names only.")
@click.pass_obj
def command(catalogue_file: Path, /, names: bool) -> None:
    """List the ladders, with a sentence each, and their layers."""
    catalogue = read_catalogue(catalogue_file)
    if names:
        return show("\n".join(catalogue.ladders))
    for ladder in catalogue.ladders.values():
        table = layers_table(catalogue, ladder.name)
        show(Printing("text", wide=False).render(Document([f"{ladder.name}: {ladder.adds}", table, ""], table)))
