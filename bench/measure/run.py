"""One run into its record, round by round. Whatever happens in between, what was measured is kept."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.data.errors import ServerFault, WrkFault
from bench.data.layers import Layer
from bench.data.load import Load
from bench.data.plan import Plan, Watch
from bench.data.record import Measured
from bench.data.window import Take, Window
from bench.host import quota
from bench.host.sensor import EVERY_MS, Sensor, sensor
from bench.host.server import Server
from bench.measure.round import servers_of
from bench.measure.window import spoiled, take, verify

OVERHEAD = 4.0  # seconds that a round is taken to cost beside its windows, until one is timed


@contextmanager
def run_of(plan: Plan, record: Measured, watch: Watch) -> Iterator["Run"]:
    """A run, with a sensor on the servers' core for as long as it lasts."""
    record.quota = quota.quota()
    with sensor(plan.lane.server if plan.lane else None) as sensed:
        record.sensor_ms = EVERY_MS if sensed else None
        yield Run(plan, record, watch, sensed)


class Run:
    """One run into its record."""

    def __init__(self, plan: Plan, record: Measured, watch: Watch, sensed: Sensor | None = None) -> None:
        self.plan = plan
        self.record = record
        self.watch = watch
        self.sensed = sensed
        self.began = time.monotonic()
        self.windows = 0.0  # seconds in which one was open
        self.rounds = 0
        self.takes = 0

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.began

    @property
    def overhead(self) -> float:
        """The seconds that a round takes besides its windows."""
        return (self.seconds - self.windows) / self.rounds if self.rounds else OVERHEAD

    @property
    def left(self) -> float:
        """The seconds that the next round's windows may take."""
        return self.plan.budget - self.seconds - self.overhead

    def has_time(self, windows: float) -> bool:
        """Whether a round with this many seconds of windows fits the budget; the first always does."""
        return not self.rounds or windows <= self.left

    @contextmanager
    def round(self, layers: Sequence[Layer]) -> Iterator[dict[str, Server]]:
        """The servers of these layers, started anew. Raises ServerFault where the custom server is not sound."""
        self._tell("starting")
        with servers_of(layers, self.plan, self.record, full=not self.rounds) as servers:
            custom = self.plan.selection.custom
            for row in self.record.layers if not self.rounds else []:
                if row.faults and custom and row.name == custom.layer.name:
                    raise ServerFault(row.name, row.faults[0])
                if row.faults:
                    self.watch.tell(f"{row.name} is left out: {row.faults[0].partition(chr(10))[0]}", self.seconds)
            yield servers
        self.rounds += 1
        self.record.seconds, self.record.window_seconds = self.seconds, self.windows
        self.watch.keep()

    def window(self, servers: Sequence[Server], load: Load, pair: str | None = None) -> None:
        """Take one window, or two side by side; a server that fails is written into its row."""
        if any(self.record.row(server.layer.name).faults for server in servers):
            return
        self._tell(" beside ".join(server.layer.name for server in servers))
        begin = time.monotonic()
        self.takes += 1
        windows: list[Window] = []
        try:
            windows = self._take(servers, load, pair)
            self.record.windows += windows
            self.windows += time.monotonic() - begin
            for server in servers:
                verify(server)
        except ServerFault as fault:
            self.record.row(fault.layer).faults.append(fault.what)
            for window in windows:
                if window.layer == fault.layer:
                    window.fault = fault.message

    def _take(self, servers: Sequence[Server], load: Load, pair: str | None) -> list[Window]:
        """Take a window; if wrk was ended or halted from outside, take it once more, then leave it out."""
        for then in ("taken once more", "left out"):
            try:
                observed = self._observed(self.takes)
                return take(servers, load, self.plan.lane, self.rounds, self.takes, pair, observed)
            except WrkFault as fault:
                why = fault
                self.watch.tell(f"{fault.message}: the window is {then}", self.seconds)
        return spoiled(servers, self.rounds, self.takes, pair, why)

    @contextmanager
    def _observed(self, number: int) -> Iterator[None]:
        """Write down what the sensor reads meanwhile."""
        if self.sensed:
            before = self.sensed.count()
            yield
            self.record.takes.append(Take(number=number, readings=self.sensed.since(before)))
        else:
            yield

    def _tell(self, what: str) -> None:
        self.watch.tell(f"round {self.rounds + 1}: {what}", self.seconds)
