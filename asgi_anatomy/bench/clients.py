"""`make clients`: what a request costs under a client that sleeps, one that polls and one on the server's core."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import click
from msgspec.structs import replace

from asgi_anatomy.bench.command import begin, plan_of
from asgi_anatomy.documents.document import Column, Document, Table
from asgi_anatomy.documents.origin import made
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput
from asgi_anatomy.options import (
    Choice,
    Command,
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
from asgi_anatomy.suite.layers import read_catalogue
from asgi_anatomy.turns.decay import figures
from asgi_anatomy.turns.plan import Client, Watch
from asgi_anatomy.turns.record import Bench
from asgi_anatomy.turns.run import Run
from asgi_anatomy.turns.session import carry_out, check, make_ready

NAMES = {"other": "sleeps", "awake": "polls", "same": "turns"}
"""What each client is called in a heading."""
COLUMNS = (
    Column("layer", "layer", left=True, tree="on"),
    Column("on"),
    *(
        Column(f"{key}_cpu {key}_added", f"{name} µs", "", f"{{{key}_cpu:,.1f}} ({{{key}_added:+,.1f}})")
        for key, name in NAMES.items()
    ),
    Column("sleeps", "sleeps", "", "{sleeps:.2f}"),
    *(Column(f"{key}_decay", f"{name} %", "", f"{{{key}_decay:.1f}}") for key, name in NAMES.items()),
)
MEANING = (
    "CPU µs per request (and what the layer adds), and decay in %, with wrk: on another core, where it sleeps between"
    " answers; there, but polling, so that the server never wakes it; on the servers' core, in turns. sleeps: how often"
    " the first falls asleep per request."
)


def clients_document(records: Mapping[Client, Bench]) -> Document:
    """The table, its meaning, and where it was made."""
    by_client = {client: {row.layer: row for row in figures(record)} for client, record in records.items()}
    rows = []
    for name, by_turns in by_client["same"].items():
        row: dict[str, object] = {"layer": name, "on": by_turns.on, "sleeps": _sleeps(records["other"], name)}
        for client, layers in by_client.items():
            row[f"{client}_cpu"] = layers[name].cpu_us
            row[f"{client}_added"] = layers[name].added_us if layers[name].on else 0.0
            row[f"{client}_decay"] = layers[name].decay
        rows.append(row)
    table = Table(COLUMNS, rows)
    rounds = min(len(record.rounds) for record in records.values())
    how = f"{rounds} rounds under each, in alternation; {made(records['same'])}"
    failed = [f"{row.name}: {row.faults[0]}" for record in records.values() for row in record.layers if row.faults]
    return Document([table, *failed, "", MEANING, how], table)


def _sleeps(record: Bench, name: str) -> float | None:
    """How often a client slept per request of a layer."""
    turns = [turn for round_ in record.rounds for turn in round_.turns if turn.layer == name]
    instances = [one for round_ in record.rounds for one in round_.instances if one.layer == name and one.requests]
    per_byte = sum(one.requests / one.bytes for one in instances) / len(instances) if instances else 0.0
    requests = sum(turn.bytes for turn in turns) * per_byte
    return sum(turn.client_sleeps for turn in turns) / requests if requests else None


@click.command("clients", cls=Command)
@choice_options
@precision_option
@budget_option(60)
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
    """Compare clients: one that sleeps, one that polls, and turns.

    Rounds alternate: wrk on the servers' core, by turns; on another core, as everybody runs it; and there, but polling,
    so that it never sleeps. Needs two cores and a C compiler. The records go to RESULTS/clients.
    """
    catalogue = read_catalogue(catalogue_file)
    contract = contract_for(workload, choice.named(catalogue))
    selection = choice.select(catalogue, contract)
    plan = plan_of(selection, driving, budget, precision)
    if not plan.lane or plan.lane.client is None:
        raise BadInput("`make clients` needs Linux and two cores: one for the servers, one for wrk")
    folder = results / "clients"
    check(plan, folder)
    names: tuple[Client, ...] = get_args(Client)
    records = {name: begin(replace(plan, client=name)) for name in names}
    make_ready(selection, records[names[0]], budget)

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
