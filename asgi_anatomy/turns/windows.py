"""A running server -> a plain window: wrk with a core of its own for some seconds, as everybody runs it."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from msgspec.structs import replace

from asgi_anatomy.errors import Broken, ServerFault
from asgi_anatomy.machine.cores import cores_for, on_core
from asgi_anatomy.machine.counters import Counters, pin
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.signals import held
from asgi_anatomy.suite.conformance import check_asked
from asgi_anatomy.turns.record import Load, Window, now
from asgi_anatomy.turns.wrk import Client, client_of, fault_of, unexpected

REST, STILL = 0.5, 500_000  # seconds until a server is taken to be done, nanoseconds of CPU time in 10 ms when it is
WARM_UP = 0.15  # seconds of load before a server's first window: hundreds of requests


@contextmanager
def driven(server: Server, load: Load, lane: Lane | None = None) -> Iterator[Client]:
    """A client that loads a server, from the lane's other core; it has ended on leaving."""
    with on_core(lane.client if lane else None):
        with held():
            client = client_of(server, load)
        try:
            yield client
        finally:
            client.stop()


def warm_up(server: Server, load: Load, lane: Lane | None) -> None:
    """Load a server for a moment."""
    with driven(server, replace(load, seconds=60), lane):
        time.sleep(WARM_UP)


def take(
    server: Server,
    load: Load,
    lane: Lane | None,
    round_: int,
    observed: AbstractContextManager[object] | None = None,
) -> Window:
    """Drive a server for one window. `observed` is entered and left with the load.

    Raises ServerFault where it has died, WrkFault where wrk was killed or halted.
    """
    cores = cores_for(lane, server.layer.workers) if lane else {0}
    server.require_alive("died")
    if lane:
        server.meter.look()
        pin(server.meter.known, cores)
    start, before = now(), server.meter.read() if lane else None
    with observed or nullcontext(), driven(server, load, lane) as client:
        summary = client.finish()
    window = Window(
        layer=server.layer.name,
        round=round_,
        start=start,
        requests=summary.requests,
        duration_us=summary.duration_us,
        bytes=summary.bytes,
        errors=unexpected(summary, server),
        latency_us=summary.latency_us,
        unanswered=client.unanswered,
        statuses=summary.statuses,
        cores=len(cores),
        client_cpu_ns=client.cpu_ns,
        client_sleeps=client.sleeps,
        fault=fault_of(summary, server, client.unanswered),
    )
    if before:
        after = at_rest(server)
        spent = after.cpu_ns - before.cpu_ns
        window.server_cpu_ns = spent if spent >= 0 else None
        window.switches = max(0, after.switches - before.switches)
        window.peak_bytes = after.peak_bytes
        window.rss_bytes = after.rss_bytes
    return window


def at_rest(server: Server) -> Counters:
    """The counters of a server once it has done what it had to do when its client stopped."""
    deadline = time.monotonic() + REST
    before, after = None, server.meter.read()
    while (before is None or after.cpu_ns - before.cpu_ns > STILL) and time.monotonic() < deadline:
        time.sleep(0.01)
        before, after = after, server.meter.read()
    return after


def verify(server: Server) -> None:
    """Hold a server to its workload once more; raises ServerFault where it answers something else."""
    try:
        check_asked(server.contract, server.layer, server.host, server.port)
    except (Broken, OSError) as error:
        raise ServerFault(server.layer.name, f"answered wrongly after a round: {error}", server.printed()) from None
