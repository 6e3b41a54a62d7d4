"""Layers -> record: all that one call measures. Whatever happens in between, what was measured is kept."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from bench.data.errors import ServerFault, WrkFault
from bench.data.layers import Layer
from bench.data.record import Record, Row, Window, now
from bench.host.conformance import Contract
from bench.host.machine import read_machine, read_packages, read_python, read_revision
from bench.host.server import Server
from bench.measure.round import Setting, generation, row_of
from bench.measure.window import spoiled, take, verify
from bench.measure.wrk import Load
from bench.report.progress import Tell
from bench.stats.decay import margin_of, ratio

MIN_RESTARTS = 5
"""Before so many restarts no interval is trusted to be narrow."""
ALONE = (0, 1, 3)
"""The restarts in which, where there are pairs, each layer also has its core alone for a window."""
OVERHEAD = 4.0  # seconds that a restart is taken to cost, until one is timed


class Plan(msgspec.Struct, frozen=True):
    """What to measure, and for how long: seconds, and the margin in percentage points at which a pair is done."""

    command: str
    ladder: str
    layers: list[Layer]
    budget: float
    precision: float | None = None
    must: str = ""
    """The layer without which the run is for nothing: the one that was brought."""


def new_record(plan: Plan, setting: Setting, on: dict[str, str | None]) -> Record:
    """A record without windows: what will be measured, on what."""
    return Record(
        made=now(),
        command=plan.command,
        ladder=plan.ladder,
        load=setting.load,
        budget=plan.budget,
        precision=plan.precision,
        cores=setting.lane,
        contract=setting.digest(),
        machine=read_machine(),
        python=read_python(),
        packages=read_packages(),
        revision=read_revision(),
        layers=[
            Row(
                name=layer.name,
                on=on[layer.name],
                adds=layer.adds,
                command=layer.argv("HOST", 0, "python"),
                waits=layer.waits,
                held_to=_held_to(layer, setting.contract_of(layer)),
            )
            for layer in plan.layers
        ],
    )


def _held_to(layer: Layer, contract: Contract) -> str:
    if layer.answer == "bytes" and contract.cases:
        return ""
    asks = "contract.toml" if contract.cases else f"{contract.asks} alone"
    return f"{asks}, its answer equal {'to the byte' if layer.answer == 'bytes' else 'as JSON'}"


class Run:
    """One run into its record, restart by restart."""

    def __init__(self, plan: Plan, setting: Setting, record: Record, tell: Tell) -> None:
        self.plan = plan
        self.setting = setting
        self.record = record
        self.tell = tell
        self.began = time.monotonic()
        self.windows = 0.0  # seconds in which one was open
        self.restarts = 0
        self.takes = 0

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.began

    def has_time(self, windows: float) -> bool:
        """Whether a restart with so many seconds of windows fits the budget; the first always does."""
        overhead = (self.seconds - self.windows) / self.restarts if self.restarts else OVERHEAD
        return not self.restarts or self.seconds + overhead + windows <= self.plan.budget

    @contextmanager
    def restart(self, layers: Sequence[Layer]) -> Iterator[dict[str, Server]]:
        """The servers of these layers, started anew."""
        self.tell(f"restart {self.restarts + 1}: starting", self.seconds)
        with generation(layers, self.setting, self.record, full=not self.restarts) as servers:
            for row in self.record.layers if not self.restarts else []:
                if row.faults and row.name == self.plan.must:
                    raise ServerFault(row.name, row.faults[0])
                if row.faults:
                    self.tell(f"{row.name} is left out: {row.faults[0].partition(chr(10))[0]}", self.seconds)
            yield servers
        self.restarts += 1
        self.record.seconds, self.record.window_seconds = self.seconds, self.windows

    def window(self, servers: Sequence[Server], load: Load, pair: str | None = None) -> None:
        """Take one window, or two side by side; a server that fails is written into its row."""
        if any(row_of(self.record, server.layer.name).faults for server in servers):
            return
        names = " beside ".join(server.layer.name for server in servers)
        self.tell(f"restart {self.restarts + 1}: {names}", self.seconds)
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
            row_of(self.record, fault.layer).faults.append(fault.what)
            for window in windows:
                if window.layer == fault.layer:
                    window.fault = fault.message

    def _take(self, servers: Sequence[Server], load: Load, pair: str | None) -> list[Window]:
        """Take a window; where somebody ended or halted a wrk, take it once more, and the second time leave it out."""
        try:
            return take(servers, load, self.setting.lane, self.restarts, self.takes, pair)
        except WrkFault as fault:
            self.tell(f"{fault.message}: the window is taken once more", self.seconds)
        try:
            return take(servers, load, self.setting.lane, self.restarts, self.takes, pair)
        except WrkFault as fault:
            return spoiled(servers, self.restarts, self.takes, pair, fault)


def bench(plan: Plan, setting: Setting, record: Record, tell: Tell) -> None:
    """Measure a ladder until every decay is known well enough, or the budget ends.

    A restart takes one window of each open pair and, some of the first, one of each layer alone, in an order shuffled
    anew. A pair is open until its interval is narrow enough; layers that are in no open pair are no longer started.
    """
    run = Run(plan, setting, record, tell)
    pairs = {row.name: row.on for row in record.layers if row.on} if setting.lane else {}
    alone = msgspec.structs.replace(setting.load, seconds=max(1, setting.load.seconds // (2 if pairs else 1)))
    while True:
        live = [row.name for row in record.layers if not row.faults]
        open_pairs = [
            (on, name) for name, on in pairs.items() if on in live and name in live and not known(record, name, plan)
        ]
        names = live
        if run.restarts >= MIN_RESTARTS:
            names = [name for name in live if any(name in each for each in open_pairs)]
        solo = names if not pairs or run.restarts in ALONE else []
        if not names or not run.has_time(len(open_pairs) * setting.load.seconds + len(solo) * alone.seconds):
            break
        with run.restart([layer for layer in plan.layers if layer.name in names]) as servers:
            steps: list[tuple[tuple[str, ...], Load, str | None]] = [
                (each, setting.load, each[1]) for each in open_pairs
            ]
            steps += [((name,), alone, None) for name in solo]
            for step, load, pair in random.sample(steps, len(steps)):
                if all(name in servers for name in step):
                    run.window([servers[name] for name in step], load, pair)


def known(record: Record, name: str, plan: Plan) -> bool:
    """Whether a layer's decay has enough restarts and an interval as narrow as the plan wants it."""
    found = ratio(record, row_of(record, name))
    margin = margin_of(found) if found and found.restarts >= MIN_RESTARTS else None
    return margin is not None and plan.precision is not None and margin <= plan.precision
