"""`make bench`: measure a ladder, print its decay table, keep a record; and `make table`, which prints it again.

Under several Pythons, a ladder is measured under one after another: one record each.
"""

import os
from pathlib import Path

import click

from asgi_anatomy.bench.run import measure_ladder
from asgi_anatomy.bench.text import interpreters_document
from asgi_anatomy.documents.origin import origin
from asgi_anatomy.documents.store import RESULTS, at, folders_of, latest, read_record, runs_like
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput, Fault, Problem, Stopped
from asgi_anatomy.machine.cores import lane
from asgi_anatomy.machine.interpreters import describe, find, set_up
from asgi_anatomy.options import (
    Bring,
    Choice,
    Command,
    Driving,
    Printing,
    bring_options,
    budget_option,
    choice_options,
    contract_for,
    driving_options,
    precision_option,
    printing_options,
    pythons_option,
    record_option,
    results_option,
    workload_option,
)
from asgi_anatomy.suite.layers import PYTHON
from asgi_anatomy.turns.plan import Plan, Selection
from asgi_anatomy.turns.record import Bench, Measured, rebased
from asgi_anatomy.turns.session import carry_out, check, make_ready
from asgi_anatomy.turns.table import decay_document


@click.command("bench", cls=Command)
@choice_options
@precision_option
@budget_option(60)
@workload_option
@pythons_option
@bring_options
@driving_options
@results_option
@printing_options
@click.pass_obj
def command(
    catalogue_file: Path,
    /,
    choice: Choice,
    precision: float,
    budget: float,
    workload: str,
    pythons: str,
    bring: Bring,
    driving: Driving,
    results: Path,
    printing: Printing,
) -> None:
    """Measure a ladder and print its decay table.

    It ends once the 95% interval of every decay is within ±PRECISION percentage points, or after BUDGET seconds; with
    PYTHONS, that holds for each of them, and each has a record of its own.
    """
    catalogue = bring.catalogue(catalogue_file)
    contract = contract_for(workload, choice.named(catalogue), catalogue.file)
    selection = choice.select(catalogue, contract)
    plan = plan_of(selection, driving, budget, precision)
    check(plan, results)
    announce = bool(pythons) or printing.form in ("csv", "json")  # the others have it below the table
    if pythons:
        records, problem = measure_each(pythons, plan, results)
        document = interpreters_document(records)
        failed = [f"{row['layer']} under {row['python']}" for row in document.data.rows if row["cpu_us"] is None]
    else:
        record = begin(plan)
        problem, path = measure(plan, record, results, announce)
        runs = runs_like(record, [results]) if path else []
        shown = os.path.relpath(path) if path else ""
        document = decay_document(record, printing.wide, shown, newest=results == RESULTS, runs=runs)
        failed = [row["layer"] for row in document.data.rows if row["cpu_us"] is None]
    show(printing.render(document))
    if problem:
        raise problem
    if failed:
        raise Fault(f"no CPU time for {', '.join(failed)}: the lines below the table say why")


def plan_of(selection: Selection, driving: Driving, budget: float, precision: float) -> Plan:
    """How to measure a ladder; raises BadInput."""
    load = driving.load(selection.contract.workload)
    return Plan(selection, load, lane(), driving.host, driving.port, driving.turn / 1000, budget, precision)


def begin(plan: Plan) -> Bench:
    """The record of a run that begins now."""
    return Bench(
        **origin(),
        ladder=plan.selection.ladder,
        load=plan.load,
        budget=plan.budget,
        precision=plan.precision,
        cores=plan.lane,
        contract=plan.selection.digest(),
        workload=plan.selection.contract.workload.name,
        layers=plan.selection.rows(),
    )


def measure(plan: Plan, record: Bench, results: Path, announce: bool = True) -> tuple[Problem | None, Path | None]:
    """Measure a ladder and keep its record; returns what ended it early, and where the record is. Raises Fault."""
    make_ready(plan.selection, record, plan.budget)
    return carry_out(lambda watch: measure_ladder(plan, record, watch), record, results, plan.budget, announce)


def measure_each(pythons: str, plan: Plan, results: Path) -> tuple[dict[str, Bench | str], Problem | None]:
    """Measure a plan under each Python: a record, or the reason why there is none, by name; and what ended the run.

    After a signal, no other Python is begun. Raises BadInput for a Python that is not here, before any is measured.
    """
    names = dict.fromkeys(pythons.replace(",", " ").split())
    if not names:
        raise BadInput(f"PYTHONS={pythons} names none: expected versions, such as PYTHONS='3.12 3.13'")
    interpreters = {name: find(name) for name in names}
    records: dict[str, Bench | str] = {}
    problem: Problem | None = None
    for name, interpreter in interpreters.items():
        try:
            python = set_up(interpreter, say)
            say(f"Python {interpreter.version}: {python}")
            served = plan if python == PYTHON else plan.served_by(str(python))
            record = begin(served)
            record.python = describe(python)
            problem = measure(served, record, results)[0] or problem
            records[name] = record
        except Stopped as stopped:
            problem = stopped
        except Fault as fault:
            records[name] = fault.message
        if isinstance(problem, Stopped):
            break
    return records, problem


@click.command("table", cls=Command)
@record_option
@click.option("--baseline", default="", help="Show every decay on this layer, whatever they stand on.")
@printing_options
def table_command(path: Path | None, baseline: str, printing: Printing) -> None:
    """Print the decay table of a record."""
    file = at(path, "bench") if path else latest("bench", tell=say)
    record = read_record(file, Measured)
    runs = runs_like(record, folders_of(file)) if isinstance(record, Bench) and record.machine else []
    if baseline:
        record = rebased(record, baseline)
    newest = not path and file.parent == RESULTS
    show(printing.render(decay_document(record, printing.wide, os.path.relpath(file), newest, runs)))
