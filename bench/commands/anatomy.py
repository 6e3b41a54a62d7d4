"""`make anatomy`: count exactly where the work of one request goes."""

import contextlib
import os
from pathlib import Path

import click

from bench.anatomy.dissect import dissect
from bench.anatomy.dissect import seconds as seconds_needed
from bench.commands.options import (
    PATH,
    Bring,
    Choice,
    Printing,
    bring_options,
    choice_options,
    contract_for,
    printing_options,
    results_option,
    workload_option,
)
from bench.commands.output import say, show
from bench.commands.records import alike
from bench.commands.running import carry_out, make_ready
from bench.data.catalogue import read_catalogue
from bench.data.errors import BadInput, Fault
from bench.data.plan import Watch
from bench.data.record import Anatomy, Bench
from bench.data.store import latest, read_record, require_folder
from bench.host.executor import Cores
from bench.host.origin import origin
from bench.report.anatomy import anatomy_document
from bench.report.decay_table import decay_document
from bench.report.trees import write_trees


@click.command("anatomy")
@choice_options
@click.option("--record", "path", type=PATH, help="Print this record instead of counting.")
@click.option("--split", is_flag=True, help="With csv and json: one row per component instead of the table.")
@workload_option
@bring_options
@results_option
@printing_options
@click.pass_obj
def command(
    catalogue_file: Path,
    /,
    choice: Choice,
    path: Path | None,
    split: bool,
    workload: str,
    bring: Bring,
    results: Path,
    printing: Printing,
) -> None:
    """Count exactly where the work of one request goes, in each layer of a ladder."""
    if path:
        shown = anatomy_document(read_record(path, Anatomy), split, printing.wide)
        return show(printing.render(shown))
    catalogue = read_catalogue(catalogue_file)
    contract = contract_for(workload, choice.named(catalogue))
    selection = choice.select(catalogue, contract, bring.read(catalogue, contract))
    require_folder(results)

    record = Anatomy(
        **origin(),
        ladder=selection.ladder,
        contract=selection.digest(),
        workload=selection.contract.workload.name,
        layers=selection.rows(),
    )
    make_ready(selection, record)

    def count(watch: Watch) -> None:
        with cores:  # an exception ends what is under way
            dissect(selection, record, watch, cores, cores.width)

    cores = Cores()
    problem, _ = carry_out(count, record, results, seconds_needed(selection, cores.width))
    _write_trees(record, results)
    show(printing.render(anatomy_document(record, split, printing.wide)))
    if printing.form in ("text", "markdown") and (measured := _beside(record, results)):
        shown = decay_document(read_record(measured, Bench), printing.wide)
        show(f"\nMeasured, from {os.path.relpath(measured)}:\n")
        show(printing.render(shown))
    if problem:
        raise problem
    if failed := [row.name for row in record.layers if row.faults]:
        raise Fault(f"no anatomy of {', '.join(failed)}: see the lines below the table")


def _write_trees(record: Anatomy, results: Path) -> None:
    """Write the call trees, or say why not: the record has them in any case."""
    folder = results / f"{record.made:%Y%m%d-%H%M%S}-anatomy"
    try:
        if write_trees(record, folder):
            say(f"call trees: {os.path.relpath(folder)}")
    except OSError as error:
        say(f"warning: cannot write the call trees to {folder}: {error.strerror}; they are in the record")


def _beside(record: Anatomy, results: Path) -> Path | None:
    """The newest bench record there, if its layers, versions and machine are those of the anatomy."""
    with contextlib.suppress(BadInput):
        path = latest("bench", results, tell=say)
        measured = read_record(path, Bench)
        if alike(measured, record) and [row.name for row in measured.layers] == [row.name for row in record.layers]:
            return path
    return None
