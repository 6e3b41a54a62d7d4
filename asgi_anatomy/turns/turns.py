"""The instrument: running servers, each with a client of its own, take turns on one core.

Nothing sleeps while it is measured, so the server never pays for waking its client: both run on one core with the
policy SCHED_BATCH, and work through all open connections at a time. docs/METHOD.md has the measurements behind that.
"""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from asgi_anatomy.errors import BadInput, ServerFault, WrkFault
from asgi_anatomy.machine.cores import on_core
from asgi_anatomy.machine.counters import grown, idle_seconds, pin, runs
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.machine.programs import last_line, run, scratch
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.signals import held
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.plan import Plan
from asgi_anatomy.turns.record import Instance, Load, Turn
from asgi_anatomy.turns.wrk import ClientCounters, client_of, fault_of, unexpected

WARM_UP = 0.04
"""Seconds of load for each server before its first turn, all at the same time."""
LOOK, REST = 0.0007, 1.0
"""Seconds between two looks at whether a server is at rest, and the most that it gets for that."""
COMPILING = 60.0
"""Seconds that the C compiler gets."""
UNKNOWN = "some of its processes ended, nobody waited for them, and so nobody knows their CPU time"
IDLE = 0.3
"""Seconds of a round for which nobody asks anything."""


class Reading(msgspec.Struct, frozen=True):
    """The counters of a server and its client at the end of a turn."""

    at: float
    cpu_ns: int
    sleeps: int
    client: ClientCounters


class Seat:
    """A running server and its client. `idle` is for how many seconds of its turns the core had nothing to do."""

    def __init__(self, server: Server, load: Load, core: int, preload: Path | None = None) -> None:
        self.server = server
        self.core, self.idle = core, 0.0
        self.name = server.layer.name
        self.client = client_of(server, load, turns=True, preload=preload)
        self.instance = Instance(
            layer=self.name, start_bytes=server.start_bytes, cpu_from="group" if server.meter.group else "clocks"
        )
        self.last: Reading | None = None
        self.split = (0, 0)

    def pause(self) -> None:
        """Stop the client, and wait until the server is at rest."""
        self.client.pause()
        meter, deadline = self.server.meter, time.monotonic() + REST
        before, now = -1, meter.clocks_ns()
        while (now != before or any(map(runs, meter.known))) and time.monotonic() < deadline:
            time.sleep(LOOK)
            if meter.group:  # it says quickly which processes there are: the children of a moment ago may work on
                meter.look()
            before, now = now, meter.clocks_ns()

    def turn(self, cycle: int, start: float, seconds: float) -> Turn | None:
        """Have the core for so long; returns what was counted since the last turn ended, None for the first.

        Raises ServerFault, or WrkFault.
        """
        idle = idle_seconds(self.core)
        begin, before = time.monotonic(), self.last
        self.client.run(seconds)
        self.pause()
        end, meter = time.monotonic(), self.server.meter
        self.idle += idle_seconds(self.core) - idle if before else 0.0
        self.server.require_alive("died under load")
        ended, waited = meter.look(), meter.waited
        after = self.last = Reading(time.monotonic(), meter.cpu_ns(), meter.sleeps(), self.client.read())
        if (ended or (before and meter.waited > waited)) and self.instance.cpu_from == "clocks":
            self.instance.cpu_from = "waited"
        if not before:
            return None
        return Turn(
            layer=self.name,
            cycle=cycle,
            at_us=round((begin - start) * 1e6),
            wall_us=round((end - begin) * 1e6),
            span_us=round((end - before.at) * 1e6),
            cpu_ns=grown(before.cpu_ns, after.cpu_ns),
            bytes=after.client.bytes - before.client.bytes,
            client_cpu_ns=after.client.cpu_ns - before.client.cpu_ns,
            sleeps=grown(before.sleeps, after.sleeps),
            client_sleeps=after.client.sleeps - before.client.sleeps,
        )

    def count_split(self) -> None:
        """Take the server's time in user space and in the kernel since `split` was read."""
        self.instance.user_ns, self.instance.system_ns = map(grown, self.split, self.server.meter.split_ns())

    def finish(self) -> None:
        """Take what the client counted, once it was told to end."""
        summary, server, instance = self.client.finish(), self.server, self.instance
        instance.requests, instance.bytes, instance.statuses = summary.requests, summary.bytes, summary.statuses
        instance.errors = unexpected(summary, server)
        unknown = UNKNOWN if server.meter.unknown else None
        instance.fault = instance.fault or fault_of(summary, server, self.client.unanswered) or unknown


