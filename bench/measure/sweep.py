"""Layers with more and more connections, and after many requests: each point on a server started for it."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from msgspec.structs import replace

from bench.data.errors import ServerFault, WrkFault
from bench.data.layers import Layer
from bench.data.plan import Plan, Watch
from bench.data.sweep import Held, Served, Sweep
from bench.data.window import Window
from bench.host import counters, limits, quota
from bench.host.server import Server
from bench.measure.hold import hold
from bench.measure.round import servers_of
from bench.measure.window import take, verify, warm_up

ANSWERS = 5
"""A window is so long that each connection gets as many answers, if the server is as fast as before."""
UNKNOWN = 1_000
"""Requests per second that a layer is taken to answer before its first window has shown it."""
OPENED = 2_000
"""Connections that wrk has opened and a server accepted per second, at least: a window is so much longer."""
LONGEST = 30
"""Seconds: no window is longer, unless SECONDS= says so."""
EARLY = 0.3
"""Seconds before the end of a window at which the connections are counted and memory is read."""
WARM = 16
"""Connections with which a server is warmed up, so that what it loads or caches once is not taken for theirs."""
HOLDING = 50.0
"""Seconds in which connections are opened: servers close those on which nothing happens for longer."""
CLOSING = 30.0
"""Seconds that a server has to answer what is in flight, and to notice that connections are closed."""
STEADY = 4
"""Looks, 50 ms apart, that find the same number of open files."""
MANY = 100_000
"""Requests after which memory is read."""
PATIENCE = 60.0
"""Seconds that these may take."""


class Sweeper:
    """One sweep into its record; `layers` are measured, one server at a time."""

    def __init__(self, plan: Plan, record: Sweep, watch: Watch) -> None:
        self.plan = plan
        self.record = record
        self.watch = watch
        self.began = time.monotonic()
        self.checked: set[str] = set()
        self.rps: dict[str, float] = {}
        record.quota = quota.quota()
        record.backlog = limits.backlog()

    @property
    def seconds(self) -> float:
        """Since the sweep began."""
        return time.monotonic() - self.began

    @property
    def layers(self) -> Sequence[Layer]:
        """Those without a fault."""
        return [layer for layer in self.plan.selection.layers if not self.record.row(layer.name).faults]

    def tell(self, what: str) -> None:
        """What happens next."""
        self.watch.tell(what, self.seconds)

    def left_out(self) -> str:
        """That there is no time for more, or an empty string."""
        spent = self.seconds >= self.plan.budget
        return f"BUDGET={self.plan.budget:g} was used up: try a longer one" if spent else ""

    @contextmanager
    def server(self, layer: Layer) -> Iterator[Server | None]:
        """A layer's server, warmed up; None where it has a fault, which is in its row."""
        warm = replace(self.plan.load, connections=min(WARM, self.plan.load.connections), threads=1)
        with servers_of([layer], self.plan, self.record, layer.name not in self.checked) as found:
            self.checked.add(layer.name)
            server = found.get(layer.name)
            if server:
                warm_up(server, warm, self.plan.lane)
            yield server
        self.record.seconds = self.seconds
        self.watch.keep()

    def window(self, server: Server, connections: int, seconds: int, look: Callable[[], None] = lambda: None) -> Window:
        """One window; raises ServerFault, or WrkFault. `look` is called while its connections are still open."""
        load = replace(
            self.plan.load,
            connections=connections,
            seconds=seconds,
            threads=min(self.plan.load.threads, connections),
            timeout=max(seconds, self.plan.load.timeout),
        )
        reading = threading.Timer(max(0.1, seconds - EARLY), look)
        found = take(server, load, self.plan.lane, 0, observed=ended(reading))
        self.rps[server.layer.name] = max(found.rps, self.rps.get(server.layer.name, 0.0))
        return found

    def hold(self, layer: Layer, connections: int, typed: int | None) -> None:
        """Measure a layer with so many connections."""
        point = Held(layer=layer.name, connections=connections)
        self.record.held.append(point)
        if why := limits.obstacle(connections, limits.limits()) or self.left_out():
            point.limit = why
            return
        seconds = typed or self.long_enough(layer, connections)
        self.tell(f"{layer.name} with {connections:,} connections for {seconds} s")
        with self.server(layer) as server:
            if server:
                with self.record.row(layer.name).takes_faults():
                    self._hold(server, point, seconds)

    def _hold(self, server: Server, point: Held, seconds: int) -> None:
        """First without load, then under wrk."""
        pid = server.process.pid
        before = settled(server)

        def read() -> None:
            if self.plan.lane:
                point.open_bytes = server.meter.read().rss_bytes

        def look() -> None:
            point.opened = min(point.connections, max(0, files(pid) - before))

        try:
            if not server.contract.workload.requests_per_connection:
                if self.plan.lane:
                    point.before_bytes = server.meter.read().rss_bytes
                hold(server, point, self.plan.lane, HOLDING, read)
                settled(server, before)
            turned_away, spent = limits.overflows(), server.meter.read().cpu_ns if self.plan.lane else 0
            point.window = self.window(server, point.connections, seconds, look if before else lambda: None)
            if turned_away is not None:
                point.overflows = max(0, (limits.overflows() or 0) - turned_away)
            settled(server, before)
            if self.plan.lane:  # what was in flight at the end counts as answered, so let it be answered
                point.window.server_cpu_ns = max(0, server.meter.read().cpu_ns - spent)
            verify(server)
        except WrkFault as fault:
            point.limit = fault.message
        except ServerFault as fault:
            point.limit = fault.message
            raise

    def long_enough(self, layer: Layer, connections: int) -> int:
        """Seconds in which each connection should get enough answers."""
        rps = self.rps.get(layer.name) or UNKNOWN
        wanted = math.ceil(ANSWERS * connections / rps + connections / OPENED)
        return min(LONGEST, max(self.plan.load.seconds, wanted))

    def many(self, layer: Layer) -> None:
        """Read a layer's memory after many requests, or as many as it answers in a minute."""
        connections = self.plan.load.connections
        if self.left_out():
            return
        self.tell(f"{layer.name}: memory after {MANY:,} requests")
        with self.server(layer) as server:
            if not server:
                return
            row = self.record.row(layer.name)
            point = Served(layer=layer.name, requests=0, start_bytes=server.start_bytes)
            until = time.monotonic() + PATIENCE
            with row.takes_faults(), suppress(WrkFault):
                while point.requests < MANY and time.monotonic() < until:
                    rate = self.rps.get(layer.name, 0.0)
                    left = math.ceil((MANY - point.requests) / rate) if rate else 1
                    seconds = max(1, min(left, math.ceil(until - time.monotonic()), LONGEST))
                    window = self.window(server, connections, seconds)
                    if window.fault:
                        raise ServerFault(layer.name, f"{point.requests} requests before it: {window.fault}")
                    point.requests += window.requests
                    point.end_bytes = window.rss_bytes
            if point.requests:
                self.record.served.append(point)


