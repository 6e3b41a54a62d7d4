"""What a verdict is worth: slow-downs of known size, injected into a layer, and how often each is found."""

import math
import random
import time
from collections.abc import Sequence

import msgspec

from bench.data.errors import Fault
from bench.data.layers import Layer
from bench.data.plan import Plan, Watch, two
from bench.data.record import Pair, Sensitivity, Trial
from bench.measure.pair import measure_pair
from bench.stats.decay import ratio
from bench.stats.estimate import decay
from bench.stats.verdict import Outcome

LARGE = 300  # iterations, about a fifth of the cost of a request: calibrates the cost of one


class _Overall:
    """Reports the progress of all trials instead of one."""

    def __init__(self, watch: Watch, record: Sensitivity, count: int) -> None:
        self.watch = watch
        self.record = record
        self.count = count
        self.began = time.monotonic()

    def tell(self, what: str, _: float) -> None:
        """Which trial it is, and how long all of them took so far."""
        trial = f"trial {min(len(self.record.trials) + 1, self.count)} of {self.count}"
        self.watch.tell(f"{trial}: {what}", time.monotonic() - self.began)

    def keep(self) -> None:
        """Do nothing: a single window of a trial is not kept."""


def injected(layer: Layer, turns: int) -> Layer:
    """A layer with this many empty loop iterations per request, by bench/measure/injected_app.py."""
    name, adds = f"injected-{turns}", f"{turns} iterations of an empty loop"
    command = f"env TURNS={turns} {layer.command}"
    return msgspec.structs.replace(
        layer, name=name, adds=adds, on=None, app="bench.measure.injected_app:app", command=command
    )


def try_sizes(plan: Plan, record: Sensitivity, watch: Watch, sizes: Sequence[float], runs: int) -> None:
    """Inject slow-downs into the plan's lower layer, each size `runs` times, and record what was found.

    The order is shuffled each time. Raises Fault if a pair cannot be measured.
    """
    overall = _Overall(watch, record, runs * len(sizes))
    turn = one_turn(plan, overall)
    for _ in range(runs):
        for percent in random.sample(sizes, len(sizes)):
            record.trials.append(try_once(plan, percent, turn, overall))
            watch.keep()


def one_turn(plan: Plan, watch: Watch) -> float:
    """What one iteration adds to the CPU time per request, as a fraction of it: from a pair with LARGE of them."""
    _, record = _measure(plan, LARGE, watch, patient=True)
    found = ratio(record, record.layers[1])
    if not found:
        raise Fault("the injected layer could not be measured: does `make pair A=uvicorn B=uvicorn` work?")
    return (math.exp(-found.mean) - 1) / LARGE


def try_once(plan: Plan, percent: float, turn: float, watch: Watch) -> Trial:
    """Inject this many percent of extra work, and see what the pair says."""
    turns = round(percent / 100 / turn)
    outcome, record = _measure(plan, turns, watch)
    found = ratio(record, record.layers[1])
    interval = found.interval() if found else None
    if not found or not interval:
        raise Fault("a pair had too few rounds to be judged: try a longer BUDGET")
    size = 100 * (1 - 1 / (1 + turns * turn))
    low, high = (decay(each) for each in reversed(interval))
    return Trial(size, outcome.verdict, decay(found.mean), low, high, found.rounds, record.seconds or 0)


def _measure(plan: Plan, turns: int, watch: Watch, patient: bool = False) -> tuple[Outcome, Pair]:
    layer = plan.selection.layers[0]
    selection = two(injected(layer, 0), injected(layer, turns), plan.selection.contract)
    record = Pair(load=plan.load, cores=plan.lane, layers=selection.rows(), budget=plan.budget)
    return measure_pair(msgspec.structs.replace(plan, selection=selection), record, watch, patient), record
