"""The command line: `python -m bench --help`. `make help` lists the same without typing."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from bench import compare as comparing
from bench import pair as pairs
from bench import power as powers
from bench import record as records
from bench import run as runs
from bench.anatomy import render as anatomies
from bench.anatomy.run import dissect
from bench.anatomy.run import seconds as dissection_seconds
from bench.build import build
from bench.contract import read_contract
from bench.decay import figures
from bench.errors import BadInput, Fault, ServerFault, stop_on_signals
from bench.generation import Setting
from bench.layers import ROOT, Catalogue, multiply, read_catalogue
from bench.options import (
    RESULTS,
    bring_options,
    brought,
    budget_option,
    carry_out,
    form_option,
    host_option,
    load_options,
    make_ready,
    numbers,
    prepare,
    results_option,
    threshold_option,
    with_brought,
)
from bench.readme import blocks, splice
from bench.render import grid, render
from bench.run import Plan, new_record
from bench.server import free_port, require_port
from bench.walk import part
from bench.wrk import Load

REFERENCE = RESULTS / "reference"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--catalogue", type=click.Path(path_type=Path), default=ROOT / "layers.toml", help="Another layers.toml.")
@click.pass_context
def main(context: click.Context, catalogue: Path) -> None:
    """What every layer between a socket and FastAPI costs."""
    context.obj = catalogue
    stop_on_signals()


@main.command()
@click.option("--layers", default="", help="Only these layers, with commas or spaces between.")
@click.option("--ladder", default="default", show_default=True, help="A ladder of layers.toml.")
@click.option("--workers", default="", help="Each layer also with so many processes: numbers, with spaces between.")
@click.option("--precision", default=1.0, show_default=True, type=click.FloatRange(0, 100), help="Points of decay.")
@budget_option
@bring_options
@load_options
@results_option
@form_option
@click.pass_obj
def bench(
    catalogue_file: Path,
    /,
    layers: str,
    ladder: str,
    workers: str,
    precision: float,
    budget: float,
    results: Path,
    form: str,
    **load: Any,
) -> None:
    """Measure a ladder and print its decay table.

    It ends once the 95% interval of every decay is within +-PRECISION points, or at BUDGET seconds.
    """
    catalogue = read_catalogue(catalogue_file)
    mine = brought(catalogue, load)
    chosen = with_brought(catalogue.choose(layers, ladder), mine, catalogue, layers)
    chosen = multiply(chosen, numbers(workers) or catalogue.ladders[ladder].workers)
    setting = prepare(chosen, results, mine, **load)
    plan = Plan("bench", ladder, chosen, budget, precision)
    record = new_record(plan, setting, catalogue.ground(chosen, ladder))
    make_ready(chosen, record)
    problem = carry_out(lambda tell: runs.bench(plan, setting, record, tell), record, results, budget)
    rows = figures(record)
    click.echo(render(record, rows, form))
    if problem:
        raise problem
    if failed := [row.layer for row in rows if row.rps is None]:
        raise Fault(f"no figure for {', '.join(failed)}: the table says why")


@main.command()
@click.option("--a", default="", help="A layer, if not your own server.")
@click.option("--b", default="", help="The layer to be compared with it, if not your own server.")
@threshold_option
@budget_option
@bring_options
@load_options
@results_option
@form_option
@click.pass_context
def pair(
    context: click.Context, /, a: str, b: str, threshold: float, budget: float, results: Path, form: str, **load: Any
) -> None:
    """Compare two layers side by side, until it is clear whether B is slower than A, faster, or the same.

    Exit codes: 0 same or faster, 3 slower, 4 unclear.
    """
    catalogue = read_catalogue(context.obj)
    mine = brought(catalogue, load)
    first, second = (catalogue.one(name) if name else mine and mine.layer for name in (a, b))
    if not first or not second or bool(a) + bool(b) + bool(mine) != 2:
        raise BadInput("a pair is of two: say A= and B=, or one of them and APP= or SERVE= for a server that you bring")
    layers = pairs.two(first, second)
    setting = prepare(layers, results, mine, **load)
    if setting.lane is None:
        raise BadInput("a pair needs Linux and two cores, one for the servers and one for wrk")
    plan = Plan("pair", "", layers, budget)
    record = pairs.pair_record(plan, setting)
    make_ready(layers, record)
    outcomes: list[pairs.Outcome] = []
    problem = carry_out(
        lambda tell: outcomes.append(pairs.pair(plan, setting, record, tell, threshold)), record, results, budget
    )
    outcome = outcomes[0] if outcomes else pairs.outcome(record, 1, threshold)
    click.echo(pairs.render(outcome, record, form))
    if problem:
        raise problem
    context.exit({"slower": 3, "unclear": 4}.get(outcome.verdict, 0))


@main.command()
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


@main.command()
@click.option("--sizes", default="0 1 2 5 10", show_default=True, help="Percent of extra work to plant, with spaces.")
@click.option("--runs", default=20, show_default=True, type=click.IntRange(1), help="How often each.")
@threshold_option
@budget_option
@load_options
@results_option
@form_option
@click.pass_obj
def power(
    catalogue_file: Path,
    /,
    sizes: str,
    runs: int,
    threshold: float,
    budget: float,
    results: Path,
    form: str,
    **load: Any,
) -> None:
    """Plant slow-downs of known size, and print how often `pair` finds each (slow: hours)."""
    try:
        percents = [float(size) for size in sizes.split()]
    except ValueError:
        percents = []
    if not percents or not all(0 <= percent < 1000 for percent in percents):
        raise BadInput(f"SIZES must be numbers with spaces between, such as '0 1 10', not {sizes!r}")
    layer = read_catalogue(catalogue_file).one("uvicorn")
    setting = prepare([layer, layer], results, **load)
    tried = powers.new_power(budget, threshold)
    problem = carry_out(
        lambda tell: powers.trials(tried, layer.command, percents, runs, setting, tell),
        tried, results, seconds=(runs * len(percents) + 1) * budget,
    )  # fmt: skip
    click.echo(powers.render(tried, form))
    if problem:
        raise problem


@main.command()
@click.option("--layers", default="", help="Only these layers, with commas or spaces between.")
@click.option("--ladder", default="default", show_default=True, help="A ladder of layers.toml.")
@click.option(
    "--record", "path", type=click.Path(path_type=Path), help="Measure nothing: print the anatomy in a record."
)
@click.option("--split", is_flag=True, help="With csv and json: the counts by component instead of the table.")
@bring_options
@results_option
@form_option
@click.pass_obj
def anatomy(
    catalogue_file: Path,
    /,
    layers: str,
    ladder: str,
    path: Path | None,
    split: bool,
    results: Path,
    form: str,
    **bring: str,
) -> None:
    """Count exactly where the work of one request goes, in each layer of a ladder."""
    if path:
        click.echo(anatomies.render(records.read_record(path), form, split))
        return
    catalogue = read_catalogue(catalogue_file)
    mine = brought(catalogue, bring)
    chosen = with_brought(catalogue.choose(layers, ladder), mine, catalogue, layers)
    records.require_folder(results)
    own = {mine.layer.name: mine.contract} if mine else {}
    setting = Setting(read_contract(), Load(connections=1), None, own=own)
    record = new_record(Plan("anatomy", ladder, chosen, 0), setting, catalogue.ground(chosen, ladder))
    make_ready(chosen, record)
    problem = carry_out(
        lambda tell: dissect(chosen, setting, record, tell), record, results, dissection_seconds(chosen)
    )
    folder = results / f"{record.made:%Y%m%d-%H%M%S}-anatomy"
    if anatomies.write_files(record, folder):
        click.echo(f"call trees: {os.path.relpath(folder)}", err=True)
    click.echo(anatomies.render(record, form, split))
    if form in ("text", "markdown"):
        measured = latest("bench")
        old = records.read_record(measured)
        if old.ladder == ladder:
            click.echo(f"\nMeasured, from {os.path.relpath(measured)}:\n\n{render(old, figures(old), form)}")
    if problem:
        raise problem
    if failed := [row.name for row in record.layers if row.faults]:
        raise Fault(f"no anatomy of {', '.join(failed)}: the lines under the table say why")


@main.command()
@click.option("--a", required=True, help="A layer.")
@click.option("--b", required=True, help="The layer to be compared with it.")
@click.option("--record", "path", type=click.Path(path_type=Path), help="An anatomy; the newest one if not given.")
@form_option
def diff(a: str, b: str, path: Path | None, form: str) -> None:
    """Print which Python functions layer B calls more than layer A, or less, by the anatomy in a record."""
    click.echo(anatomies.render_difference(records.read_record(path or latest("anatomy")), a, b, form))


@main.command()
@click.argument("layer")
@host_option
@click.option("--port", default=8000, show_default=True, help="0 takes what the kernel gives.")
@click.pass_obj
def serve(catalogue_file: Path, /, layer: str, host: str, port: int) -> None:
    """Serve one layer in the foreground, as the harness would."""
    chosen = read_catalogue(catalogue_file).one(layer)
    require_port(host, port)
    if failed := build([chosen], lambda what: click.echo(what, err=True)):
        raise ServerFault(chosen.name, failed[chosen.name])
    port = port or free_port(host)
    click.echo(f"{chosen.name} on http://{host}:{port} (Ctrl-C ends it)", err=True)
    os.chdir(ROOT)
    argv = chosen.argv(host, port)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise Fault(f"{chosen.name} cannot be started: {argv[0]}: {error.strerror}") from None


@main.command()
@click.option("--record", "path", type=click.Path(path_type=Path), help="A record; the newest one if not given.")
@form_option
def table(path: Path | None, form: str) -> None:
    """Print the decay table of a record."""
    record = records.read_record(path or latest("bench"))
    click.echo(render(record, figures(record), form))


@main.command()
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


@main.command()
def schema() -> None:
    """Print the JSON Schema of a record."""
    sys.stdout.buffer.write(records.encode(records.schema()))


@main.command()
@click.option("--check", is_flag=True, help="Change nothing; fail if README.md is not what would be written.")
@click.pass_obj
def readme(catalogue_file: Path, /, check: bool) -> None:
    """Write the tables of README.md and docs/ anew, from the reference records and the contract."""
    catalogue, contract = read_catalogue(catalogue_file), read_contract()
    reference = records.read_record(latest("bench", REFERENCE))
    tried = powers.read_power(latest("power", REFERENCE))
    counted = records.read_record(latest("anatomy", REFERENCE))
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
    folder = REFERENCE if ladder == "default" else REFERENCE / ladder
    return part(catalogue, ladder, *(records.read_record(latest(command, folder)) for command in ("bench", "anatomy")))


def latest(command: str, *folders: Path) -> Path:
    """The newest record of a command: of the first of these folders that has one."""
    for folder in folders or (RESULTS, REFERENCE):
        if found := sorted(folder.glob(f"2*-{command}.json")):
            return found[-1]
    raise BadInput(f"no record of `make {command}` in {os.path.relpath(folder)}")


if __name__ == "__main__":
    try:
        main(prog_name="python -m bench")
    except OSError as error:  # such as a full disk under a temporary file: no case of its own, but still one line
        sys.exit(f"error: {error}")
