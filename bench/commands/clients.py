"""`make clients`: what a client that sleeps, one that polls and one on the server's core make of the same layers."""

import os
from pathlib import Path
from typing import get_args

import click
from msgspec.structs import replace

from bench.commands.bench import begin, plan_of
from bench.commands.options import (
    Choice,
    Driving,
    Printing,
    budget_option,
    choice_options,
    contract_for,
    driving_options,
    precision_option,
    printing_options,
    results_option,
    workload_option,
)
from bench.commands.output import say, show
from bench.commands.running import carry_out, check, make_ready
from bench.data.catalogue import read_catalogue
from bench.data.errors import BadInput
from bench.data.plan import Client, Watch
from bench.measure.run import Run
from bench.report.clients import clients_document


@click.command("clients")
@choice_options
@precision_option
@budget_option
@workload_option
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
    driving: Driving,
    results: Path,
    printing: Printing,
) -> None:
    """Measure a ladder by turns under three clients, in alternating rounds: on the servers' core, on another core as
    everybody runs wrk, and there but polling, so that it never sleeps. Needs two cores and a C compiler.

    The records go to a folder of their own, RESULTS/clients.
    """
    catalogue = read_catalogue(catalogue_file)
    contract = contract_for(workload, choice.named(catalogue))
    selection = choice.select(catalogue, contract, None)
    plan = plan_of(selection, driving, budget, precision)
    if not plan.lane or plan.lane.client is None:
        raise BadInput("`make clients` needs Linux and two cores: one for the servers, one for wrk")
    folder = results / "clients"
    check(plan, folder)
    names: tuple[Client, ...] = get_args(Client)
    records = {name: begin(replace(plan, client=name)) for name in names}
    make_ready(selection, records[names[0]])

    def work(watch: Watch) -> None:
        runs = [Run(replace(plan, client=name), record, watch) for name, record in records.items()]
        while not runs[-1].rounds or runs[-1].has_time(len(runs)):
            for run in runs:
                run.round(selection.layers, 2 * run.overhead)

    problem, _ = carry_out(work, records[names[0]], folder, budget, announce=False)
    for name in names[1:]:
        records[name].packages = records[names[0]].packages
        carry_out(lambda _: None, records[name], folder, 0, announce=False)
    show(printing.render(clients_document(records)))
    say(f"records: {os.path.relpath(folder)}")
    if problem:
        raise problem
