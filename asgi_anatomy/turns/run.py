"""A run into its record, round by round: servers started and checked, turns, plain windows, servers stopped.

Whatever happens in between, what was measured is kept. A pair takes turns until it is clear which layer is slower, or
that neither is, or until the budget ends.
"""

import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from asgi_anatomy.errors import ServerFault, WrkFault
from asgi_anatomy.machine.cores import quota, throttled
from asgi_anatomy.machine.server import Server, stop_all
from asgi_anatomy.machine.signals import held
from asgi_anatomy.machine.versions import own_versions
from asgi_anatomy.suite.conformance import check
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.decay import ratio
from asgi_anatomy.turns.estimate import ROUNDS
from asgi_anatomy.turns.plan import Plan, Watch
from asgi_anatomy.turns.record import Layers, Measured, Pair, Round, Verdict, Window, now
from asgi_anatomy.turns.turns import Seats, seated
from asgi_anatomy.turns.verdict import LEVEL, LOOKS, judge
from asgi_anatomy.turns.windows import ANSWERS, SLOW, take, verify, warm_up

FIRST = 2.0
"""Seconds that a round is taken to need besides its turns, until one was timed."""
AGAIN = 0.1
"""Seconds: a server that takes longer is slow, whatever else went on while it started."""
FILLED = 0.5
"""Share of its turns below which a server and its client do not fill their core."""
NOTHING = 1000
"""Nanoseconds of CPU time for a request below which a server has not answered it: one system call takes as long."""


@contextmanager
def servers_of(layers: Sequence[Layer], plan: Plan, record: Layers, full: bool) -> Iterator[dict[str, Server]]:
    """The servers of all layers that work, by name; they have ended on leaving.

    With `full` they are checked against the whole contract, otherwise only with their request. A layer that fails gets
    a fault in its row and is left out of later rounds. All share one hash seed, drawn anew in each round, so that it
    favours no layer.
    """
    servers: list[Server] = []
    environment = {"PYTHONHASHSEED": str(random.randrange(2**32))}
    try:
        for place, layer in random.sample([*enumerate(layers)], len(layers)):
            row = record.row(layer.name)
            if not row.faults:
                with row.takes_faults(), held():
                    contract, port = plan.selection.contract_of(layer), plan.port and plan.port + place
                    servers.append(Server(layer, contract, plan.host, port, environment).start())
        for server in servers:
            row = record.row(server.layer.name)
            with row.takes_faults():
                row.answer_bytes = server.wait().answer_bytes
                if plan.lane:
                    server.start_bytes = server.meter.read().rss_bytes
                if full:
                    row.packages = own_versions(server.layer, server.process.pid, server.port)
                    violations = check(server.contract, server.layer, plan.host, server.port)
                    row.faults += [f"contract: {violation}" for violation in violations]
                    server.mark()
        yield {server.layer.name: server for server in servers if not record.row(server.layer.name).faults}
    finally:
        stop_all(servers)


