"""Layers at fixed rates: what each can do, then a share of that, or so many requests per second."""

from contextlib import suppress
from pathlib import Path

from bench.data.errors import ServerFault, WrkFault
from bench.data.layers import Layer
from bench.data.plan import Plan, Watch
from bench.data.sweep import Rated, Sweep, rate_of
from bench.host.server import Server
from bench.measure.oha import rated
from bench.measure.sweep import Sweeper
from bench.measure.window import verify


def sweep_rates(plan: Plan, record: Sweep, watch: Watch, program: Path, seconds: int) -> None:
    """Measure all layers at each of the record's rates, for so many seconds each, by the oha at this path."""
    sweeper = Sweeper(plan, record, watch)
    for layer in sweeper.layers:
        with sweeper.server(layer) as server, record.row(layer.name).takes_faults():
            if server:
                _each(sweeper, layer, server, program, seconds)
    record.seconds = sweeper.seconds


def _each(sweeper: Sweeper, layer: Layer, server: Server, program: Path, seconds: int) -> None:
    """All rates for one layer; raises ServerFault, after which it is left out."""
    plan, record = sweeper.plan, sweeper.record
    able: float | None = None
    if any(asked.endswith("%") for asked in record.rates):
        sweeper.tell(f"{layer.name}: what it can do")
        with suppress(WrkFault):
            window = sweeper.window(server, plan.load.connections, plan.load.seconds)
            record.capacity.append(window)
            if window.fault:
                raise ServerFault(layer.name, f"cannot be loaded to find out what it can do: {window.fault}")
            able = window.rps
    for asked in record.rates:
        point = Rated(layer=layer.name, asked=asked, rate=0.0, connections=plan.load.connections)
        record.rated.append(point)
        rate = rate_of(asked, able)
        if rate is None or (why := sweeper.left_out()):
            point.fault = why if rate is not None else "wrk was ended from outside, so nobody knows what it can do"
            continue
        point.rate = rate
        sweeper.tell(f"{layer.name} at {rate:,.0f} requests/s for {seconds} s")
        try:
            rated(program, server, point, seconds, plan.lane)
            verify(server)
        except (WrkFault, ServerFault) as fault:
            point.fault = fault.message
            if isinstance(fault, ServerFault):
                raise
        sweeper.watch.keep()
