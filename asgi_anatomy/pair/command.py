"""`make pair`: whether layer B is slower than layer A."""

from pathlib import Path

import click

from asgi_anatomy.documents.origin import origin
from asgi_anatomy.documents.words import show
from asgi_anatomy.errors import ServerFault
from asgi_anatomy.options import (
    Bring,
    Command,
    Driving,
    Printing,
    bring_options,
    budget_option,
    contract_for,
    driving_options,
    printing_options,
    results_option,
    threshold_option,
    workload_option,
)
from asgi_anatomy.pair.text import pair_document
from asgi_anatomy.turns.plan import select_pair
from asgi_anatomy.turns.record import Pair
from asgi_anatomy.turns.run import measure_pair
from asgi_anatomy.turns.session import carry_out, check, make_ready, plan_of_pair
from asgi_anatomy.turns.verdict import outcome


@click.command("pair", cls=Command)
@click.option("--a", default="", help="A layer; omit it if A is your own server.")
@click.option("--b", default="", help="The layer to compare with A; omit it if B is your own server.")
@threshold_option
@budget_option(60)
@workload_option
@bring_options
@driving_options
@results_option
@printing_options
@click.pass_context
def command(
    context: click.Context,
    /,
    a: str,
    b: str,
    threshold: float,
    budget: float,
    workload: str,
    bring: Bring,
    driving: Driving,
    results: Path,
    printing: Printing,
) -> None:
    """Tell whether layer B is slower than A, faster, or the same.

    They take turns until that is clear, or BUDGET is over.

    Exit codes: 0 same or faster, 3 slower, 4 unclear.
    """
    catalogue = bring.catalogue(context.obj)
    contract = contract_for(workload, [catalogue.one(name) for name in (a, b) if name], catalogue.file)
    selection = select_pair(catalogue, contract, a, b)
    plan = plan_of_pair(selection, driving, budget, threshold)
    check(plan, results)
    record = Pair(
        **origin(),
        load=plan.load,
        budget=budget,
        threshold=threshold,
        cores=plan.lane,
        contract=selection.digest(),
        workload=selection.contract.workload.name,
        layers=selection.rows(),
    )
    make_ready(selection, record, budget)
    problem, _ = carry_out(lambda watch: measure_pair(plan, record, watch), record, results, budget)
    judged = outcome(record, threshold)
    if isinstance(problem, ServerFault):
        raise problem
    show(printing.render(pair_document(judged, record, printing.wide)))
    if problem:
        raise problem
    context.exit({"slower": 3, "unclear": 4}.get(judged.verdict, 0))
