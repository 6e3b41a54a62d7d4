"""The command line: `python -m bench --help`. `make help` lists the same without typing."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from bench import record as records
from bench.contract import read_contract
from bench.decay import figures
from bench.errors import BadInput, Fault, Stopped, stop_on_signals
from bench.layers import ROOT, read_catalogue
from bench.progress import progress
from bench.readme import blocks, splice
from bench.render import FORMATS, render
from bench.run import Plan, new_record, run
from bench.server import free_port, require_port
from bench.wrk import Load, require_files, require_wrk

RESULTS = ROOT / "results"

form_option = click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Where the servers listen.")


def load_options(command: Callable[..., None]) -> Callable[..., None]:
    """How wrk drives a server."""
    for option in (
        click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="wrk's threads."),
        click.option("--connections", default=64, show_default=True, type=click.IntRange(1, 50000)),
        click.option(
            "--seconds", default=2, show_default=True, type=click.IntRange(1, 3600), help="A window's length."
        ),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--catalogue", type=click.Path(path_type=Path), default=ROOT / "layers.toml", help="Another layers.toml.")
@click.pass_context
def main(context: click.Context, catalogue: Path) -> None:
    """What every layer between a socket and FastAPI costs."""
    context.obj = catalogue


@main.command()
@load_options
@click.option("--layers", default="", help="Only these layers, with commas or spaces between.")
@click.option("--ladder", default="default", show_default=True, help="A ladder of layers.toml.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 1000), help="Windows of each layer.")
@host_option
@click.option("--port", default=0, show_default=True, help="The first layer's port; 0 takes what the kernel gives.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="The folder for the record.")
@form_option
@click.pass_obj
def bench(
    catalogue_file: Path,
    /,
    layers: str,
    ladder: str,
    rounds: int,
    host: str,
    port: int,
    results: Path,
    form: str,
    **load: int,
) -> None:
    """Measure the layers of a ladder and print their decay table."""
    catalogue = read_catalogue(catalogue_file)
    contract = read_contract()
    chosen = catalogue.choose(layers, ladder)
    wanted = Load(**load)
    if wanted.connections < wanted.threads:
        raise BadInput(
            f"{wanted.threads} threads need as many connections, not {wanted.connections}: try CONNECTIONS=64"
        )
    require_wrk()
    require_files(wanted.connections)
    records.require_folder(results)
    for place, _ in enumerate(chosen if port else []):
        require_port(host, port + place)

    stop_on_signals()
    plan = Plan("bench", ladder, chosen, rounds, wanted, host, port)
    record = new_record(plan, catalogue, contract)
    stopped: Stopped | None = None
    with progress(plan.seconds) as tell:
        try:
            run(plan, record, contract, tell)
        except Stopped as signal:
            stopped = signal
    finish(record, results, form, stopped)


def finish(record: records.Record, results: Path, form: str, stopped: Stopped | None) -> None:
    """Write the record, print its table, and fail if a layer did."""
    if stopped and not record.windows:
        raise stopped
    unwritten: Fault | None = None
    try:
        path = records.write_record(record, results)
        click.echo(f"record: {os.path.relpath(path)}", err=True)
    except Fault as fault:
        unwritten = fault
    rows = figures(record)
    click.echo(render(record, rows, form))
    if problem := stopped or unwritten:
        raise problem
    if failed := [row.layer for row in rows if row.rps is None]:
        raise Fault(f"no figure for {', '.join(failed)}: the table says why")


@main.command()
@click.argument("layer")
@host_option
@click.option("--port", default=8000, show_default=True, help="0 takes what the kernel gives.")
@click.pass_obj
def serve(catalogue_file: Path, /, layer: str, host: str, port: int) -> None:
    """Serve one layer in the foreground, as the harness would."""
    (chosen,) = read_catalogue(catalogue_file).choose(layer, "default")
    require_port(host, port)
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
    record = records.read_record(path or newest())
    click.echo(render(record, figures(record), form))


def newest() -> Path:
    """The record of the latest run, or else the reference."""
    runs = sorted(RESULTS.glob("2*-bench.json")) or sorted((RESULTS / "reference").glob("*-bench.json"))
    if not runs:
        raise BadInput("no record in results/: `make bench` writes one, or try RECORD=results/published.json")
    return runs[-1]


@main.command()
def schema() -> None:
    """Print the JSON Schema of a record."""
    sys.stdout.buffer.write(records.encode(records.schema()))


@main.command()
@click.option("--check", is_flag=True, help="Change nothing; fail if README.md is not what would be written.")
@click.pass_obj
def readme(catalogue_file: Path, /, check: bool) -> None:
    """Write the tables of README.md anew, from the reference record and the contract."""
    reference = sorted((RESULTS / "reference").glob("*-bench.json"))
    if not reference:
        raise BadInput("no results/reference/*-bench.json to make the README's table of")
    tables = blocks(records.read_record(reference[-1]), read_contract(), read_catalogue(catalogue_file))
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = splice(old, tables)
    if check and new != old:
        raise Fault("README.md differs from what its records and contract say: type `make readme`")
    if new != old:
        path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(prog_name="python -m bench")
    except OSError as error:  # such as a full disk under a temporary file: no case of its own, but still one line
        sys.exit(f"error: {error}")