class Run:
    """One run into its record."""

    def __init__(self, plan: Plan, record: Measured, watch: Watch) -> None:
        self.plan = plan
        self.record = record
        self.watch = watch
        self.began = time.monotonic()
        self.in_turns = 0.0  # seconds in which turns were counted
        self.in_rounds = 0.0
        self.in_windows = 0.0
        self.kept = 0.0
        """Seconds of the budget that are kept for plain windows."""
        self.rounds = 0
        record.quota = quota()
        record.client = plan.client
        record.turn_ms = round(plan.turn * 1000) if plan.lane else None

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds until the budget ends, without what is kept for plain windows."""
        return self.plan.budget - self.kept - self.seconds

    @property
    def can_take_turns(self) -> bool:
        """Whether layers take turns here, and there is another core for plain windows."""
        return self.plan.lane is not None and self.plan.lane.client is not None

    @property
    def overhead(self) -> float:
        """The seconds that a round takes besides its turns and plain windows."""
        return (self.in_rounds - self.in_turns - self.in_windows) / self.rounds if self.rounds else FIRST

    @property
    def windows_next(self) -> float:
        """The seconds that plain windows of the next round take, if those of every round have any."""
        every = self.rounds and (not self.plan.lane or any(row.plain for row in self.record.layers))
        return self.in_windows / self.rounds if every else 0.0

    def has_time(self, rounds: int) -> bool:
        """Whether so many rounds fit the budget."""
        return self.left > rounds * (self.overhead + self.windows_next + self.turns_next)

    @property
    def turns_next(self) -> float:
        """How long the turns of the next round take, in seconds.

        Twice as long as the rest of a round: longer, and instances differ by more than their turns; shorter, and most
        of the time goes into starting them. ROUNDS of them should fit the budget.
        """
        least = max(1, ROUNDS - self.rounds)
        return max(0.0, min(2 * self.overhead, self.left / least - self.overhead - self.windows_next))

    @property
    def window_seconds(self) -> float:
        """What one plain window of each layer takes."""
        return (self.plan.load.seconds + 0.3) * len([row for row in self.record.layers if not row.faults])

    def round(self, layers: Sequence[Layer], seconds: float, windows: bool = False) -> None:
        """Start these layers anew and let them take turns for so long; then, with `windows`, a plain window of each.

        Raises ServerFault where none of the user's own layers is sound.
        """
        self._tell("starting")
        begin, before, stopped = time.monotonic(), self.in_windows, throttled()
        round_ = Round(start=now(), seconds=0.0)
        with servers_of(layers, self.plan, self.record, full=not self.rounds) as servers:
            if not self.rounds:
                self._look(servers)
            running = [servers[layer.name] for layer in layers if layer.name in servers]
            if self.plan.lane and (by_turns := [server for server in running if self._takes_turns(server)]):
                self._turns(by_turns, round_, seconds)
            for server in running:
                name = server.layer.name
                if (windows or self._needs_window(name)) and not self.record.row(name).faults:
                    self._window(server)
            for server in running:
                with self.record.row(server.layer.name).takes_faults():
                    verify(server)
        took = time.monotonic() - begin
        self.in_rounds += took
        round_.seconds = took - (self.in_windows - before)
        round_.throttled = throttled() - stopped
        self.record.rounds.append(round_)
        self.rounds += 1
        self.record.seconds = self.seconds
        self.watch.keep()

    def _takes_turns(self, server: Server) -> bool:
        row = self.record.row(server.layer.name)
        return not row.plain and not row.faults

    def _needs_window(self, name: str) -> bool:
        """Whether a layer needs a plain window in each round: for its own figures, or as what another stands on."""
        if not self.plan.lane or self.record.row(name).plain:
            return True
        return any(row.plain and row.on == name for row in self.record.layers)

    def _look(self, servers: dict[str, Server]) -> None:
        """In the first round: which layers failed, and which are too slow for turns."""
        own = [self.record.row(layer.name) for layer in self.plan.selection.layers if layer.own]
        if own and all(row.faults for row in own):
            raise ServerFault(own[0].name, own[0].faults[0])
        for row in self.record.layers:
            if row.faults:
                self.watch.tell(f"{row.name} is left out: {row.faults[0].partition(chr(10))[0]}", self.seconds)
        for name, server in servers.items():
            if self.plan.lane and SLOW < server.slowest < AGAIN:
                server.time_again()
            if self.plan.lane and server.slowest > SLOW:
                self.record.row(name).plain = f"an answer takes {server.slowest * 1000:,.0f} ms"

    def _turns(self, servers: Sequence[Server], round_: Round, seconds: float) -> None:
        """The turns of a round, and what came of them."""
        assert self.plan.lane
        self._tell("turns of " + ", ".join(server.layer.name for server in servers))
        with seated(servers, self.plan, self.plan.lane) as table:
            begin, half = time.monotonic(), len(servers) * self.plan.turn / 2
            while not table.cycles or time.monotonic() + half < begin + seconds:
                table.cycle()
            self.in_turns += time.monotonic() - begin
            table.idle()
        round_.turns, round_.instances = table.turns, [seat.instance for seat in table.seats]
        for fault in table.faults:
            self.record.row(fault.layer).faults.append(fault.what)
        if not self.rounds:
            self._judge_load(table)

    def _judge_load(self, table: Seats) -> None:
        """In the first round: which servers do not fill their core in their turns, or do nothing in them."""
        for seat in table.seats:
            row = self.record.row(seat.name)
            turns = [turn for turn in table.turns if turn.layer == seat.name and turn.cpu_ns is not None]
            wall = sum(turn.wall_us for turn in turns) * 1000
            used = sum(turn.cpu_ns or 0 for turn in turns)
            busy = used + sum(turn.client_cpu_ns for turn in turns)
            instance = seat.instance
            answered = sum(turn.bytes for turn in turns) * instance.requests // max(1, instance.bytes)
            if turns and used < _least(seat.server.layer) * answered and not instance.fault:
                row.faults.append(_nothing(used, answered))
            elif turns and busy < FILLED * wall and (row.waits or 1e9 * seat.idle > (1 - FILLED) * wall):
                row.plain = f"it uses {100 * busy / wall:.0f}% of its core in a turn"

    def _window(self, server: Server) -> None:
        """A plain window of one server; a server that fails is written into its row."""
        self._tell(f"wrk on a core of its own: {server.layer.name}")
        begin = time.monotonic()
        with self.record.row(server.layer.name).takes_faults():
            if not self._takes_turns(server):
                warm_up(server, self.plan.load, self.plan.lane)
            window = self._take(server)
            took = time.monotonic() - begin
            if window.unanswered and not window.requests and ANSWERS * took < self.plan.budget - self.seconds:
                server.slowest = took  # under this load; so the next window is long enough
                window = self._take(server)
            if window.server_cpu_ns is not None and window.server_cpu_ns < _least(server.layer) * window.requests:
                window.fault = window.fault or _nothing(window.server_cpu_ns, window.requests)
            self.record.windows.append(window)
        self.in_windows += time.monotonic() - begin

    def _take(self, server: Server) -> Window:
        """A window; if wrk was ended or halted from outside, take it once more, then leave it out."""
        for then in ("taken once more", "left out"):
            try:
                return take(server, self.plan.load, self.plan.lane, self.rounds, left=self.plan.budget - self.seconds)
            except WrkFault as fault:
                why = fault.message
                self.watch.tell(f"{why}: the window is {then}", self.seconds)
        return Window(layer=server.layer.name, round=self.rounds, start=now(), requests=0, duration_us=0, fault=why)

    def _tell(self, what: str) -> None:
        self.watch.tell(f"round {self.rounds + 1}: {what}", self.seconds)


def _least(layer: Layer) -> int:
    """Nanoseconds of CPU time below which an answer was made elsewhere; a loop without a socket may be that quick."""
    return 0 if layer.loop else NOTHING


def _nothing(cpu_ns: int, requests: int) -> str:
    """Why a server that uses next to no CPU time has no figure."""
    return (
        f"its processes used {cpu_ns / 1e6:,.1f} ms of CPU time for {requests:,} answers: too little to have made them"
    )


def measure_pair(plan: Plan, record: Pair, watch: Watch, patient: bool = False) -> None:
    """Measure the plan's two layers until a look at them gives a verdict; raises ServerFault where one fails.

    A precision of the plan, in percent, has it go on after the verdict until the interval is no wider. With `patient`
    it goes on to the end of the budget and looks once.
    """
    looks, last = 0, False
    verdict: Verdict = "unclear"
    run = Run(plan, record, watch)
    while not last and (verdict == "unclear" or _too_wide(plan, record)):
        run.round(plan.selection.layers, run.turns_next)
        for row in record.layers:
            if row.faults:
                raise ServerFault(row.name, row.faults[0])
        last = not run.has_time(1)
        due = LOOKS if last else min(LOOKS - 1, math.floor(LOOKS * run.seconds / plan.budget))
        if due > looks and (last or not patient):
            looks = due
            verdict = judge(ratio(record, record.layers[1]), LEVEL, plan.threshold)


def _too_wide(plan: Plan, record: Pair) -> bool:
    """Whether the interval is wider than the plan's precision."""
    step = ratio(record, record.layers[1]) if plan.precision else None
    interval = step.interval(LEVEL) if step else None
    return bool(plan.precision and interval and 50 * (interval[1] - interval[0]) > plan.precision)
