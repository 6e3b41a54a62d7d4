"""`make sweep`: layers with more and more connections, or at fixed rates instead of saturation."""

import os
import time
from pathlib import Path

import click
import msgspec

from asgi_anatomy.documents.origin import origin
from asgi_anatomy.documents.store import at, read_record, require_folder
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.connections import allow_files, limits, obstacle
from asgi_anatomy.machine.cores import lane
from asgi_anatomy.machine.server import require_ports
from asgi_anatomy.options import (
    Bring,
    Choice,
    Command,
    Printing,
    Whole,
    bring_options,
    budget_option,
    choice_options,
    contract_for,
    host_option,
    printing_options,
    results_option,
    shown_option,
    threads_option,
    workload_option,
)
from asgi_anatomy.packages.environments import OHA
from asgi_anatomy.sweep.rates import require_oha, require_one_request, sweep_rates
from asgi_anatomy.sweep.record import Sweep, read_numbers, read_rates
from asgi_anatomy.sweep.run import sweep_connections
from asgi_anatomy.sweep.text import failed, sweep_document
from asgi_anatomy.turns.plan import Plan, Selection, Watch
from asgi_anatomy.turns.record import Load
from asgi_anatomy.turns.session import carry_out, make_ready
from asgi_anatomy.turns.wrk import require_wrk

NUMBERS = "1 16 64 512 4096 16384"
SHORTEST = 2
"""Seconds of a window, at least."""
AT_A_RATE = 5
"""Seconds at each rate: of 1,000 requests/s, p99.9 is then the fifth slowest answer."""


@click.command("sweep", cls=Command)
@choice_options
@click.option("--connections", "numbers", default="", help=f"How many connections: a list.  [{NUMBERS}; with RATE 64]")
@click.option(
    "--rate", default="", help="At these rates instead of saturation: '25% 50%' of what a layer can do, or req/s."
)
@click.option(
    "--seconds", type=Whole(1, 3600), help="Length of a window in seconds, by default 2 or more; with RATE 5."
)
@threads_option
@budget_option(900, "Seconds after which nothing new is begun.")
@workload_option
@bring_options
@host_option
@click.option("--port", default=0, type=Whole(0, 65535), help="The servers' port, 0 for any free one.  [0]")
@results_option
@shown_option
@printing_options
@click.pass_obj
def command(
    catalogue_file: Path,
    /,
    choice: Choice,
    numbers: str,
    rate: str,
    seconds: int | None,
    threads: int,
    budget: float,
    workload: str,
    bring: Bring,
    host: str,
    port: int,
    results: Path,
    path: Path | None,
    printing: Printing,
) -> None:
    """Measure each layer with more and more connections.

    Every connection sends its next request as soon as it has its answer: req/s, CPU time, latency, memory and errors
    at saturation. With RATE, requests are sent at a fixed rate instead, where latency says something about a service.
    """
    if path:
        file = at(path, "sweep")
        return show(printing.render(sweep_document(read_record(file, Sweep), printing.wide, os.path.relpath(file))))
    rates = read_rates(rate) if rate.strip() else []
    counts = read_numbers(numbers) if numbers.strip() else [] if rates else read_numbers(NUMBERS)
    if rates and len(counts) > 1:
        raise BadInput("RATE= takes one number of connections: try CONNECTIONS=64")
    catalogue = bring.catalogue(catalogue_file)
    contract = contract_for(workload, choice.named(catalogue), catalogue.file)
    selection = _without_loops(choice.select(catalogue, contract))
    asked = selection.contract.workload
    load = Load(
        seconds=(seconds if not rates else None) or SHORTEST,
        connections=counts[0] if rates and counts else asked.connections or Load().connections,
        threads=threads,
        pipelining=asked.pipelining,
        requests_per_connection=asked.requests_per_connection,
    )
    if load.connections < threads:
        raise BadInput(f"{threads} threads need at least as many connections, not {load.connections}: try THREADS=1")
    require_wrk()
    require_folder(results)
    require_ports(host, port)
    known = limits()
    numbers_wanted = [load.connections] if rates else counts
    possible = [number for number in numbers_wanted if not obstacle(number, known)]
    if not possible:
        least = numbers_wanted[0]
        raise BadInput(f"{least:,} connections are not possible here: {obstacle(least, known)}")
    allow_files(max([*possible, load.connections]))
    begin = time.monotonic()
    if rates:
        require_one_request(selection.contract)
        program = require_oha(say, budget)
    plan = Plan(selection, load, lane(), host, port, budget=max(1.0, budget - (time.monotonic() - begin)))
    record = Sweep(
        **origin(),
        ladder=selection.ladder,
        load=load,
        budget=budget,
        cores=plan.lane,
        contract=selection.digest(),
        workload=asked.name,
        layers=selection.rows(),
        connections=counts,
        rates=rates,
        client=f"oha {OHA}" if rates else "",
    )
    make_ready(selection, record, plan.budget)

    def work(watch: Watch) -> None:
        if rates:
            sweep_rates(plan, record, watch, program, seconds or AT_A_RATE)
        else:
            sweep_connections(plan, record, watch, seconds)

    problem, kept = carry_out(work, record, results, budget, announce=printing.form in ("csv", "json"))
    show(printing.render(sweep_document(record, printing.wide, os.path.relpath(kept) if kept else "")))
    if problem:
        raise problem
    if names := failed(record):
        raise Fault(f"not everything could be measured of {', '.join(names)}: the lines below the table say why")


def _without_loops(selection: Selection) -> Selection:
    """The layers that have connections; raises BadInput if there are none."""
    servers = [layer for layer in selection.layers if not layer.loop]
    if loops := [layer.name for layer in selection.layers if layer.loop]:
        say(f"{', '.join(loops)}: left out, it has no connections: it is a loop without a socket")
    if not servers:
        raise BadInput("none of these layers has connections: try LAYERS=asyncio")
    names = {layer.name for layer in servers}
    on = {name: below if below in names else None for name, below in selection.on.items() if name in names}
    return msgspec.structs.replace(selection, layers=servers, on=on)
