"""The instrument: running servers, each with a client of its own, take turns on one core.

Nothing sleeps while it is measured, so the server never pays for waking its client: both run on one core with the
policy SCHED_BATCH, and work through all open connections at a time. docs/METHOD.md has the measurements behind that.
"""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from asgi_anatomy.errors import BadInput, ServerFault, WrkFault
from asgi_anatomy.machine.cores import on_core
from asgi_anatomy.machine.counters import pin, runs
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.machine.programs import last_line, run, scratch
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.signals import held
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.plan import Plan
from asgi_anatomy.turns.record import Instance, Load, Turn
from asgi_anatomy.turns.wrk import ClientCounters, Loop, Wrk, fault_of, unexpected

Client = Wrk | Loop

WARM_UP = 0.04
"""Seconds of load for each server before its first turn, all at once."""
LOOK, REST = 0.0007, 1.0
"""Seconds between two looks at whether a server is at rest, and the most that it gets for that."""
COMPILING = 60.0
"""Seconds that the C compiler gets."""
IDLE = 0.3
"""Seconds of a round for which nobody asks anything."""


class Seat:
    """A running server and its client, and what was read of them at the end of their last turn."""

    def __init__(self, server: Server, load: Load, preload: Path | None = None) -> None:
        self.server = server
        loop = server.layer.loop
        self.client: Client = Loop(server, load, turns=True) if loop else Wrk(server, load, turns=True, preload=preload)
        self.instance = Instance(layer=server.layer.name, cpu_from="group" if server.meter.group else "clocks")
        self.last: tuple[float, int, int, ClientCounters] | None = None

    @property
    def name(self) -> str:
        """The layer's."""
        return self.server.layer.name

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

    def turn(self, seconds: float) -> tuple[int, int]:
        """Have the core for so long; returns what of it passed, and the time since the last turn ended, in µs."""
        begin = time.monotonic()
        self.client.resume(seconds)
        if isinstance(self.client, Wrk):
            time.sleep(seconds)
        self.pause()
        end = time.monotonic()
        return round((end - begin) * 1e6), round((end - (self.last[0] if self.last else begin)) * 1e6)

    def read(self) -> None:
        """Keep what the counters are now, as the end of a turn; raises ServerFault, or WrkFault."""
        self.server.require_alive("died under load")
        meter = self.server.meter
        if meter.look() and self.instance.cpu_from == "clocks":
            self.instance.cpu_from = "waited"
        self.last = time.monotonic(), meter.cpu_ns(), meter.sleeps(), self.client.read()

    def counted(self, cycle: int, at: float, seconds: float) -> Turn:
        """Take a turn, and count what happened since the last one ended; raises ServerFault, or WrkFault."""
        begin, before = time.monotonic(), self.last
        assert before
        wall, span = self.turn(seconds)
        self.read()
        assert self.last
        cpu = self.last[1] - before[1]
        return Turn(
            layer=self.name,
            cycle=cycle,
            at_us=round((begin - at) * 1e6),
            wall_us=wall,
            span_us=span,
            cpu_ns=cpu if cpu >= 0 else None,
            bytes=self.last[3].bytes - before[3].bytes,
            client_cpu_ns=self.last[3].cpu_ns - before[3].cpu_ns,
            sleeps=max(0, self.last[2] - before[2]),
            client_sleeps=self.last[3].sleeps - before[3].sleeps,
        )

    def finish(self) -> None:
        """Ask the client, which was told to end, what it counted."""
        summary, server = self.client.finish(), self.server
        mine = self.instance
        mine.requests, mine.bytes, mine.statuses = summary.requests, summary.bytes, summary.statuses
        mine.errors = unexpected(summary, server)
        mine.fault = mine.fault or fault_of(summary, server, self.client.unanswered)


class Table:
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
        """Those without a fault."""
        return [seat for seat in self.seats if not seat.instance.fault]

    @contextmanager
    def at(self, seat: Seat) -> Iterator[None]:
        """Write what goes wrong with a seat into its instance."""
        try:
            yield
        except (ServerFault, WrkFault) as fault:
            seat.instance.fault = fault.message
            if isinstance(fault, ServerFault):
                self.faults.append(fault)

    def cycle(self, counted: bool = True) -> None:
        """One turn of each, in a random order."""
        for seat in random.sample(self.live, len(self.live)):
            with self.at(seat):
                if counted:
                    self.turns.append(seat.counted(self.cycles, self.began, self.seconds))
                else:
                    seat.turn(self.seconds)
                    seat.read()
        self.cycles += counted

    def idle(self) -> None:
        """Count what each server does while nobody asks it anything."""
        before = {seat.name: (time.monotonic(), seat.server.meter.cpu_ns()) for seat in self.live}
        time.sleep(IDLE)
        for seat in self.live:
            begin, spent = before[seat.name]
            seat.instance.idle_us = round((time.monotonic() - begin) * 1e6)
            seat.instance.idle_cpu_ns = max(0, seat.server.meter.cpu_ns() - spent)
            seat.instance.end_bytes = seat.server.meter.read().rss_bytes


def awake(folder: Path) -> Path:
    """The library that keeps a wrk awake, compiled into a folder; raises BadInput where that cannot be done."""
    library = folder / "awake.so"
    argv = ["cc", "-O2", "-shared", "-fPIC", str(ROOT / "scripts" / "awake.c"), "-o", str(library), "-ldl"]
    try:
        code, said = run(argv, COMPILING)
    except OSError as error:
        raise BadInput(f"a wrk that stays awake needs a C compiler: cc: {error.strerror}") from None
    if code:
        raise BadInput(f"a wrk that stays awake cannot be compiled: {last_line(said)}")
    return library


@contextmanager
def seated(servers: Sequence[Server], plan: Plan, lane: Lane) -> Iterator[Table]:
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
                seats += [Seat(server, plan.load, preload) for server in servers]
            for seat in seats:
                if isinstance(seat.client, Wrk) and not apart:
                    pin([seat.client.process.pid], core, batch=True)
            table = Table(seats, plan.turn)
            time.sleep(WARM_UP * len(seats))
            for seat in seats:
                if isinstance(seat.client, Wrk):
                    seat.client.pause()
            for seat in seats:
                with table.at(seat):
                    if isinstance(seat.client, Wrk):
                        seat.pause()
            table.cycle(counted=False)
            table.began = time.monotonic()
            yield table
            for seat in seats:
                seat.client.end()
            for seat in seats:
                with table.at(seat):
                    seat.finish()
        finally:
            with held():  # a signal between two would leave the second
                for seat in seats:
                    seat.client.stop()
            for server in servers:
                pin(server.meter.known, core)
