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
from asgi_anatomy.turns.wrk import Loop, Wrk, fault_of, unexpected

REST, STILL = 0.5, 500_000  # seconds until a server is taken to be done, nanoseconds of CPU time in 10 ms when it is
WARM_UP = 0.15  # seconds of load before a server's first window: hundreds of requests


def warm_up(server: Server, load: Load, lane: Lane | None) -> None:
    """Load a server for a moment."""
    with on_core(lane.client if lane else None), driven(server, replace(load, seconds=60)):
        time.sleep(WARM_UP)


@contextmanager
def driven(server: Server, load: Load) -> Iterator[Wrk | Loop]:
    """A wrk that loads a server; it has ended on leaving."""
    with held():
        wrk = (Loop if server.layer.loop else Wrk)(server, load)
    try:
        yield wrk
    finally:
        wrk.stop()


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
    with on_core(lane.client if lane else None), observed or nullcontext(), driven(server, load) as wrk:
        summary = wrk.finish()
    window = Window(
        layer=server.layer.name,
        round=round_,
        start=start,
        requests=summary.requests,
        duration_us=summary.duration_us,
        bytes=summary.bytes,
        errors=unexpected(summary, server),
        latency_us=summary.latency_us,
        unanswered=wrk.unanswered,
        statuses=summary.statuses,
        cores=len(cores),
        client_cpu_ns=wrk.cpu_ns,
        client_sleeps=wrk.sleeps,
        fault=fault_of(summary, server, wrk.unanswered),
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
    before, now_ = None, server.meter.read()
    while (before is None or now_.cpu_ns - before.cpu_ns > STILL) and time.monotonic() < deadline:
        time.sleep(0.01)
        before, now_ = now_, server.meter.read()
    return now_


def verify(server: Server) -> None:
    """Hold a server to its workload once more; raises ServerFault where it answers something else."""
    try:
        check_asked(server.contract, server.layer, server.host, server.port)
    except (Broken, OSError) as error:
        raise ServerFault(server.layer.name, f"answered wrongly after a round: {error}", server.printed()) from None
