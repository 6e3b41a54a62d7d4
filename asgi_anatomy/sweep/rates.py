"""oha, which sends requests at a fixed rate: built by cargo when it is first needed, always the same version.

A running server -> what it answers at a fixed rate, by oha.

Latency is counted from when a request was due, so that a server which answers nothing for a second has a second's worth
of late answers (no coordinated omission). What is still waiting for a connection at the end is not sent: it is counted.

Layers at fixed rates: what each can do, then a share of that, or so many requests per second.
"""

import contextlib
import os
import shlex
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from asgi_anatomy.errors import BadInput, Broken, ServerFault, WrkFault
from asgi_anatomy.machine.children import guard
from asgi_anatomy.machine.cores import cores_for, on_core
from asgi_anatomy.machine.counters import pin
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.machine.programs import scratch
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.signals import held
from asgi_anatomy.packages.environments import failure_of, lacks
from asgi_anatomy.suite.conformance import check_asked
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT, Build, Layer
from asgi_anatomy.sweep.record import LATE_MS, Rated, Sweep, rate_of
from asgi_anatomy.sweep.run import Sweeper
from asgi_anatomy.turns.plan import Plan, Watch
from asgi_anatomy.turns.record import Latency
from asgi_anatomy.turns.windows import at_rest, verify

VERSION = "1.12.0"
"""The last one that the Rust of Debian 13 (1.85) compiles. --locked: with the versions that it was released with."""
FOLDER = ROOT / ".venvs" / f"oha-{VERSION}"
PROGRAM = FOLDER / "bin" / "oha"
BUILD = Build(
    command=f"cargo install oha --version ={VERSION} --locked --quiet --root {shlex.quote(str(FOLDER))}",
    needs=("cargo --version", "rustc --version", "cc --version"),
    hint="RATE= needs oha, which cargo builds: install Rust 1.85 or newer from https://rustup.rs",
)


def require_oha(tell: Callable[[str], None], program: Path = PROGRAM) -> Path:
    """The path of oha, built if it is not there yet (a few minutes); raises BadInput with what that lacks."""
    if program.is_file():
        return program
    if why := lacks(BUILD):
        raise BadInput(f"oha cannot be built: {why}")
    tell(f"building oha {VERSION}, once; this takes a few minutes: {BUILD.command}")
    if why := failure_of(BUILD.command):
        raise BadInput(f"oha cannot be built: {why}")
    return program


POLL = 0.02
PATIENCE = 2.0  # times the seconds of a run after which oha is told to stop: the server cannot keep up
GRACE = 10.0  # seconds that it has to do so
OVERDUE = "aborted due to deadline"


class Summary(msgspec.Struct, rename="camel"):
    """Of oha's JSON."""

    total: float
    slowest: float | None = None
    total_data: int = 0


class Said(msgspec.Struct, rename="camel"):
    """What oha says at its end, in seconds; null where nothing was answered."""

    summary: Summary
    latency_percentiles: dict[str, float | None]
    status_code_distribution: dict[str, int]
    error_distribution: dict[str, int]


def require_one_request(contract: Contract) -> None:
    """Raise BadInput for a workload that oha cannot send."""
    workload = contract.workload
    if len(contract.asked) > 1 or workload.pipelining > 1 or workload.requests_per_connection:
        raise BadInput(
            f"RATE= sends one request over and over, which is not the workload {workload.name}: try WORKLOAD=headers,"
            " or omit it"
        )


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
        files = folder / "said.json", folder / "answers.sqlite"
        point.client_cpu_ns = _drive(program, server, point, seconds, folder, files)
        said = _read(files[0], server)
        point.late = _late(files[1])
    if before:
        point.cores = len(cores)
        point.server_cpu_ns = at_rest(server).cpu_ns - before.cpu_ns
    _note(point, said, server, size)


def _body_size(server: Server) -> int | None:
    """The size of the body of a right answer; None where it varies. Raises ServerFault."""
    try:
        answer = check_asked(server.contract, server.layer, server.host, server.port)[0]
    except (Broken, OSError) as error:
        raise ServerFault(server.layer.name, f"answered wrongly before a rate: {error}") from None
    return len(answer.body) if server.layer.answer == "bytes" else None


def _drive(
    program: Path, server: Server, point: Rated, seconds: int, folder: Path, files: tuple[Path, Path]
) -> int | None:
    """Run oha to its end; returns its CPU time in ns, or None where it had to be stopped."""
    name, complaints = server.layer.name, folder / "complaints"
    deadline, cut = time.monotonic() + PATIENCE * seconds, False
    with complaints.open("w+b") as errors:
        with held():
            environment = {**os.environ, "TOKIO_WORKER_THREADS": "1"}
            child = guard().start(_command(program, server, point, seconds, folder, files), environment, stderr=errors)
        try:
            while child.wait(POLL) is None:
                server.require_alive("died under load")
                if time.monotonic() > deadline and not cut:
                    cut, deadline = True, time.monotonic() + GRACE
                    child.kill(signal.SIGINT)  # it then says what it has until now
                elif time.monotonic() > deadline:
                    raise ServerFault(name, f"kept oha for {GRACE:.0f} s after it was told to stop")
        finally:
            with held():
                if child.poll() is None:
                    child.kill()
                    child.wait(GRACE)
        if code := child.returncode:
            errors.seek(0)
            what = errors.read().decode(errors="replace").strip() or f"exit code {code}"
            raise WrkFault(f"oha, which loaded {name}, failed: {what}")
    return None if cut else child.cpu_ns


