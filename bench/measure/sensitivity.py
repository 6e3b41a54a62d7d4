"""What a verdict is worth: slow-downs of known size, planted in a layer, and how often each was found."""

import math
import random
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from scipy import stats

from bench.data.errors import BadInput, Fault
from bench.data.layers import Layer
from bench.data.record import Record, now
from bench.host.machine import Machine, Python, read_machine, read_python
from bench.host.versions import read_versions
from bench.measure.pair import pair, pair_record, two
from bench.measure.round import Setting
from bench.measure.run import Plan
from bench.report.decay_table import cell, for_programs, grid
from bench.report.progress import Tell
from bench.stats.decay import ratio
from bench.stats.estimate import decay
from bench.stats.verdict import FLOOR, Verdict

LARGE = 300  # turns, about a fifth of the cost of a request: what one turn costs is taken from them
COLUMNS = ("planted", "runs", "slower", "faster", "same", "unclear", "decay", "decay_low", "decay_high", "seconds")


class Trial(msgspec.Struct, frozen=True):
    """One run of the pair: what was planted and what was found, as decays in percent."""

    planted: float
    verdict: Verdict
    decay: float
    decay_low: float
    decay_high: float
    restarts: int
    seconds: float


class Power(msgspec.Struct, kw_only=True):
    """All trials of one call, and what they were made on."""

    made: datetime | None
    machine: Machine | None
    python: Python | None
    packages: dict[str, str]
    budget: float
    threshold: float
    floor: float
    stopped: str = ""
    """Why it ended before its time, or nothing."""
    trials: list[Trial] = []

    @property
    def command(self) -> str:
        """What wrote it."""
        return "power"

    @property
    def measured(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self.trials)


def read_power(path: Path) -> Power:
    """Read what `make power` wrote; raises BadInput."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Power)
    except (OSError, msgspec.DecodeError) as error:
        raise BadInput(f"{path} is no record of `make power`: {error}") from None


def planted(catalogue_command: str, turns: int) -> Layer:
    """The layer `uvicorn` with so many empty turns a request."""
    return Layer(
        name=f"planted-{turns}",
        adds=f"{turns} turns of an empty loop",
        app="bench.measure.injected_app:app",
        command=f"env TURNS={turns} {catalogue_command}",
    )


def one_turn(command: str, setting: Setting, seconds: float, tell: Tell) -> float:
    """What one turn adds to the cost of a request, as a share of it: from a pair with LARGE of them."""
    _, record = _measure(command, LARGE, setting, seconds, 1, tell, patient=True)
    found = ratio(record, record.layers[1])
    if not found:
        raise Fault("the planted layer could not be measured: does `make pair A=uvicorn B=uvicorn` work?")
    return (math.exp(-found.mean) - 1) / LARGE


def try_once(
    command: str, percent: float, turn: float, setting: Setting, budget: float, threshold: float, tell: Tell
) -> Trial:
    """Plant so many percent of extra work, and see what the pair says."""
    turns = round(percent / 100 / turn)
    verdict, record = _measure(command, turns, setting, budget, threshold, tell)
    found = ratio(record, record.layers[1])
    interval = found.interval() if found else None
    if not found or not interval:
        raise Fault("a pair had too few windows to be judged: try a longer BUDGET")
    size = 100 * (1 - 1 / (1 + turns * turn))
    low, high = (decay(each) for each in reversed(interval))
    return Trial(size, verdict, decay(found.mean), low, high, found.restarts, record.seconds or 0)


def _measure(
    command: str, turns: int, setting: Setting, budget: float, threshold: float, tell: Tell, patient: bool = False
) -> tuple[Verdict, Record]:
    layers = two(planted(command, 0), planted(command, turns))
    plan = Plan("power", "", layers, budget)
    record = pair_record(plan, setting)
    return pair(plan, setting, record, tell, threshold, patient).verdict, record


def trials(power: Power, command: str, sizes: list[float], runs: int, setting: Setting, tell: Tell) -> None:
    """Make all trials, in an order shuffled anew each round, and keep each as it is done."""
    began = time.monotonic()

    def overall(what: str, _: float) -> None:
        tell(f"trial {len(power.trials) + 1} of {runs * len(sizes)}: {what}", time.monotonic() - began)

    turn = one_turn(command, setting, power.budget, overall)
    for _ in range(runs):
        for percent in random.sample(sizes, len(sizes)):
            power.trials.append(try_once(command, percent, turn, setting, power.budget, power.threshold, overall))


def summary(power: Power) -> list[list[Any]]:
    """A row of COLUMNS for each size that was planted."""
    rows: list[list[Any]] = []
    for size in sorted({trial.planted for trial in power.trials}):
        same = [trial for trial in power.trials if trial.planted == size]
        counts = [
            sum(trial.verdict == verdict for trial in same) for verdict in ("slower", "faster", "same", "unclear")
        ]
        found = sorted(trial.decay for trial in same)
        rows.append([size, len(same), *counts, median(found), found[0], found[-1], median(t.seconds for t in same)])
    return rows


def render(power: Power, form: str) -> str:
    """The table of what was found, for people or for programs."""
    rows = summary(power)
    if form in ("csv", "json"):
        return for_programs(COLUMNS, rows, form)
    headings = (
        "planted %",
        "runs",
        "slower",
        "faster",
        "same",
        "unclear",
        "changes called",
        "decay % seen",
        "from - to",
        "seconds",
    )
    cells = [
        [
            cell("{:.2f}", size), *map(str, (runs, slower, faster, same, unclear)), _share(slower + faster, runs),
            cell("{:.2f}", middle), cell("{:.2f} - {:.2f}", low, high), cell("{:.0f}", seconds),
        ]
        for size, runs, slower, faster, same, unclear, middle, low, high, seconds in rows
    ]  # fmt: skip
    inside = sum(trial.decay_low <= trial.planted <= trial.decay_high for trial in power.trials)
    lines = [
        grid(headings, cells, form, left=0),
        f"planted: extra work in the upper layer of a pair, as the decay that it is; the layer is `uvicorn`. Budget"
        f" {power.budget:.0f} s, threshold {power.threshold:g}%, floor {power.floor:g}%.",
        f"The 95% interval held what was planted in {inside} of {len(power.trials)} runs.",
    ]
    if power.machine and power.python and power.made:
        lines.append(
            f"{power.made:%Y-%m-%d %H:%M} UTC, {power.machine.cores} cores {power.machine.cpu}, {power.machine.system},"
            f" Python {power.python.version}."
        )
    return ("\n\n" if form == "markdown" else "\n").join(lines)


def _share(count: int, runs: int) -> str:
    """A count with the 95% interval of its share (Clopper and Pearson, Biometrika 26, 1934)."""
    interval = stats.binomtest(count, runs).proportion_ci()
    return f"{count} of {runs} ({100 * interval.low:.0f} - {100 * interval.high:.0f}%)"


def new_power(layer: Layer, budget: float, threshold: float) -> Power:
    """Nothing tried yet."""
    return Power(
        made=now(),
        machine=read_machine(),
        python=read_python(),
        packages=read_versions([layer]),
        budget=budget,
        threshold=threshold,
        floor=FLOOR,
    )
