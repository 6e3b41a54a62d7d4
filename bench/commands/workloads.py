"""`make workloads`: what each layer costs, by workload."""

import os
from pathlib import Path

import click
import msgspec

from bench.commands.bench import begin, measure, plan_of
from bench.commands.options import (
    Driving,
    Number,
    Printing,
    contract_for,
    driving_options,
    precision_option,
    printing_options,
    records_option,
    results_option,
)
from bench.commands.output import say, show
from bench.commands.running import check
from bench.data.catalogue import read_catalogue
from bench.data.contract import contract_of
from bench.data.errors import BadInput, Fault, Stopped
from bench.data.layers import Catalogue
from bench.data.plan import select
from bench.data.record import Bench, Kind
from bench.data.store import REFERENCE, is_live, read_all
from bench.data.workloads import read_entries
from bench.report.workloads import workloads_document


class Found(msgspec.Struct, frozen=True):
    """The newest record of a workload, and where it is."""

    path: Path
    record: Bench


@click.command("workloads")
@click.option("--ladder", default="default", show_default=True, help="A ladder of layers.toml.")
@click.option("--workload", "names", default="", help="Only these workloads, separated by commas or spaces.")
@click.option("--measure", "measuring", is_flag=True, help="Measure each of them first, for BUDGET seconds.")
@click.option("--budget", default=60.0, show_default=True, type=Number(1, 1e6), help="Time limit for each, in seconds.")
@precision_option
@records_option
@driving_options
@results_option
@printing_options
@click.pass_obj
def command(
    catalogue_file: Path,
    /,
    ladder: str,
    names: str,
    measuring: bool,
    budget: float,
    precision: float,
    paths: str,
    driving: Driving,
    results: Path,
    printing: Printing,
) -> None:
    """Print what each layer of a ladder costs in each workload, from the newest record of each."""
    catalogue = read_catalogue(catalogue_file)
    known = read_entries(contract_of(catalogue.choose("", ladder)).name)
    chosen = names.replace(",", " ").split() or [*known]
    if unknown := [each for each in chosen if each not in known]:
        raise BadInput(f"unknown workload {unknown[0]!r}: workloads.toml has {', '.join(known)}")
    problems = [
        f"{name}: {problem}"
        for name in (chosen if measuring else [])
        if (problem := _measure(name, catalogue, ladder, driving, budget, precision, results))
    ]
    found = newest(read_all(paths.strip() or str(results), say), ladder)
    if not found and not paths.strip():
        folders = [folder for folder in (REFERENCE / "workloads", REFERENCE / ladder) if folder.is_dir()]
        found = newest({file: each for folder in folders for file, each in read_all(str(folder), say).items()}, ladder)
    records = {name: found[name].record for name in chosen if name in found}
    if not records:
        raise BadInput(f"no record of the ladder {ladder!r} in {paths or results}: try MEASURE=1")
    of = f" LADDER={ladder}" if ladder != "default" else ""
    lacking = [f"{name}: no record; make bench WORKLOAD={name}{of}" for name in chosen if name not in found]
    published = {name: known[name].published for name in records}
    sources = _sources(found, [*records], printing.wide)
    document = workloads_document(records, next(iter(known)), lacking, sources, published)
    show(printing.render(document))
    if problems:
        raise Fault("; ".join(problems))


def _measure(
    name: str,
    catalogue: Catalogue,
    ladder: str,
    driving: Driving,
    budget: float,
    precision: float,
    results: Path,
) -> str:
    """Measure one workload; returns what went wrong, so that the others are measured all the same."""
    say(f"workload {name}:")
    try:
        selection = select(catalogue, contract_for(name, catalogue.choose("", ladder)), ladder=ladder)
        plan = plan_of(selection, driving, budget, precision)
        check(plan, results)
        problem, _ = measure(plan, begin(plan), results)
    except BadInput:
        raise
    except Fault as fault:
        return fault.message
    if isinstance(problem, Stopped):
        raise problem
    return problem.message if problem else ""


def newest(records: dict[Path, Kind], ladder: str) -> dict[str, Found]:
    """The bench record of each workload: of those that were not stopped and have most layers, the newest."""
    found: dict[str, Found] = {}
    for file, record in records.items():
        if isinstance(record, Bench) and record.made and record.ladder == ladder and not is_live(record):
            before = found.get(record.workload)
            if not before or _rank(before.record) < _rank(record):
                found[record.workload] = Found(file, record)
    return found


def _rank(record: Bench) -> tuple[bool, int, str]:
    return not record.stopped, len(record.layers), str(record.made)


def _sources(found: dict[str, Found], names: list[str], wide: bool) -> list[str]:
    """Where the records are: each of them, or their folders."""
    paths = {name: os.path.relpath(found[name].path) for name in names}
    if wide:
        return [f"{name}: {path}" for name, path in paths.items()]
    folders = dict.fromkeys(os.path.dirname(path) or "." for path in paths.values())  # noqa: PTH120 (as text)
    return [f"From the newest record of each workload in {' and '.join(folders)} (WIDE=1 names them)."]
