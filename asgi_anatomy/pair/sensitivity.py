"""What a verdict is worth: slow-downs of known size are injected into a layer, and how often each is found counted.

`make sensitivity` runs pairs of the layer `uvicorn`, the upper one with an empty loop of so many iterations a request.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from statistics import median

import click
import msgspec

from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.origin import described, origin
from asgi_anatomy.documents.store import at, read_record
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
from asgi_anatomy.turns.estimate import decay
from asgi_anatomy.turns.plan import Plan, Watch, two
from asgi_anatomy.turns.record import Pair, Sensitivity, Trial, Verdict
from asgi_anatomy.turns.run import measure_pair
from asgi_anatomy.turns.session import carry_out, check, plan_of_pair
from asgi_anatomy.turns.verdict import FLOOR, Outcome, outcome

LARGE = 300  # iterations, about a fifth of the cost of a request: calibrates the cost of one
VERDICTS: tuple[Verdict, ...] = ("slower", "faster", "same", "unclear")
COLUMNS = (
    Column("injected", "injected", "%", "{injected:.2f}"),
    Column("runs", "runs", wide=True),
    *(Column(key, key) for key in VERDICTS),
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


class _Overall:
    """Reports the progress of all trials instead of one; a single window of a trial is not kept."""

    def __init__(self, watch: Watch, record: Sensitivity, count: int) -> None:
        self.watch = watch
        self.record = record
        self.count = count
        self.began = time.monotonic()

    def tell(self, what: str, _: float) -> None:
        trial = f"trial {min(len(self.record.trials) + 1, self.count)} of {self.count}"
        self.watch.tell(f"{trial}: {what}", time.monotonic() - self.began)

    def keep(self) -> None:
        pass


def injected(layer: Layer, iterations: int) -> Layer:
    """A layer with so many iterations of an empty loop per request, by asgi_anatomy/pair/injected_app.py."""
    return msgspec.structs.replace(
        layer,
        name=f"injected-{iterations}",
        adds=f"{iterations} iterations of an empty loop",
        on=None,
        app="asgi_anatomy.pair.injected_app:app",
        command=f"env ITERATIONS={iterations} {layer.command}",
    )


def try_sizes(plan: Plan, record: Sensitivity, watch: Watch, sizes: Sequence[float], runs: int) -> None:
    """Inject slow-downs into the plan's lower layer, each size `runs` times, and record what was found.

    The order is shuffled each time. Raises Fault if a pair cannot be measured.
    """
    overall = _Overall(watch, record, runs * len(sizes))
    step = _measure(plan, LARGE, overall, patient=True).found
    if not step:
        raise Fault("the injected layer could not be measured: does `make pair A=uvicorn B=uvicorn` work?")
    share = (math.exp(-step.mean) - 1) / LARGE  # of the CPU time per request: what one iteration adds
    for _ in range(runs):
        for percent in random.sample(sizes, len(sizes)):
            record.trials.append(_try_once(plan, percent, share, overall))
            watch.keep()


def _try_once(plan: Plan, percent: float, share: float, watch: Watch) -> Trial:
    """Inject this many percent of extra work, of which an iteration is a share, and see what the pair says."""
    iterations = round(percent / 100 / share)
    judged = _measure(plan, iterations, watch)
    step = judged.found
    interval = step.interval() if step else None
    if not step or not interval:
        raise Fault("a pair had too few rounds to be judged: try a longer BUDGET")
    size = 100 * (1 - 1 / (1 + iterations * share))
    low, high = decay(interval[1]), decay(interval[0])
    return Trial(size, judged.verdict, decay(step.mean), low, high, step.rounds, judged.seconds)


def _measure(plan: Plan, iterations: int, watch: Watch, patient: bool = False) -> Outcome:
    layer = plan.selection.layers[0]
    selection = two(injected(layer, 0), injected(layer, iterations), plan.selection.contract)
    record = Pair(load=plan.load, cores=plan.lane, layers=selection.rows(), budget=plan.budget)
    measure_pair(msgspec.structs.replace(plan, selection=selection), record, watch, patient)
    return outcome(record, plan.threshold)


def clopper_pearson(count: int, runs: int) -> tuple[float, float]:
    """The 95% interval of a proportion, 0 to 1, seen as `count` of `runs` (Biometrika 26, 1934)."""
    from scipy import special  # not above: it takes longer to load than most commands to run

    low = float(special.betaincinv(count, runs - count + 1, 0.025)) if count else 0.0
    high = float(special.betaincinv(count + 1, runs - count, 0.975)) if count < runs else 1.0
    return low, high


def rows(record: Sensitivity) -> list[Values]:
    """A row for each injected size; `called_low` and `called_high` are the 95% interval of `called` in percent."""
    table: list[Values] = []
    for size in sorted({trial.injected for trial in record.trials}):
        trials = [trial for trial in record.trials if trial.injected == size]
        verdicts = Counter(trial.verdict for trial in trials)
        called = verdicts["slower"] + verdicts["faster"]
        low, high = clopper_pearson(called, len(trials))
        decays = sorted(trial.decay for trial in trials)
        table.append(
            {
                "injected": size,
                "runs": len(trials),
                **{verdict: verdicts[verdict] for verdict in VERDICTS},
                "called": called,
                "called_low": 100 * low,
                "called_high": 100 * high,
                "decay": median(decays),
                "decay_low": decays[0],
                "decay_high": decays[-1],
                "seconds": median(trial.seconds for trial in trials),
            }
        )
    return table


def sensitivity_document(record: Sensitivity, wide: bool = False) -> Document:
    """A sentence, the table of what was found, and how often the interval was right."""
    values = rows(record)
    table = Table(COLUMNS, values)
    inside = sum(trial.decay_low <= trial.injected <= trial.decay_high for trial in record.trials)
    parts: list[str | Table] = [
        sentence(values),
        "",
        table,
        "",
        "injected: extra work in the upper layer of a pair, expressed as a decay; both layers are `uvicorn`. Budget"
        f" {record.budget:.0f} s, threshold {record.threshold:g}%, A/A noise floor {record.floor:g}%.",
        f"The 95% interval contained the injected decay in {inside} of {len(record.trials)} runs.",
        *described(record, wide),
    ]
    return Document(parts, table)


def sentence(values: Sequence[Values]) -> str:
    """From which size on every slow-down was found, how often the next smaller one, and how often there was none."""
    sizes = [row for row in values if row["injected"] > 0]
    sure = [*takewhile(lambda row: row["slower"] == row["runs"], reversed(sizes))]
    clauses = []
    if sure:
        runs = sum(row["runs"] for row in sure)
        clauses.append(f"every slow-down of {sure[-1]['injected']:.2f}% or more ({runs} of {runs} runs)")
    if unsure := sizes[: len(sizes) - len(sure)]:
        found, runs = unsure[-1]["slower"], unsure[-1]["runs"]
        low, high = clopper_pearson(found, runs)
        clauses.append(f"{found} of {runs} of {unsure[-1]['injected']:.2f}% ({100 * low:.0f} to {100 * high:.0f}%)")
    text = [f"A pair found {', and '.join(clauses)}"] if clauses else []
    for row in [row for row in values if not row["injected"]][:1]:
        often = f"{row['called']} of {row['runs']} ({row['called_low']:.0f} to {row['called_high']:.0f}%)"
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
        return show(
            printing.render(sensitivity_document(read_record(at(path, "sensitivity"), Sensitivity), printing.wide))
        )
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
