"""`make anatomy` counts where the work of one request goes; `make diff` names the functions that a layer adds."""

import contextlib
import os
from pathlib import Path

import click

from asgi_anatomy.anatomy.run import dissect
from asgi_anatomy.anatomy.run import seconds as seconds_needed
from asgi_anatomy.anatomy.text import anatomy_document, difference_document
from asgi_anatomy.documents.origin import origin
from asgi_anatomy.documents.store import REFERENCE, RESULTS, alike, anatomies, at, latest, read_record, require_folder
from asgi_anatomy.documents.trees import write_trees
from asgi_anatomy.documents.words import plain, say, show
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.executor import Cores
from asgi_anatomy.machine.tools import COUNTERS, try_to_install
from asgi_anatomy.options import (
    Bring,
    Choice,
    Command,
    Printing,
    bring_options,
    choice_options,
    contract_for,
    printing_options,
    record_option,
    results_option,
    shown_option,
    workload_option,
)
from asgi_anatomy.turns.plan import Watch
from asgi_anatomy.turns.record import Anatomy, Bench
from asgi_anatomy.turns.session import carry_out, make_ready
from asgi_anatomy.turns.table import decay_document


@click.command("anatomy", cls=Command)
@choice_options
@shown_option
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
    """Count exactly where the work of one request goes."""
    if path:
        kept = read_record(at(path, "anatomy"), Anatomy)
        return show(printing.render(anatomy_document(kept, split, printing.wide, os.path.relpath(path))))
    catalogue = bring.catalogue(catalogue_file)
    contract = contract_for(workload, choice.named(catalogue), catalogue.file)
    selection = choice.select(catalogue, contract)
    require_folder(results)
    try_to_install(*COUNTERS)
    record = Anatomy(
        **origin(),
        ladder=selection.ladder,
        contract=selection.digest(),
        workload=selection.contract.workload.name,
        layers=selection.rows(),
    )
    make_ready(selection, record)
    cores = Cores()

    def count(watch: Watch) -> None:
        with cores:  # an exception ends what is under way
            dissect(selection, record, watch, cores, cores.width)

    problem, _ = carry_out(count, record, results, seconds_needed(selection, cores.width))
    _write_trees(record, results)
    show(printing.render(anatomy_document(record, split, printing.wide, os.path.relpath(results))))
    if printing.form in ("text", "markdown") and (beside := _beside(record, results)):
        path, measured = beside
        show(plain(f"\nMeasured, from {os.path.relpath(path)}:\n"))
        show(printing.render(decay_document(measured, printing.wide)))
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


def _beside(record: Anatomy, results: Path) -> tuple[Path, Bench] | None:
    """The newest bench record there, if its layers, versions and machine are those of the anatomy."""
    with contextlib.suppress(BadInput):
        path = latest("bench", results, tell=say)
        measured = read_record(path, Bench)
        if alike(measured, record) and [row.name for row in measured.layers] == [row.name for row in record.layers]:
            return path, measured
    return None


@click.command("diff", cls=Command)
@click.option("--a", default="", help="A layer.")
@click.option("--b", default="", help="The layer to compare with A.")
@record_option
@printing_options
def diff_command(a: str, b: str, path: Path | None, printing: Printing) -> None:
    """Print which Python functions layer B calls more than layer A."""
    if not a or not b:
        raise BadInput("a difference needs two layers: set A= and B=")
    named = at(path, "anatomy") if path else None
    source, record = (named, read_record(named, Anatomy)) if named else _newest({a, b})
    show(printing.render(difference_document(record, a, b, os.path.relpath(source), printing.wide)))


def _newest(layers: set[str]) -> tuple[Path, Anatomy]:
    """The newest anatomy that has the call trees of these layers, or else the newest of all."""
    for folder in (RESULTS, REFERENCE / "default"):
        for path, record in anatomies(sorted(folder.glob("*-anatomy.json"), reverse=True)):
            if layers <= {counts.layer for counts in record.anatomy if counts.tree}:
                return path, record
    path = latest("anatomy", tell=say)
    return path, read_record(path, Anatomy)
