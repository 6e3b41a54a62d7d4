"""Layers with more and more connections, and after many requests: each point on a server started for it.

First the connections are opened one after another, each asked once and then left open: how many a server holds, and
what they take. wrk cannot do that: it opens all of them at once and loads the first while the last still wait to be
accepted. Then wrk loads the server with as many.
"""

import errno
import math
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from msgspec.structs import replace

from asgi_anatomy.errors import Broken, ServerFault, WrkFault
from asgi_anatomy.machine.connections import backlog, limits, obstacle, overflows
from asgi_anatomy.machine.cores import on_core, quota
from asgi_anatomy.machine.counters import family, grown
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite.conformance import receive
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.sweep.record import Held, Memory, Sweep
from asgi_anatomy.turns.plan import Plan, Watch
from asgi_anatomy.turns.record import Window
from asgi_anatomy.turns.run import servers_of
from asgi_anatomy.turns.windows import take, verify, warm_up

TIMEOUT = 5.0  # seconds that a connection, and an answer, may take
GIVE_UP = 10
"""Connections that fail in a row, after which no more are tried."""


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


KINDS = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.EMFILE: "open files"}


def sweep_connections(plan: Plan, record: Sweep, watch: Watch, typed: int | None) -> None:
    """Measure all layers with each number of connections, then their memory after many requests.

    `typed` is the length of a window in seconds; None: as long as the connections need.
    """
    sweeper = Sweeper(plan, record, watch)
    for connections in record.connections:
        for layer in sweeper.layers:
            sweeper.measure(layer, connections, typed)
    for layer in sweeper.layers:
        sweeper.many(layer)
    record.seconds = sweeper.seconds


class Sweeper:
    """One sweep into its record; `layers` are measured, one server at a time."""

    def __init__(self, plan: Plan, record: Sweep, watch: Watch) -> None:
        self.plan = plan
        self.record = record
        self.watch = watch
        self.began = time.monotonic()
        self.checked: set[str] = set()
        self.rps: dict[str, float] = {}
        record.quota = quota()
        record.backlog = backlog()

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
        with servers_of([layer], self.plan, self.record, layer.name not in self.checked) as started:
            self.checked.add(layer.name)
            server = started.get(layer.name)
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
        timer = threading.Timer(max(0.1, seconds - EARLY), look)
        window = take(server, load, self.plan.lane, 0, observed=_running(timer))
        self.rps[server.layer.name] = max(window.rps, self.rps.get(server.layer.name, 0.0))
        return window

    def measure(self, layer: Layer, connections: int, typed: int | None) -> None:
        """Measure a layer with so many connections."""
        point = Held(layer=layer.name, connections=connections)
        self.record.held.append(point)
        point.limit = obstacle(connections, limits()) or self.left_out()
        if point.limit:
            return
        seconds = typed or self.long_enough(layer, connections)
        self.tell(f"{layer.name} with {connections:,} connections for {seconds} s")
        with self.server(layer) as server, self.record.row(layer.name).takes_faults():
            if not server:
                return
            try:
                self._measure(server, point, seconds)
            except WrkFault as fault:
                point.limit = fault.message
            except ServerFault as fault:
                point.fault = fault.message
                raise

    def _measure(self, server: Server, point: Held, seconds: int) -> None:
        """First without load, then under wrk."""
        pinned = self.plan.lane is not None  # else nothing is known of the server's memory and CPU time
        before = _settled(server)

        def read_memory() -> None:
            point.open_bytes = server.meter.read().rss_bytes if pinned else None

        def count_opened() -> None:
            if before:
                point.opened = min(point.connections, max(0, _open_files(server) - before))

        if not server.contract.workload.requests_per_connection:
            point.before_bytes = server.meter.read().rss_bytes if pinned else None
            hold(server, point, self.plan.lane, read_memory)
            _settled(server, before)
        turned_away, spent = overflows(), server.meter.read().cpu_ns if pinned else 0
        point.window = self.window(server, point.connections, seconds, count_opened)
        if turned_away is not None:
            point.overflows = max(0, (overflows() or 0) - turned_away)
        _settled(server, before)
        if pinned:  # what was in flight at the end counts as answered, so let it be answered
            point.window.server_cpu_ns = grown(spent, server.meter.read().cpu_ns)
        verify(server)

    def long_enough(self, layer: Layer, connections: int) -> int:
        """Seconds in which each connection should get enough answers."""
        rps = self.rps.get(layer.name) or UNKNOWN
        needed = math.ceil(ANSWERS * connections / rps + connections / OPENED)
        return min(LONGEST, max(self.plan.load.seconds, needed))

    def many(self, layer: Layer) -> None:
        """Read a layer's memory after many requests, or as many as it answers in a minute."""
        if self.left_out():
            return
        self.tell(f"{layer.name}: memory after {MANY:,} requests")
        with self.server(layer) as server:
            if not server:
                return
            memory = Memory(layer=layer.name, requests=0, start_bytes=server.start_bytes)
            until = time.monotonic() + PATIENCE
            with self.record.row(layer.name).takes_faults(), suppress(WrkFault):
                while memory.requests < MANY and time.monotonic() < until:
                    rate = self.rps.get(layer.name, 0.0)
                    left = math.ceil((MANY - memory.requests) / rate) if rate else 1
                    seconds = max(1, min(left, math.ceil(until - time.monotonic()), LONGEST))
                    window = self.window(server, self.plan.load.connections, seconds)
                    if window.fault:
                        raise ServerFault(layer.name, f"{memory.requests} requests before it: {window.fault}")
                    memory.requests += window.requests
                    memory.end_bytes = window.rss_bytes
            if memory.requests:
                self.record.served.append(memory)


