"""`make bench`: measure a ladder, print its decay table, keep a record."""

import os
from pathlib import Path

import click

from bench.commands.options import (
    Bring,
    Choice,
    Driving,
    Number,
    Printing,
    bring_options,
    budget_option,
    choice_options,
    contract_for,
    driving_options,
    printing_options,
    results_option,
    workload_option,
)
from bench.commands.output import say, show
from bench.commands.running import carry_out, check, make_ready
from bench.data.catalogue import read_catalogue
from bench.data.errors import Fault
from bench.data.plan import Plan, Selection
from bench.data.record import Bench
from bench.host.cores import lane
from bench.host.origin import origin
from bench.measure.ladder import measure_ladder
from bench.report.decay_table import decay_document
from bench.report.document import Document


@click.command("bench")
@choice_options
@click.option(
    "--precision",
    default=1.0,
    show_default=True,
    type=Number(0, 100),
    help="Stop once decays are known to ± this many points.",
)
@budget_option
@workload_option
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
    bring: Bring,
    driving: Driving,
    results: Path,
    printing: Printing,
) -> None:
    """Measure a ladder and print its decay table.

    It ends once the 95% interval of every decay is within ±PRECISION percentage points, or after BUDGET seconds.
    """
    catalogue = read_catalogue(catalogue_file)
    contract = contract_for(workload, choice.named(catalogue))
    selection = choice.select(catalogue, contract, bring.read(catalogue, contract))
    document, problem = measure(selection, driving, budget, precision, results, printing)
    show(printing.render(document))
    if problem:
        raise problem
    if failed := [row["layer"] for row in document.data.rows if row["rps"] is None]:
        raise Fault(f"no figure for {', '.join(failed)}: the table says why")


def measure(
    selection: Selection, driving: Driving, budget: float, precision: float, results: Path, printing: Printing
) -> tuple[Document, Fault | None]:
    """Measure a ladder and keep its record; returns its table, and what ended it early. Raises BadInput or Fault."""
    plan = Plan(
        selection, driving.load(selection.contract.workload), lane(), driving.host, driving.port, budget, precision
    )
    check(plan, results)
    record = Bench(
        **origin(),
        ladder=selection.ladder,
        load=plan.load,
        budget=budget,
        precision=precision,
        cores=plan.lane,
        contract=selection.digest(),
        workload=selection.contract.workload.name,
        layers=selection.rows(),
    )
    make_ready(selection, record)
    announce = printing.form in ("csv", "json")  # the others have it below the table
    problem, path = carry_out(lambda watch: measure_ladder(plan, record, watch), record, results, budget, announce)
    if not problem and record.seconds and len({window.round for window in record.windows}) == 1:
        left = f"{max(0, budget - record.seconds):.0f} s left of BUDGET={budget:g} are too few for another"
        say(f"ended after one round: it took {record.seconds:.0f} s, and the {left}")
    return decay_document(record, printing.wide, os.path.relpath(path) if path else ""), problem