def _command(
    program: Path, server: Server, point: Rated, seconds: int, folder: Path, files: tuple[Path, Path]
) -> list[str]:
    """By time, not by number: with -n, oha 1.12 corrects latency only where it is not asked to."""
    request = server.contract.asked[0].request
    argv = [str(program), "--no-tui", "--output-format", "json", "-o", str(files[0]), "--db-url", str(files[1])]
    argv += ["-z", f"{seconds}s", "-w", "-q", f"{point.rate:.6g}", "-c", str(point.connections), "--latency-correction"]
    argv += ["--disable-compression", "-m", request.method]
    for name, value in request.headers:
        argv += ["-H", f"{name}: {value}"]
    if request.body:
        (folder / "body").write_text(request.body, encoding="utf-8")
        argv += ["-D", str(folder / "body")]
    return [*argv, server.url + request.path]


def _read(file: Path, server: Server) -> Said:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Said)
    except (OSError, msgspec.DecodeError) as error:
        raise WrkFault(f"oha gave no summary of {server.layer.name}: {error}") from None


def _late(file: Path) -> int | None:
    """How many answers were late, by oha's list of all of them; None where it was stopped before it wrote that."""
    if not file.exists():
        return None
    with contextlib.closing(sqlite3.connect(file)) as answers:
        found = answers.execute("SELECT count(*) FROM oha WHERE duration > ?", (LATE_MS / 1000,)).fetchone()
    return int(found[0])


def _note(point: Rated, said: Said, server: Server, size: int | None) -> None:
    """Write down what oha said, and hold the answers to the contract: their statuses, the size of their bodies."""
    asked = server.contract.asked[0]
    statuses = said.status_code_distribution
    expected = asked.expected(server.layer)
    good = sum(statuses.values()) if not expected else statuses.get(str(expected), 0)
    point.answered, point.seconds = sum(statuses.values()), said.summary.total
    point.errors = {kind: count for kind, count in said.error_distribution.items() if kind != OVERDUE}
    if good < point.answered:
        point.errors["status"] = point.answered - good
    percentiles = [said.latency_percentiles.get(key) for key in ("p50", "p90", "p99", "p99.9")]
    if point.answered and all(each is not None for each in (*percentiles, said.summary.slowest)):
        point.latency_us = Latency(*(round(1e6 * (each or 0)) for each in (*percentiles, said.summary.slowest)))
    if not point.answered:
        point.fault = "not one request was answered"
    elif size is not None and good == point.answered and (read := said.summary.total_data) != size * good:
        point.fault = f"oha read {read} bytes, expected {size} for each of {good} answers"


def sweep_rates(plan: Plan, record: Sweep, watch: Watch, program: Path, seconds: int) -> None:
    """Measure all layers at each of the record's rates, for so many seconds each, by the oha at this path."""
    sweeper = Sweeper(plan, record, watch)
    for layer in sweeper.layers:
        with sweeper.server(layer) as server, record.row(layer.name).takes_faults():
            if server:
                _each(sweeper, layer, server, program, seconds)
    record.seconds = sweeper.seconds


def _each(sweeper: Sweeper, layer: Layer, server: Server, program: Path, seconds: int) -> None:
    """All rates for one layer; raises ServerFault, after which it is left out."""
    plan, record = sweeper.plan, sweeper.record
    able: float | None = None
    if any(asked.endswith("%") for asked in record.rates):
        sweeper.tell(f"{layer.name}: what it can do")
        with suppress(WrkFault):
            window = sweeper.window(server, plan.load.connections, plan.load.seconds)
            record.capacity.append(window)
            if window.fault:
                raise ServerFault(layer.name, f"cannot be loaded to find out what it can do: {window.fault}")
            able = window.rps
    for asked in record.rates:
        point = Rated(layer=layer.name, asked=asked, rate=0.0, connections=plan.load.connections)
        record.rated.append(point)
        rate = rate_of(asked, able)
        if rate is None or (why := sweeper.left_out()):
            point.fault = why if rate is not None else "wrk was ended from outside, so nobody knows what it can do"
            continue
        point.rate = rate
        sweeper.tell(f"{layer.name} at {rate:,.0f} requests/s for {seconds} s")
        try:
            rated(program, server, point, seconds, plan.lane)
            verify(server)
        except (WrkFault, ServerFault) as fault:
            point.fault = fault.message
            if isinstance(fault, ServerFault):
                raise
        sweeper.watch.keep()
