"""Layers -> record: all rounds of one call. Whatever happens in between, what was measured is kept."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from bench import contract as contracts
from bench.contract import Contract
from bench.errors import ServerFault, Stopped
from bench.layers import Catalogue, Layer
from bench.machine import read_machine, read_packages, read_python, read_revision
from bench.progress import Tell
from bench.record import Record, Row, Window, now
from bench.server import Server
from bench.wrk import Load, Summary, Wrk

WARM_UP = 1  # seconds of load before a window


class Plan(msgspec.Struct, frozen=True):
    """What to measure, and how. `port` is the first layer's, the others follow; 0 takes what the kernel gives."""

    command: str
    ladder: str
    layers: list[Layer]
    rounds: int
    load: Load
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def seconds(self) -> int:
        """The time that its windows and warm-ups take."""
        return self.rounds * len(self.layers) * (self.load.seconds + WARM_UP)


def new_record(plan: Plan, catalogue: Catalogue, contract: Contract) -> Record:
    """A record without windows: what will be measured, on what."""
    names = [layer.name for layer in plan.layers]
    return Record(
        made=now(),
        command=plan.command,
        ladder=plan.ladder,
        load=plan.load,
        rounds=plan.rounds,
        machine=read_machine(),
        python=read_python(),
        packages=read_packages(),
        revision=read_revision(),
        layers=[
            Row(
                name=layer.name,
                on=catalogue.below(layer, names),
                adds=layer.adds,
                command=layer.argv("HOST", 0, "python"),
                answer_bytes=len(contract.user.answer.encode()),
            )
            for layer in plan.layers
        ],
    )


def run(plan: Plan, record: Record, contract: Contract, tell: Tell) -> None:
    """Measure every layer in every round, in an order shuffled anew, into the record.

    A layer that fails is a row that says so; a signal ends the run, with `record.stopped` saying which.
    """
    done = 0.0
    try:
        for number in range(plan.rounds):
            tell(f"round {number + 1} of {plan.rounds}: starting", done)
            with started(plan, record, contract, full=number == 0) as servers:
                for server in random.sample(servers, len(servers)):
                    tell(f"round {number + 1} of {plan.rounds}: {server.layer.name}", done)
                    if window := measure(server, plan.load, number, row_of(record, server.layer)):
                        record.windows.append(window)
                    done += plan.load.seconds + WARM_UP
    except Stopped as stopped:
        record.stopped = stopped.message
        raise


def row_of(record: Record, layer: Layer) -> Row:
    """The layer's row in the record."""
    return next(row for row in record.layers if row.name == layer.name)


@contextmanager
def started(plan: Plan, record: Record, contract: Contract, full: bool) -> Iterator[list[Server]]:
    """All of the plan's servers that are sound, started together and held to the contract; ended on leaving.

    With `full` that is the whole contract, otherwise the User request. What is not sound is written into its row.
    """
    servers: list[Server] = []
    try:
        for place, layer in enumerate(plan.layers):
            with faults_to(row_of(record, layer)) as row:
                if not row.faults:
                    server = Server(layer, contract, plan.host, plan.port and plan.port + place)
                    servers.append(server.start())
        for server in servers:
            with faults_to(row_of(record, server.layer)) as row:
                server.wait()
                if full:
                    broken = contracts.check(contract, server.layer, plan.host, server.port)
                    row.faults += [f"contract: {each}" for each in broken]
        yield [server for server in servers if not row_of(record, server.layer).faults]
    finally:
        for server in servers:
            server.stop()


@contextmanager
def faults_to(row: Row) -> Iterator[Row]:
    """Write what goes wrong with a layer's server into its row, so that the others are measured all the same."""
    try:
        yield row
    except ServerFault as fault:
        row.faults.append(fault.message)


def measure(server: Server, load: Load, number: int, row: Row) -> Window | None:
    """Warm the server up, then take one window and check its answer again.

    A server that dies or answers wrongly in it is written into the layer's row, and the window does not count.
    """
    with faults_to(row):
        drive(server, msgspec.structs.replace(load, seconds=WARM_UP))
        start = now()
        summary = drive(server, load)
        window = Window(
            layer=server.layer.name,
            round=number,
            start=start,
            requests=summary.requests,
            duration_us=summary.duration_us,
            bytes=summary.bytes,
            errors=summary.errors,
            latency_us=summary.latency_us,
            fault=fault_of(summary, row.answer_bytes or 0, load.connections),
        )
        try:
            contracts.check_user(server.contract, server.host, server.port)
        except (ServerFault, OSError) as error:
            window.fault = f"after the window, {error}"
            row.faults.append(f"{server.layer.name}: {window.fault}")
        return window
    return None


def drive(server: Server, load: Load) -> Summary:
    """One wrk run; raises ServerFault where the server dies in it."""
    wrk = Wrk(server, load)
    try:
        return wrk.finish()
    finally:
        wrk.stop()


def fault_of(summary: Summary, answer: int, connections: int) -> str | None:
    """Why a window does not count: an error of any kind, or bytes that are not requests x the answer's size.

    A connection's last answer may have come in pieces, of which wrk counts the bytes but not the request.
    """
    if counts := {kind: count for kind, count in msgspec.structs.asdict(summary.errors).items() if count}:
        return "wrk counted errors: " + ", ".join(f"{count} {kind}" for kind, count in counts.items())
    if not summary.requests:
        return "not one request was answered"
    expected = summary.requests * answer
    if not expected <= summary.bytes <= expected + connections * answer:
        return (
            f"wrk read {summary.bytes} bytes, expected {expected} for {summary.requests} answers of {answer} bytes each"
        )
    return None