class Seats:
    """The seats of one round. What goes wrong with one is written into its instance, and the others go on."""

    def __init__(self, seats: list[Seat], seconds: float) -> None:
        self.seats = seats
        self.seconds = seconds
        self.turns: list[Turn] = []
        self.cycles = 0
        self.began = time.monotonic()
        self.faults: list[ServerFault] = []

    @property
    def live(self) -> list[Seat]:
        """The seats without a fault."""
        return [seat for seat in self.seats if not seat.instance.fault]

    @contextmanager
    def takes_faults(self, seat: Seat) -> Iterator[None]:
        """Write what goes wrong with a seat into its instance."""
        try:
            yield
        except (ServerFault, WrkFault) as fault:
            seat.instance.fault = fault.message
            if isinstance(fault, ServerFault):
                self.faults.append(fault)

    def begin(self) -> None:
        """Let all servers come to rest after their warm-up, and have one turn each that is not counted."""
        for seat in self.seats:
            with self.takes_faults(seat):
                seat.pause()
        self.cycle()
        for seat in self.live:
            seat.split = seat.server.meter.split_ns()
        self.cycles, self.began = 0, time.monotonic()

    def cycle(self) -> None:
        """One turn of each, in a random order."""
        for seat in random.sample(self.live, len(self.live)):
            with self.takes_faults(seat):
                if turn := seat.turn(self.cycles, self.began, self.seconds):
                    self.turns.append(turn)
        self.cycles += 1

    def idle(self) -> None:
        """Count what each server does while nobody asks it anything, once it is known how it divided its turns."""
        for seat in self.live:
            seat.count_split()
        before = {seat.name: (time.monotonic(), seat.server.meter.cpu_ns()) for seat in self.live}
        time.sleep(IDLE)
        for seat in self.live:
            begin, spent = before[seat.name]
            seat.instance.idle_us = round((time.monotonic() - begin) * 1e6)
            seat.instance.idle_cpu_ns = grown(spent, seat.server.meter.cpu_ns())
            seat.instance.end_bytes = seat.server.meter.read().rss_bytes


def awake(folder: Path) -> Path:
    """The library that keeps a wrk awake, compiled into a folder; raises BadInput where that cannot be done."""
    library = folder / "awake.so"
    argv = ["cc", "-O2", "-shared", "-fPIC", str(ROOT / "scripts" / "awake.c"), "-o", str(library), "-ldl"]
    try:
        code, output = run(argv, COMPILING)
    except OSError as error:
        raise BadInput(f"a wrk that stays awake needs a C compiler: cc: {error.strerror}") from None
    if code:
        raise BadInput(f"a wrk that stays awake cannot be compiled: {last_line(output)}")
    return library


@contextmanager
def seated(servers: Sequence[Server], plan: Plan, lane: Lane) -> Iterator[Seats]:
    """The servers with their clients, all on the lane's core and warmed up; on leaving, what was counted is known.

    This thread is on the lane's other core meanwhile, if there is one.
    """
    seats: list[Seat] = []
    core, apart = {lane.server}, plan.client != "same"
    with scratch() as folder, on_core(lane.client):
        preload = awake(folder) if plan.client == "awake" else None
        try:
            for server in servers:
                server.meter.look()
                pin(server.meter.known, core, batch=not apart)
            with held(), on_core(lane.client if apart else lane.server):
                seats += [Seat(server, plan.load, lane.server, preload) for server in servers]
            if not apart:
                for seat in seats:
                    pin(seat.client.pids, core, batch=True)
            table = Seats(seats, plan.turn)
            time.sleep(WARM_UP * len(seats))
            for seat in seats:
                seat.client.pause()
            table.begin()
            yield table
            for seat in seats:
                seat.client.end()
            for seat in seats:
                with table.takes_faults(seat):
                    seat.finish()
        finally:
            with held():  # a signal between two would leave the second
                for seat in seats:
                    seat.client.stop()
            for server in servers:
                pin(server.meter.known, core)
