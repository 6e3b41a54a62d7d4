"""The commands that start servers: bench, pair, power, anatomy, serve."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from bench.anatomy.dissect import dissect
from bench.anatomy.dissect import seconds as dissection_seconds
from bench.commands.options import (
    bring_options,
    brought,
    budget_option,
    carry_out,
    form_option,
    host_option,
    latest,
    load_options,
    make_ready,
    numbers,
    own_contracts,
    prepare,
    results_option,
    threshold_option,
    with_brought,
)
from bench.data import record as records
from bench.data.errors import BadInput, Fault, ServerFault, Stopped
from bench.data.layers import Layer, lowest_first, multiply, read_catalogue
from bench.host.children import guard
from bench.host.conformance import read_contract
from bench.host.environments import build
from bench.host.server import STOP, free_port, require_port
from bench.host.signals import held
from bench.host.variables import clean_environment
from bench.measure import pair as pairs
from bench.measure import run as runs
from bench.measure import sensitivity as powers
from bench.measure.round import Setting
from bench.measure.run import Plan, new_record
from bench.measure.wrk import Load
from bench.report import anatomy as anatomies
from bench.report.decay_table import render
from bench.stats.decay import figures


@click.command()
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
    if workers and not any(layer.scales for layer in chosen):
        raise BadInput("none of these layers can have several WORKERS: their commands have no {workers}")
    chosen = lowest_first(chosen, catalogue.ground(chosen, ladder))
    setting = prepare(chosen, results, mine, **load)
    plan = Plan("bench", ladder, chosen, budget, precision, must=mine.layer.name if mine else "")
    record = new_record(plan, setting, catalogue.ground(chosen, ladder))
    make_ready(chosen, record)
    problem = carry_out(lambda tell: runs.bench(plan, setting, record, tell), record, results, budget)
    rows = figures(record)
    click.echo(render(record, rows, form))
    if problem:
        raise problem
    if failed := [row.layer for row in rows if row.rps is None]:
        raise Fault(f"no figure for {', '.join(failed)}: the table says why")


@click.command()
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


@click.command()
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


@click.command()
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
    chosen = lowest_first(chosen, catalogue.ground(chosen, ladder))
    records.require_folder(results)
    setting = Setting(read_contract(), Load(connections=1), None, own=own_contracts(chosen, mine))
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
        if {layer.name for layer in chosen} <= {row.layer for row in figures(old) if row.cost_us}:
            click.echo(f"\nMeasured, from {os.path.relpath(measured)}:\n\n{render(old, figures(old), form)}")
    if problem:
        raise problem
    if failed := [row.name for row in record.layers if row.faults]:
        raise Fault(f"no anatomy of {', '.join(failed)}: the lines under the table say why")


@click.command()
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
    try:
        code = attend(chosen, host, port)
    except Stopped as stopped:
        code = stopped.exit_code
    sys.exit(code if code >= 0 else 128 - code)


def attend(layer: Layer, host: str, port: int) -> int:
    """Serve a layer until it ends, or until a signal ends it; returns its exit code, negative for a signal.

    It is no child of this process's terminal: Ctrl-C ends it by TERM, to which servers answer without complaints.
    """
    argv = layer.argv(host, port)
    try:
        with held():
            server = guard().start(argv, clean_environment(), stdout=1, stderr=2)
    except OSError as error:
        raise Fault(f"{layer.name} cannot be started: {argv[0]}: {error.strerror}") from None
    try:
        while server.wait(3600) is None:
            pass
    finally:
        if server.poll() is None:
            server.kill(signal.SIGTERM)
            server.wait(STOP)
    return server.returncode or 0
