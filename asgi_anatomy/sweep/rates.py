"""Layers at fixed rates, by oha: what each can do, then a share of that, or so many requests per second.

Latency is counted from when a request was due, so that a server which answers nothing for a second has a second's worth
of late answers (no coordinated omission). What is still waiting for a connection at the end is not sent: it is counted.
oha is built by cargo when it is first needed.
"""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from asgi_anatomy.errors import BadInput, ServerFault, WrkFault
from asgi_anatomy.machine.children import guard
from asgi_anatomy.machine.cores import cores_for, on_core
from asgi_anatomy.machine.counters import grown, pin
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.machine.programs import scratch
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.signals import held
from asgi_anatomy.packages.environments import OHA_BUILD, make
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.sweep.record import LATE_MS, Rated, Sweep, rate_of
from asgi_anatomy.sweep.run import Sweeper
from asgi_anatomy.turns.plan import Plan, Watch
from asgi_anatomy.turns.record import Latency
from asgi_anatomy.turns.windows import at_rest, verify


def require_oha(tell: Callable[[str], None], budget: float) -> Path:
    """The path of oha, built if it is not there yet and there is time for that; raises BadInput."""
    program = ROOT / OHA_BUILD.program
    if not program.is_file() and (why := make(OHA_BUILD, "oha", tell, budget)):
        raise BadInput(f"RATE= cannot be measured: {why}")
    return program


POLL = 0.02
PATIENCE = 2.0  # times the seconds of a run after which oha is told to stop: the server cannot keep up
GRACE = 10.0  # seconds that it has to do so
OVERDUE = "aborted due to deadline"


def require_one_request(contract: Contract) -> None:
    """Raise BadInput for a workload that oha cannot send."""
    workload = contract.workload
    if len(contract.asked) > 1 or workload.pipelining > 1 or workload.requests_per_connection:
        raise BadInput(
            f"RATE= sends one request over and over, which is not the workload {workload.name}: try WORKLOAD=headers,"
            " or omit it"
        )


def sweep_rates(plan: Plan, record: Sweep, watch: Watch, program: Path, seconds: int) -> None:
    """Measure all layers at each of the record's rates, for so many seconds each, by the oha at this path."""
    sweeper = Sweeper(plan, record, watch)
    for layer in sweeper.layers:
        with sweeper.server(layer) as server, record.row(layer.name).takes_faults():
            if server:
                _layer(sweeper, server, program, seconds)
    record.seconds = sweeper.seconds


def _layer(sweeper: Sweeper, server: Server, program: Path, seconds: int) -> None:
    """All rates for one layer; raises ServerFault, after which it is left out."""
    plan, record, name = sweeper.plan, sweeper.record, server.layer.name
    able: float | None = None
    if any(asked.endswith("%") for asked in record.rates):
        sweeper.tell(f"{name}: what it can do")
        with contextlib.suppress(WrkFault):
            window = sweeper.window(server, plan.load.connections, plan.load.seconds)
            record.capacity.append(window)
            if window.fault:
                raise ServerFault(name, f"cannot be loaded to find out what it can do: {window.fault}")
            able = window.rps
    for asked in record.rates:
        point = Rated(layer=name, asked=asked, rate=0.0, connections=plan.load.connections)
        record.rated.append(point)
        rate, unknown = rate_of(asked, able), "wrk was ended from outside, so nobody knows what it can do"
        point.fault = unknown if rate is None else sweeper.left_out()
        if rate is None or point.fault:
            continue
        point.rate = rate
        sweeper.tell(f"{name} at {rate:,.0f} requests/s for {seconds} s")
        try:
            rated(program, server, point, seconds, plan.lane)
            verify(server)
        except (WrkFault, ServerFault) as fault:
            point.fault = fault.message
            if isinstance(fault, ServerFault):
                raise
        sweeper.watch.keep()


