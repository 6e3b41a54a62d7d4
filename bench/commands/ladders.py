"""`make ladders`: what can be measured."""

from pathlib import Path

import click

from bench.commands.output import show
from bench.data.catalogue import read_catalogue
from bench.report.escape import plain
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
        show(f"{ladder.name}: {plain(ladder.adds)}")
        show(layers_table(catalogue, ladder.name).for_people("text") + "\n")
