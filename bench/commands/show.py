"""The commands that show what was measured, and what could be: table, compare, diff, ladders, schema, readme."""

import sys
from pathlib import Path

import click

from bench.commands.options import (
    REFERENCE,
    form_option,
    latest,
    threshold_option,
)
from bench.data import record as records
from bench.data.catalogue import read_catalogue
from bench.data.errors import BadInput, Fault
from bench.data.layers import ROOT, Catalogue
from bench.host.conformance import read_contract
from bench.measure import sensitivity as powers
from bench.report import anatomy as anatomies
from bench.report.decay_table import grid, render
from bench.report.ladders import part
from bench.report.splice import blocks, splice
from bench.stats import comparison as comparing
from bench.stats.decay import figures


@click.command()
@click.option("--record", "path", type=click.Path(path_type=Path), help="A record; the newest one if not given.")
@form_option
def table(path: Path | None, form: str) -> None:
    """Print the decay table of a record."""
    record = records.read_record(path or latest("bench"))
    if record.anatomy and not record.windows:
        raise BadInput(f"{path} is an anatomy, which has no windows: type `make anatomy RECORD={path}`")
    click.echo(render(record, figures(record), form))


@click.command()
@click.option("--a", required=True, type=click.Path(path_type=Path), help="A record.")
@click.option("--b", required=True, type=click.Path(path_type=Path), help="The record to be compared with it.")
@click.option("--force", is_flag=True, help="Compare what should not be compared.")
@threshold_option
@form_option
@click.pass_context
def compare(context: click.Context, /, a: Path, b: Path, force: bool, threshold: float, form: str) -> None:
    """Compare two records layer by layer, each against its own lowest layer.

    Exit codes: 0 nothing is slower, 3 a layer is slower in B, 4 none is, but some are unclear.
    """
    old, new = records.read_record(a), records.read_record(b)
    if (why := comparing.obstacles(old, new)) and not force:
        raise BadInput(f"{a} and {b} should not be compared: {'; '.join(why)}. FORCE=1 compares them all the same")
    changes = comparing.compare(old, new, threshold)
    click.echo(comparing.render(changes, old, new, form))
    for each in why:
        click.echo(f"warning: {each}", err=True)
    verdicts = {change.verdict for change in changes}
    context.exit(3 if "slower" in verdicts else 4 if "unclear" in verdicts else 0)


@click.command()
@click.option("--a", required=True, help="A layer.")
@click.option("--b", required=True, help="The layer to be compared with it.")
@click.option("--record", "path", type=click.Path(path_type=Path), help="An anatomy; the newest one if not given.")
@form_option
def diff(a: str, b: str, path: Path | None, form: str) -> None:
    """Print which Python functions layer B calls more than layer A, or less, by the anatomy in a record."""
    click.echo(anatomies.render_difference(records.read_record(path or latest("anatomy")), a, b, form))


@click.command()
@click.option("--names", is_flag=True, help="Their names, and nothing else.")
@click.pass_obj
def ladders(catalogue_file: Path, /, names: bool) -> None:
    """List the ladders, with a sentence each, and the layers of which they are made."""
    catalogue = read_catalogue(catalogue_file)
    if names:
        return click.echo("\n".join(catalogue.ladders))
    for ladder in catalogue.ladders.values():
        click.echo(f"{ladder.name}: {ladder.adds}")
        chosen = catalogue.choose("", ladder.name)
        ground = catalogue.ground(chosen, ladder.name)
        cells = [[layer.name, ground[layer.name] or "-", layer.adds] for layer in chosen]
        click.echo(grid(["layer", "on", "what it adds"], cells, "text", left=3) + "\n")


@click.command()
def schema() -> None:
    """Print the JSON Schema of a record."""
    sys.stdout.buffer.write(records.encode(records.schema()))


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; fail if README.md is not what would be written.")
@click.pass_obj
def readme(catalogue_file: Path, /, check: bool) -> None:
    """Write the tables of README.md and docs/ anew, from the reference records and the contract."""
    catalogue, contract = read_catalogue(catalogue_file), read_contract()
    reference = records.read_record(latest("bench", REFERENCE / "default"))
    tried = powers.read_power(latest("power", REFERENCE))
    counted = records.read_record(latest("anatomy", REFERENCE / "default"))
    counts = anatomies.table(counted, "markdown")
    for path, tables in (
        (ROOT / "README.md", {**blocks(reference, contract, catalogue), "anatomy": counts}),
        (ROOT / "docs" / "METHOD.md", {"power": powers.render(tried, "markdown")}),
        (ROOT / "docs" / "ANATOMY.md", {"anatomy": anatomies.render(counted, "markdown", split=False)}),
        (ROOT / "docs" / "LAYERS.md", {"ladders": "\n\n".join(walked(catalogue, name) for name in catalogue.ladders)}),
    ):
        old = path.read_text(encoding="utf-8")
        new = splice(old, tables, path.name)
        if check and new != old:
            raise Fault(f"{path.name} differs from what its records and contract say: type `make readme`")
        if new != old:
            path.write_text(new, encoding="utf-8")


def walked(catalogue: Catalogue, ladder: str) -> str:
    """A ladder's part of docs/LAYERS.md, from its reference records."""
    found = [records.read_record(latest(command, REFERENCE / ladder)) for command in ("bench", "anatomy")]
    return part(catalogue, ladder, *found)
