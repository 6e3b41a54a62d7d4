"""Running servers -> windows: one server that has its core alone, or two of them side by side on one core."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from msgspec.structs import replace

from bench.data.errors import Broken, ServerFault, WrkFault
from bench.data.load import Load
from bench.data.machine import Lane
from bench.data.record import now
from bench.data.window import Window
from bench.host import counters, quota
from bench.host.conformance import check_asked
from bench.host.cores import cores_for, on_core, settle
from bench.host.counters import Counters
from bench.host.server import Server
from bench.host.signals import held
from bench.measure.answered import fault_of, unexpected
from bench.measure.endpoint_loop import Loop
from bench.measure.wrk import Wrk

Driver = Wrk | Loop

IDLE = 0.01  # share of its core below which a server that answers requests cannot be the one that does the work
REST, STILL = 0.5, 500_000  # seconds until a server is taken to be done, nanoseconds of CPU time in 10 ms when it is
WARM_UP = 0.15  # seconds of load for each server before its first window: hundreds of requests


def warm_up(servers: Sequence[Server], load: Load, lane: Lane | None) -> None:
    """Load all of them at once for a moment."""
    with on_core(lane.client if lane else None), driven(servers, replace(load, seconds=60)):
        time.sleep(WARM_UP * len(servers))


@contextmanager
def driven(servers: Sequence[Server], load: Load) -> Iterator[list[Driver]]:
    """A wrk for each server, started together; they have ended on leaving."""
    wrks: list[Driver] = []
    try:
        with held():
            wrks.extend(Loop(server, load) if server.layer.loop else Wrk(server, load) for server in servers)
        yield wrks
    finally:
        with held():  # a signal between two would leave the second
            for wrk in wrks:
                wrk.stop()


def take(
    servers: Sequence[Server],
    load: Load,
    lane: Lane | None,
    round_: int,
    number: int = 0,
    pair: str | None = None,
    observed: AbstractContextManager[object] | None = None,
) -> list[Window]:
    """Drive the servers at the same time for one window, each by a wrk of its own.

    `observed` is entered and left with the load. Returns a window for each; raises ServerFault where one has died,
    WrkFault where a wrk was killed or halted.
    """
    order = random.sample(servers, len(servers))  # who is first may matter: let it not be always the same
    cores = cores_for(lane, servers[0].layer.workers) if lane and len(servers) == 1 else None
    for server in order:
        server.require_alive("died")
    start, before = now(), {server: counters.read(server.process.pid) for server in order if lane}
    stolen, stopped = counters.steal_ns(lane.server) if lane else 0, quota.throttled()
    placed = spread(servers, lane, cores), on_core(lane.client if lane else None)
    with placed[0], placed[1], observed or nullcontext(), driven(order, load) as wrks:
        summaries = [wrk.finish() for wrk in wrks]
    stopped = quota.throttled() - stopped
    windows = []
    for server, wrk, summary in zip(order, wrks, summaries, strict=True):
        window = Window(
            layer=server.layer.name,
            pair=pair,
            take=number,
            round=round_,
            start=start,
            requests=summary.requests,
            duration_us=summary.duration_us,
            bytes=summary.bytes,
            errors=unexpected(summary, server),
            latency_us=summary.latency_us,
            unanswered=wrk.unanswered,
            statuses=summary.statuses,
            cores=len(cores or {0}),
            client_cpu_ns=wrk.cpu_ns,
            client_sleeps=wrk.sleeps,
            throttled=stopped,
            fault=fault_of(summary, server, wrk.unanswered),
        )
        if lane:
            after = at_rest(server)
            window.server_cpu_ns = after.cpu_ns - before[server].cpu_ns
            window.switches = after.switches - before[server].switches
            window.peak_bytes = after.peak_bytes
            window.rss_bytes = after.rss_bytes
            window.steal_ns = counters.steal_ns(lane.server) - stolen
            if not window.fault and not server.layer.waits and (window.busy or 0) < IDLE:
                window.fault = "its own processes used next to no CPU time: does another one do its work?"
        windows.append(window)
    return windows


def spoiled(servers: Sequence[Server], round_: int, number: int, pair: str | None, why: WrkFault) -> list[Window]:
    """What stands in the record for a window that could not be taken, though its servers are sound."""
    return [
        Window(
            layer=server.layer.name, pair=pair, take=number, round=round_, start=now(), requests=0, duration_us=0,
            fault=why.message,
        )
        for server in servers
    ]  # fmt: skip


@contextmanager
def spread(servers: Sequence[Server], lane: Lane | None, cores: set[int] | None) -> Iterator[None]:
    """Let the servers have more cores than the lane's one, where they are for more."""
    if not lane or not cores or len(cores) == 1:
        yield
        return
    for server in servers:
        settle(server.process.pid, lane, cores)
    try:
        yield
    finally:
        for server in servers:
            settle(server.process.pid, lane)


def at_rest(server: Server) -> Counters:
    """The counters of a server once it has done what it had to do when its client stopped."""
    deadline = time.monotonic() + REST
    before, now_ = None, counters.read(server.process.pid)
    while (before is None or now_.cpu_ns - before.cpu_ns > STILL) and time.monotonic() < deadline:
        time.sleep(0.01)
        before, now_ = now_, counters.read(server.process.pid)
    return now_


def verify(server: Server) -> None:
    """Hold a server to its workload once more; raises ServerFault where it answers something else."""
    try:
        answers = check_asked(server.contract, server.layer, server.host, server.port)
        for size, answer in zip(server.sizes, answers, strict=True):
            if size not in (None, len(answer.raw)):
                raise Broken(f"{len(answer.raw)} bytes, before it were {size}")
    except (Broken, OSError) as error:
        raise ServerFault(server.layer.name, f"answered wrongly after a window: {error}{server.last_lines()}") from None
