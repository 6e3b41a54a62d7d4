"""What a verdict is worth: slow-downs of known size, injected into a layer, and how often each is found.

How often injected slow-downs of known size were found.

`make sensitivity`: how often a pair finds a slow-down of known size.
"""

import math
import random
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from statistics import median

import click
import msgspec

from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.origin import origin, origin_origin
from asgi_anatomy.documents.store import read_record
from asgi_anatomy.documents.words import show
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.versions import read_versions
from asgi_anatomy.options import (
    Command,
    Driving,
    Printing,
    Whole,
    budget_option,
    driving_options,
    printing_options,
    results_option,
    shown_option,
    threshold_option,
)
from asgi_anatomy.suite.contract import read_contract
from asgi_anatomy.suite.layers import Layer, read_catalogue
from asgi_anatomy.turns.decay import ratio
from asgi_anatomy.turns.estimate import decay
from asgi_anatomy.turns.keeping import carry_out, check, plan_of_pair
from asgi_anatomy.turns.plan import Plan, Watch, two
from asgi_anatomy.turns.record import Pair, Sensitivity, Trial, Verdict
from asgi_anatomy.turns.run import measure_pair
from asgi_anatomy.turns.verdict import FLOOR, Outcome

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
    """A layer with this many empty loop iterations per request, by asgi_anatomy/pair/injected_app.py."""
    name, adds = f"injected-{turns}", f"{turns} iterations of an empty loop"
    command = f"env TURNS={turns} {layer.command}"
    return msgspec.structs.replace(
        layer, name=name, adds=adds, on=None, app="asgi_anatomy.pair.injected_app:app", command=command
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


COLUMNS = (
    Column("injected", "injected", "%", "{injected:.2f}"),
    Column("runs", "runs", wide=True),
    *(Column(key, key) for key in ("slower", "faster", "same", "unclear")),
    Column(
        "called called_low called_high",
        "changes called",
        "",
        "{called} of {runs} ({called_low:.0f} - {called_high:.0f}%)",
    ),
    Column("decay", "decay seen", "%", "{decay:.2f}"),
    Column("decay_low decay_high", "from - to", "", "{decay_low:.2f} - {decay_high:.2f}", wide=True),
    Column("seconds", "seconds", "", "{seconds:.0f}"),
)
VERDICTS: tuple[Verdict, ...] = ("slower", "faster", "same", "unclear")


def clopper_pearson(count: int, runs: int) -> tuple[float, float]:
    """The 95% interval of a proportion, 0 to 1, seen as `count` of `runs` (Biometrika 26, 1934)."""
    from scipy import special  # as in stats/estimate.py

    low = float(special.betaincinv(count, runs - count + 1, 0.025)) if count else 0.0
    high = float(special.betaincinv(count + 1, runs - count, 0.975)) if count < runs else 1.0
    return low, high


def rows(record: Sensitivity) -> list[Values]:
    """A row for each injected size; `called_low` and `called_high` are the 95% interval of `called` in percent."""
    found: list[Values] = []
    for size in sorted({trial.injected for trial in record.trials}):
        same = [trial for trial in record.trials if trial.injected == size]
        counts: dict[str, int] = {verdict: sum(trial.verdict == verdict for trial in same) for verdict in VERDICTS}
        called = counts["slower"] + counts["faster"]
        low, high = clopper_pearson(called, len(same))
        decays = sorted(trial.decay for trial in same)
        found.append(
            {
                "injected": size,
                "runs": len(same),
                **counts,
                "called": called,
                "called_low": 100 * low,
                "called_high": 100 * high,
                "decay": median(decays),
                "decay_low": decays[0],
                "decay_high": decays[-1],
                "seconds": median(trial.seconds for trial in same),
            }
        )
    return found


def sensitivity_document(record: Sensitivity, wide: bool = False) -> Document:
    """A sentence, the table of what was found, and how often the interval was right."""
    found = rows(record)
    table = Table(COLUMNS, found)
    inside = sum(trial.decay_low <= trial.injected <= trial.decay_high for trial in record.trials)
    said: list[str | Table] = [
        sentence(found),
        "",
        table,
        "",
        "injected: extra work in the upper layer of a pair, expressed as a decay; both layers are `uvicorn`. Budget"
        f" {record.budget:.0f} s, threshold {record.threshold:g}%, A/A noise floor {record.floor:g}%.",
        f"The 95% interval contained the injected decay in {inside} of {len(record.trials)} runs.",
        *origin_origin(record, wide),
    ]
    return Document(said, table)


def sentence(found: Sequence[Values]) -> str:
    """From which size on every slow-down was found, how often the next smaller one, and how often there was none."""
    sizes = [row for row in found if row["injected"] > 0]
    whole = [*takewhile(lambda row: row["slower"] == row["runs"], reversed(sizes))]
    said = []
    if whole:
        runs = sum(row["runs"] for row in whole)
        said.append(f"every slow-down of {whole[-1]['injected']:.2f}% or more ({runs} of {runs} runs)")
    if missed := sizes[: len(sizes) - len(whole)]:
        low, high = clopper_pearson(missed[-1]["slower"], missed[-1]["runs"])
        many = f"{missed[-1]['slower']} of {missed[-1]['runs']}"
        said.append(f"{many} of {missed[-1]['injected']:.2f}% ({100 * low:.0f} to {100 * high:.0f}%)")
    text = [f"A pair found {', and '.join(said)}"] if said else []
    if none := [row for row in found if not row["injected"]]:
        often = (
            f"{none[0]['called']} of {none[0]['runs']} ({none[0]['called_low']:.0f} to {none[0]['called_high']:.0f}%)"
        )
        text.append(f"where nothing was injected, a change was called in {often}")
    return f"{'; '.join(text) or 'Nothing was tried yet'}."


@click.command("sensitivity", cls=Command)
@click.option("--sizes", default="0 1 2 5 10", show_default=True, help="Slow-downs to inject, in percent.")
@click.option("--runs", default=20, show_default=True, type=Whole(1, 10_000), help="Runs of each size.")
@threshold_option
@budget_option(60)
@driving_options
@results_option
@shown_option
@printing_options
@click.pass_obj
def command(
    catalogue_file: Path,
    /,
    sizes: str,
    runs: int,
    threshold: float,
    budget: float,
    driving: Driving,
    results: Path,
    path: Path | None,
    printing: Printing,
) -> None:
    """Print how often `pair` finds injected slow-downs (takes hours)."""
    if path:
        shown = sensitivity_document(read_record(path, Sensitivity), printing.wide)
        return show(printing.render(shown))
    percents = _numbers(sizes)
    layer = read_catalogue(catalogue_file).one("uvicorn")
    selection = two(layer, layer, read_contract())
    plan = plan_of_pair(selection, driving, budget, threshold)
    check(plan, results)
    record = Sensitivity(**origin(), packages=read_versions([layer]), budget=budget, threshold=threshold, floor=FLOOR)
    seconds = (runs * len(percents) + 1) * budget
    problem, _ = carry_out(lambda watch: try_sizes(plan, record, watch, percents, runs), record, results, seconds)
    show(printing.render(sensitivity_document(record, printing.wide)))
    if problem:
        raise problem


def _numbers(sizes: str) -> list[float]:
    try:
        percents = [float(size) for size in sizes.split()]
    except ValueError:
        percents = []
    if not percents or not all(0 <= percent < 1000 for percent in percents):
        raise BadInput(f"SIZES must be numbers from 0 to below 1000, such as '0 1 10', not {sizes!r}")
    return percents