def hold(server: Server, point: Held, lane: Lane | None, read: Callable[[], None]) -> None:
    """Open a point's connections, and call `read` while they are open.

    Writes down how many are open at the end, and what went wrong with the others, by kind.
    """
    asked = server.contract.asked[0]
    wire, status = asked.wire(), asked.expected(server.layer)
    streams: list[socket.socket] = []
    failed: Counter[str] = Counter()
    in_a_row, deadline = 0, time.monotonic() + HOLDING
    try:
        with on_core(lane.client if lane else None):
            for _ in range(point.connections):
                if in_a_row >= GIVE_UP or time.monotonic() >= deadline:
                    break
                if why := _open(server, wire, status, streams):
                    failed[why] += 1
                in_a_row = in_a_row + 1 if why else 0
            point.kept = sum(map(_is_open, streams))
            read()
    finally:
        for stream in streams:
            stream.close()
    left = point.connections - len(streams) - failed.total()
    failed["closed"] += len(streams) - point.kept
    failed["not tried"] = left
    point.lost = {kind: count for kind, count in failed.items() if count}


def _open(server: Server, wire: bytes, status: int, streams: list[socket.socket]) -> str:
    """Open one connection and have a request answered on it: what went wrong, in a word or two, or an empty string."""
    try:
        stream = socket.create_connection((server.host, server.port), TIMEOUT)
    except OSError as error:
        return _kind(error)
    try:
        stream.sendall(wire)
        answer = receive(stream)
        why = "" if answer.status == (status or answer.status) != 0 else "wrong answer"
    except Broken:
        why = "wrong answer"
    except OSError as error:
        why = _kind(error)
    if why:
        stream.close()
    else:
        streams.append(stream)
    return why


def _kind(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    number = error.errno or 0
    return KINDS.get(number) or errno.errorcode.get(number) or "other"


def _is_open(stream: socket.socket) -> bool:
    """Whether the server has not closed it."""
    stream.setblocking(False)
    try:
        return bool(stream.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


@contextmanager
def _running(timer: threading.Timer) -> Iterator[None]:
    """A timer that runs meanwhile, and not longer."""
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _settled(server: Server, wanted: int | None = None) -> int:
    """Wait until a server has closed its side of connections that are gone; returns how many files it has open.

    That is until it has as few as are wanted, or their number no longer changes.
    """
    deadline, steady, last = time.monotonic() + CLOSING, 0, _open_files(server)
    looks = STEADY if wanted is None else 10 * STEADY  # it may be busy with what is in flight
    while steady < looks and not (wanted is not None and last <= wanted) and time.monotonic() < deadline:
        server.require_alive("died when its connections were closed")
        time.sleep(0.05)
        last, before = _open_files(server), last
        steady = steady + 1 if last == before else 0
    return last


def _open_files(server: Server) -> int:
    """How many files, connections included, a server's processes have open; 0 where that cannot be read."""
    count = 0
    for pid in family(server.process.pid):
        with suppress(OSError):
            count += len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 (quicker, and a path is made from none of them)
    return count
