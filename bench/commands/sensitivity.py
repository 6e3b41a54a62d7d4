"""`make sensitivity`: how often a pair finds a slow-down of known size."""

from pathlib import Path

import click

from bench.commands.options import (
    PATH,
    Driving,
    Printing,
    Whole,
    budget_option,
    driving_options,
    printing_options,
    results_option,
    threshold_option,
)
from bench.commands.output import show
from bench.commands.running import carry_out, check, plan_of_pair
from bench.data.catalogue import read_catalogue
from bench.data.contract import read_contract
from bench.data.errors import BadInput
from bench.data.plan import two
from bench.data.record import Sensitivity
from bench.data.store import read_record
from bench.host.origin import origin
from bench.host.versions import read_versions
from bench.measure.sensitivity import try_sizes
from bench.report.sensitivity import sensitivity_document
from bench.stats.verdict import FLOOR


@click.command("sensitivity")
@click.option("--sizes", default="0 1 2 5 10", show_default=True, help="Slow-downs to inject, in percent.")
@click.option("--runs", default=20, show_default=True, type=Whole(1, 10_000), help="Runs of each size.")
@threshold_option
@budget_option
@driving_options
@results_option
@click.option("--record", "path", type=PATH, help="Print this record instead of measuring.")
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
    """Inject slow-downs of known size, and print how often `pair` finds them (takes hours)."""
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