@contextmanager
def ended(timer: threading.Timer) -> Iterator[None]:
    """A timer that runs meanwhile, and not longer."""
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def settled(server: Server, wanted: int | None = None) -> int:
    """Wait until a server has closed its side of connections that are gone; returns how many files it has open.

    That is until it has as few as are wanted, or their number no longer changes.
    """
    deadline, steady, last = time.monotonic() + CLOSING, 0, files(server.process.pid)
    looks = STEADY if wanted is None else 10 * STEADY  # it may be busy with what is in flight
    while steady < looks and not (wanted is not None and last <= wanted) and time.monotonic() < deadline:
        server.require_alive("died when its connections were closed")
        time.sleep(0.05)
        last, before = files(server.process.pid), last
        steady = steady + 1 if last == before else 0
    return last


def files(pid: int) -> int:
    """How many files, connections included, a server's processes have open; 0 where that cannot be read."""
    found = 0
    for each in counters.family(pid):
        with suppress(OSError):
            found += len(os.listdir(f"/proc/{each}/fd"))  # noqa: PTH208 (quicker, and a path is made from none of them)
    return found


def sweep_connections(plan: Plan, record: Sweep, watch: Watch, typed: int | None) -> None:
    """Measure all layers with each number of connections, then their memory after many requests.

    `typed` is the length of a window in seconds; None: as long as the connections need.
    """
    sweeper = Sweeper(plan, record, watch)
    for connections in record.connections:
        for layer in sweeper.layers:
            sweeper.hold(layer, connections, typed)
    for layer in sweeper.layers:
        sweeper.many(layer)
    record.seconds = sweeper.seconds
