"""Layers -> record: all rounds of one call. Whatever happens in between, what was measured is kept."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from bench import contract as contracts
from bench.contract import Contract
from bench.errors import Fault, ServerFault, Stopped
from bench.layers import Catalogue, Layer
from bench.machine import read_machine, read_packages, read_python, read_revision
from bench.record import Record, Row, Window, now
from bench.server import Server
from bench.wrk import Load, Wrk

WARM_UP = 1  # seconds of load before a server's first window


class Plan(msgspec.Struct, frozen=True):
    """What to measure, and how."""

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


Tell = Callable[[str, float], None]
"""Takes what happens now, and how many seconds of the plan are done."""


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
            with started(plan, record, contract, full=number == 0) as servers:
                for server in random.sample(servers, len(servers)):
                    tell(f"round {number + 1} of {plan.rounds}: {server.layer.name}", done)
                    if window := measure(server, plan.load, number, row_of(record, server.layer)):
                        record.windows.append(window)
                    done += plan.load.seconds + WARM_UP
    except Stopped as stopped:
        record.stopped = stopped.message
        raise
    finally:
        tell("", done)


def row_of(record: Record, layer: Layer) -> Row:
    """The layer's row in the record."""
    return next(row for row in record.layers if row.name == layer.name)


@contextmanager
def started(plan: Plan, record: Record, contract: Contract, full: bool) -> Iterator[list[Server]]:
    """All of the plan's servers that are sound, started together and each held to the contract; ended on leaving."""
    servers: list[Server] = []
    sound: list[Server] = []
    try:
        for place, layer in enumerate(plan.layers):
            row = row_of(record, layer)
            if row.faults:
                continue
            server = Server(layer, contract, plan.host, plan.port and plan.port + place)
            try:
                server.start()
                servers.append(server)
            except ServerFault as fault:
                row.faults.append(fault.message)
        for server in servers:
            row = row_of(record, server.layer)
            try:
                server.wait()
                if full:
                    row.faults += [f"contract: {each}" for each in contracts.check(contract, server.layer, plan.host, server.port)]
            except ServerFault as fault:
                row.faults.append(fault.message)
            if not row.faults:
                sound.append(server)
        yield sound
    finally:
        for server in servers:
            server.stop()


def measure(server: Server, load: Load, number: int, row: Row) -> Window | None:
    """Warm the server up, then take one window, with the answer checked before and after.

    A server that dies or answers wrongly in it is written into the layer's row.
    """
    try:
        server.require_alive("died before its window")
        with_wrk(server, msgspec.structs.replace(load, seconds=WARM_UP))
        start = now()
        summary = with_wrk(server, load)
        contracts.check_user(server.contract, server.host, server.port)
    except ServerFault as fault:
        row.faults.append(fault.message)
        return None
    except OSError as error:
        row.faults.append(f"{server.layer.name} no longer answers after a window: {error}")
        return None
    return Window(
        layer=server.layer.name,
        round=number,
        start=start,
        requests=summary.requests,
        duration_us=summary.duration_us,
        bytes=summary.bytes,
        errors=summary.errors,
        latency_us=summary.latency_us,
        fault=fault_of(summary.requests, summary.bytes, summary.errors, row, load),
    )


def with_wrk(server: Server, load: Load):  # type: ignore[no-untyped-def]
    """One wrk run."""
    wrk = Wrk(server, load)
    try:
        return wrk.finish()
    finally:
        wrk.stop()


def fault_of(requests: int, read: int, errors: object, row: Row, load: Load) -> str | None:
    """Why a window does not count: an error of any kind, or bytes that are not requests x the answer's size."""
    counts = {kind: count for kind, count in msgspec.structs.asdict(errors).items() if count}  # type: ignore[arg-type]
    if counts:
        return "wrk counted errors: " + ", ".join(f"{count} {kind}" for kind, count in counts.items())
    if not requests:
        return "not one request was answered"
    expected = requests * (row.answer_bytes or 0)
    if not expected <= read <= expected + load.connections * (row.answer_bytes or 0):
        return f"wrk read {read} bytes, expected {expected} for {requests} answers of {row.answer_bytes} bytes"
    return None


__all__ = ["Fault", "Plan", "new_record", "run"]
