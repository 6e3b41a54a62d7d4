"""`make bench`: measure a ladder, print its decay table, keep a record."""

import os
from pathlib import Path

import click

from bench.commands.by_interpreter import measure_each
from bench.commands.options import (
    Bring,
    Choice,
    Driving,
    Printing,
    bring_options,
    budget_option,
    choice_options,
    contract_for,
    driving_options,
    precision_option,
    printing_options,
    results_option,
    workload_option,
)
from bench.commands.output import show
from bench.commands.running import carry_out, check, make_ready
from bench.data.catalogue import read_catalogue
from bench.data.errors import Fault, Problem
from bench.data.plan import Plan, Selection
from bench.data.record import Bench
from bench.host.cores import lane
from bench.host.origin import origin
from bench.measure.ladder import measure_ladder
from bench.report.decay_table import decay_document
from bench.report.interpreters import interpreters_document


@click.command("bench")
@choice_options
@precision_option
@budget_option
@workload_option
@click.option("--pythons", default="", help="Serve it with each of these Pythons: versions, such as '3.12 3.13'.")
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
    catalogue = read_catalogue(catalogue_file)
    contract = contract_for(workload, choice.named(catalogue))
    selection = choice.select(catalogue, contract, bring.read(catalogue, contract))
    plan = plan_of(selection, driving, budget, precision)
    check(plan, results)
    announce = bool(pythons) or printing.form in ("csv", "json")  # the others have it below the table
    if pythons:
        found, problem = measure_each(pythons, plan, begin, lambda plan, record: measure(plan, record, results)[0])
        document = interpreters_document(found)
        failed = [f"{row['layer']} under {row['python']}" for row in document.data.rows if row["cpu_us"] is None]
    else:
        record = begin(plan)
        problem, path = measure(plan, record, results, announce)
        document = decay_document(record, printing.wide, os.path.relpath(path) if path else "")
        failed = [row["layer"] for row in document.data.rows if row["cpu_us"] is None]
    show(printing.render(document))
    if problem:
        raise problem
    if failed:
        raise Fault(f"no figure for {', '.join(failed)}: the table says why")


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
    make_ready(plan.selection, record)
    return carry_out(lambda watch: measure_ladder(plan, record, watch), record, results, plan.budget, announce)
