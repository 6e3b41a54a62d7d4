"""A running server -> what it answers at a fixed rate, by oha.

Latency is counted from when a request was due, so that a server which answers nothing for a second has a second's worth
of late answers (no coordinated omission). What is still waiting for a connection at the end is not sent: it is counted.
"""

import contextlib
import os
import signal
import sqlite3
import time
from pathlib import Path

import msgspec

from bench.data.contract import Contract
from bench.data.errors import BadInput, Broken, ServerFault, WrkFault
from bench.data.load import Latency
from bench.data.machine import Lane
from bench.data.sweep import LATE_MS, Rated
from bench.host.conformance import check_asked
from bench.host.cores import cores_for, on_core
from bench.host.counters import pin
from bench.host.guards import guard
from bench.host.programs import scratch
from bench.host.server import Server
from bench.host.signals import held
from bench.measure.window import at_rest

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
