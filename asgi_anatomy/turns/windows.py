"""A running server -> a plain window: wrk with a core of its own for some seconds, as everybody runs it."""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from msgspec.structs import replace

from asgi_anatomy.errors import Broken, ServerFault
from asgi_anatomy.machine.cores import cores_for, on_core
from asgi_anatomy.machine.counters import Counters, grown, pin
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.signals import held
from asgi_anatomy.suite.conformance import Answer
from asgi_anatomy.turns.record import Load, Window, now
from asgi_anatomy.turns.wrk import Client, client_of, fault_of, unexpected

REST, STILL = 0.5, 500_000  # seconds until a server is taken to be done, nanoseconds of CPU time in 10 ms when it is
WARM_UP = 0.15  # seconds of load before a server's first window: hundreds of requests
SLOW = 0.01  # seconds: a server whose answer takes longer is not at rest when its client stops
ANSWERS = 3  # a window of such a server holds so many of its answers, one after another


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
    """Load a server for a moment; not one that is slow, which would still have all of that to do."""
    if server.slowest <= SLOW:
        with driven(server, replace(load, seconds=60), lane):
            time.sleep(WARM_UP)


def take(
    server: Server,
    load: Load,
    lane: Lane | None,
    round_: int,
    observed: AbstractContextManager[object] | None = None,
    left: float = math.inf,
) -> Window:
    """Drive a server for one window, longer where it is slow. `observed` is entered and left with the load; `left` is
    how many seconds it may have after that for what is still queued.

    Raises ServerFault where it has died or does not answer any more, WrkFault where wrk was killed or halted.
    """
    seconds = max(load.seconds, math.ceil(ANSWERS * server.slowest))
    load = replace(load, seconds=seconds, timeout=max(load.timeout, seconds + 1))
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
    if server.slowest > SLOW or not summary.requests:
        window.unanswered += len(verify(server, client.unanswered, left))
    if before:
        after = at_rest(server)
        window.server_cpu_ns = None if server.meter.unknown else grown(before.cpu_ns, after.cpu_ns)
        window.switches = grown(before.switches, after.switches)
        window.user_ns, window.system_ns = (
            grown(before.user_ns, after.user_ns),
            grown(before.system_ns, after.system_ns),
        )
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


def verify(server: Server, queued: int = 0, left: float = math.inf) -> list[Answer]:
    """Hold a server to its workload once more, after what is queued, in no more seconds than are left.

    Returns its answers; raises ServerFault where there is none, or another one.
    """
    name, limit, budget = server.layer.name, server.limit(queued), max(server.limit(), left)
    seconds = min(limit, budget)
    try:
        return server.ask(seconds)
    except TimeoutError:
        others = f", with {queued:,} queued: try fewer CONNECTIONS" if queued else ""
        more = ", or a longer BUDGET" if budget < limit else ""
        raise ServerFault(name, f"was not answered within {seconds:.3g} s{others}{more}", server.printed()) from None
    except (Broken, OSError) as error:
        raise ServerFault(name, f"answered wrongly after it was loaded: {error}", server.printed()) from None
