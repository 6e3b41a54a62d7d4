"""What the commands that measure have in common: their options, the checks before, and what is kept after."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from bench.data import record as records
from bench.data.custom import Brought, bring
from bench.data.errors import BadInput, Fault
from bench.data.layers import ROOT, Catalogue, Layer
from bench.data.record import Kept, Record
from bench.host.conformance import Contract, read_contract
from bench.host.cores import lane
from bench.host.environments import build
from bench.host.machine import locked, read_crates, read_packages
from bench.host.server import require_ports
from bench.host.signals import held
from bench.measure.round import Setting, row_of
from bench.measure.wrk import Load, require_files, require_wrk
from bench.report.decay_table import FORMATS
from bench.report.progress import Tell, progress

RESULTS = ROOT / "results"
REFERENCE = RESULTS / "reference"
CARGO_LOCK = ROOT / "servers" / "axum" / "Cargo.lock"

form_option = click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Where the servers listen.")
budget_option = click.option(
    "--budget",
    default=90.0,
    show_default=True,
    type=click.FloatRange(1, 1e6),
    help="Seconds; the first restart is always finished.",
)
threshold_option = click.option(
    "--threshold", default=1.0, show_default=True, type=click.FloatRange(0.01, 50), help="Percent: no more is the same."
)
results_option = click.option(
    "--results", type=click.Path(path_type=Path), default=RESULTS, help="The folder for the record."
)


def load_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How wrk drives a server, and where that listens; `prepare` takes them."""
    for option in (
        click.option("--port", default=0, show_default=True, help="The first server's port; 0: what the kernel gives."),
        host_option,
        click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="wrk's threads."),
        click.option("--connections", default=64, show_default=True, type=click.IntRange(1, 50000)),
        click.option(
            "--seconds", default=2, show_default=True, type=click.IntRange(1, 3600), help="A window's length."
        ),
    ):
        command = option(command)
    return command


BRING = ("app", "serve", "env", "on", "request", "name")


def bring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A server that is not in layers.toml; `brought` takes them."""
    for option in (
        click.option("--name", default="", help="What the row of your server is called."),
        click.option("--request", default="", help="A TOML file: the request that it gets, and its answer."),
        click.option("--on", default="", help="The layer that it stands on.  [APP: uvicorn]"),
        click.option("--env", default="", help="The Python, or the virtual environment, that runs it."),
        click.option("--serve", default="", help="Your server: a command with {port}, in any language."),
        click.option("--app", default="", help="Your ASGI app: package.module:app, or folder/module:app."),
    ):
        command = option(command)
    return command


def brought(catalogue: Catalogue, options: dict[str, Any]) -> Brought | None:
    """Take what `bring_options` gave out of the options of a command; raises BadInput."""
    return bring(catalogue, read_contract(), **{key: options.pop(key) for key in BRING})


def with_brought(chosen: list[Layer], mine: Brought | None, catalogue: Catalogue, names: str) -> list[Layer]:
    """These layers and the one that was brought, with the layer that it stands on unless `names` were asked for."""
    if not mine:
        return chosen
    if not mine.layer.on:  # no ASGI app: what it adds is over the lowest
        return [*chosen, replace(mine.layer, on=chosen[0].name)]
    on = catalogue.one(mine.layer.on)
    return [*chosen, *([] if names or on in chosen else [on]), mine.layer]


def prepare(
    layers: list[Layer],
    results: Path,
    mine: Brought | None = None,
    *,
    seconds: int,
    connections: int,
    threads: int,
    host: str,
    port: int,
) -> Setting:
    """Check all that can be checked before anything is measured; raises BadInput."""
    if connections < threads:
        raise BadInput(f"{threads} threads need as many connections, not {connections}: try CONNECTIONS=64")
    require_wrk()
    require_files(connections)
    records.require_folder(results)
    require_ports(host, port, len(layers))
    own = own_contracts(layers, mine)
    return Setting(read_contract(), Load(seconds, connections, threads), lane(), host, port, own)


def own_contracts(layers: list[Layer], mine: Brought | None) -> dict[str, Contract]:
    """The contract of what was brought, by its name and by those of its copies with several processes."""
    return {each.name: mine.contract for each in layers if mine and mine.layer.name in (each.name, each.on)}


def make_ready(layers: list[Layer], record: Record) -> None:
    """Install or compile what the layers need; one for which that fails is a row that says so."""
    for name, why in build(layers, lambda what: click.echo(what, err=True)).items():
        row_of(record, name).faults.append(why)
    names: dict[str, list[str]] = {}
    for layer in layers:
        if layer.env:
            row_of(record, layer.name).packages = read_packages(layer.env, ["Python", "*"])
        elif layer.group:
            names[layer.python] = [*(locked(f"groups/{layer.group}.lock") - locked("requirements.lock"))]
        elif "h11" in layer.options:
            names[layer.python] = ["h11"]
    for python, more in names.items():
        record.packages |= read_packages(python, sorted(more))
    if any(layer.build.startswith("cargo ") for layer in layers):
        record.packages |= read_crates(CARGO_LOCK)


def carry_out(work: Callable[[Tell], None], record: Kept, results: Path, seconds: float) -> Fault | None:
    """Do the work to its end, to a fault or to a signal, and keep the record.

    Returns what is to be raised once the figures are printed; raises it at once where nothing was measured.
    """
    problem: Fault | None = None
    with progress(seconds) as tell:
        try:
            work(tell)
        except Fault as fault:
            problem = fault
        except OSError as error:
            problem = Fault(str(error))
    if problem:
        record.stopped = problem.message
        if not record.measured:
            raise problem
    try:
        with held():
            path = records.write_record(record, results)
    except Fault as fault:
        return fault
    click.echo(f"record: {os.path.relpath(path)}", err=True)
    return problem


def numbers(text: str) -> list[int]:
    """Numbers of processes, with spaces or commas between; raises BadInput."""
    found = text.replace(",", " ").split()
    if not all(each.isdecimal() for each in found):
        raise BadInput(f"WORKERS must be numbers of processes, such as '2 4', not {text!r}")
    return [int(each) for each in found]


def latest(command: str, *folders: Path) -> Path:
    """The newest record of a command: of the first of these folders that has one."""
    for folder in folders or (RESULTS, REFERENCE / "default"):
        if found := sorted(folder.glob(f"2*-{command}.json")):
            return found[-1]
    raise BadInput(f"no record of `make {command}` in {os.path.relpath(folder)}")