def rated(program: Path, server: Server, point: Rated, seconds: int, lane: Lane | None) -> None:
    """Send requests at a point's rate for so many seconds, and write down what came back.

    Raises ServerFault where the server dies, WrkFault where oha does.
    """
    point.sent = max(1, round(point.rate * seconds))
    point.connections = min(point.connections, point.sent)
    size = _body_size(server)
    cores = cores_for(lane, server.layer.workers) if lane else {0}
    before = server.meter.read() if lane else None
    if lane:
        pin(server.meter.known, cores)
    with scratch() as folder, on_core(lane.client if lane else None):
        output, answers = folder / "report.json", folder / "answers.sqlite"
        argv = [str(program), "--no-tui", "--output-format", "json", "-o", str(output), "--db-url", str(answers)]
        argv += _load(server, point, seconds, folder)
        point.client_cpu_ns = _drive(argv, server, seconds, folder / "complaints")
        try:
            report = msgspec.json.decode(output.read_bytes(), type=Report)
        except (OSError, msgspec.DecodeError) as error:
            raise WrkFault(f"oha gave no summary of {server.layer.name}: {error}") from None
        if answers.exists():  # oha writes this list of all answers once it is done, not where it was stopped
            with contextlib.closing(sqlite3.connect(answers)) as database:
                query = "SELECT count(*) FROM oha WHERE duration > ?"
                point.late = int(database.execute(query, (LATE_MS / 1000,)).fetchone()[0])
    if before:
        point.cores = len(cores)
        point.server_cpu_ns = grown(before.cpu_ns, at_rest(server).cpu_ns)
    _write_down(report, point, server, size)


def _body_size(server: Server) -> int | None:
    """The size of the body of a right answer; None where it varies. Raises ServerFault."""
    answer = verify(server)[0]
    return len(answer.body) if server.layer.answer == "bytes" else None


def _load(server: Server, point: Rated, seconds: int, folder: Path) -> list[str]:
    """The options of oha. By time, not by number: with -n, oha 1.12 corrects latency only where it is not asked to."""
    request = server.contract.asked[0].request
    argv = ["-z", f"{seconds}s", "-w", "-q", f"{point.rate:.6g}", "-c", str(point.connections), "--latency-correction"]
    argv += ["--disable-compression", "-m", request.method]
    for name, value in request.headers:
        argv += ["-H", f"{name}: {value}"]
    if request.body:
        (folder / "body").write_text(request.body, encoding="utf-8")
        argv += ["-D", str(folder / "body")]
    return [*argv, server.url + request.path]


def _drive(argv: list[str], server: Server, seconds: int, complaints: Path) -> int | None:
    """Run oha to its end; returns its CPU time in ns, or None where it had to be stopped."""
    name, deadline, stopped = server.layer.name, time.monotonic() + PATIENCE * seconds, False
    with complaints.open("w+b") as errors:
        with held():
            child = guard().start(argv, {**os.environ, "TOKIO_WORKER_THREADS": "1"}, stderr=errors)
        try:
            while child.wait(POLL) is None:
                server.require_alive("died under load")
                if time.monotonic() > deadline and not stopped:
                    stopped, deadline = True, time.monotonic() + GRACE
                    child.kill(signal.SIGINT)  # it then reports what it has until now
                elif time.monotonic() > deadline:
                    raise ServerFault(name, f"kept oha for {GRACE:.0f} s after it was told to stop")
        finally:
            with held():
                if child.poll() is None:
                    child.kill()
                    child.wait(GRACE)
        child.guard.require()
        if code := child.returncode:
            errors.seek(0)
            what = errors.read().decode(errors="replace").strip() or f"exit code {code}"
            raise WrkFault(f"oha, which loaded {name}, failed: {what}")
    return None if stopped else child.cpu_ns


class Totals(msgspec.Struct, rename="camel"):
    """Seconds from the first request to the last answer, the longest that one took, and bytes read."""

    total: float
    slowest: float | None = None
    total_data: int = 0


class Report(msgspec.Struct, rename="camel"):
    """What oha says at its end, in seconds; null where nothing was answered."""

    summary: Totals
    latency_percentiles: dict[str, float | None]
    status_code_distribution: dict[str, int]
    error_distribution: dict[str, int]


def _write_down(report: Report, point: Rated, server: Server, size: int | None) -> None:
    """Write down what oha reports, and hold the answers to the contract: their statuses, the size of their bodies."""
    statuses = report.status_code_distribution
    expected = server.contract.asked[0].expected(server.layer)
    good = statuses.get(str(expected), 0) if expected else sum(statuses.values())
    point.answered, point.seconds = sum(statuses.values()), report.summary.total
    point.errors = {kind: count for kind, count in report.error_distribution.items() if kind != OVERDUE}
    if good < point.answered:
        point.errors["status"] = point.answered - good
    latencies = [report.latency_percentiles.get(key) for key in ("p50", "p90", "p99", "p99.9")]
    known = [latency for latency in [*latencies, report.summary.slowest] if latency is not None]
    if point.answered and len(known) == len(Latency.__struct_fields__):
        point.latency_us = Latency(*(round(1e6 * latency) for latency in known))
    if not point.answered:
        point.fault = "not one request was answered"
    elif size is not None and good == point.answered and (read := report.summary.total_data) != size * good:
        point.fault = f"oha read {read} bytes, expected {size} for each of {good} answers"
