"""`make machines`: each layer's decay on several machines."""

import os

import click

from bench.commands.groups import needs_group
from bench.commands.options import Number, Printing, printing_options, records_option, workload_option
from bench.commands.output import say, show
from bench.commands.records import anatomies, label
from bench.data.errors import BadInput, Fault
from bench.data.record import Anatomy, Measured
from bench.data.store import REFERENCE, RESULTS, read_all
from bench.data.workloads import USER
from bench.report.machines import machines_document
from bench.stats.machines import sites


@click.command("machines")
@records_option
@click.option("--scheduler", default="", help="A Dask scheduler: first measure once on each of its hosts.")
@click.option("--ladder", default="default", help="The ladder that is measured there.  [default]")
@click.option("--budget", default=60.0, type=Number(1, 1e6), help="Time limit in seconds there.  [60]")
@workload_option
@printing_options
def command(paths: str, scheduler: str, ladder: str, budget: float, workload: str, printing: Printing) -> None:
    """Print each layer's decay by machine, by time beside instructions, and how far machines differ.

    A machine is CPU, cores, kernel and Python build; its label is the file's name, and its records are pooled.
    """
    failed: dict[str, str] = {}
    if scheduler:
        needs_group("cluster")
        from bench.commands.machines_workers import bench_everywhere

        options = ["--ladder", ladder, "--budget", str(budget), *(["--workload", workload] if workload else [])]
        failed = bench_everywhere(scheduler, options, budget, RESULTS)
    read = read_all(paths.strip() or str(RESULTS), say)
    files = [*read]
    windows = {
        label(file, files).removesuffix("-bench"): record
        for file, record in read.items()
        if isinstance(record, Measured)
    }
    measured = {label: record for label, record in windows.items() if record.workload == (workload or USER)}
    if windows and not measured:
        others = ", ".join(sorted({record.workload for record in windows.values()}))
        raise BadInput(
            f"no record of the workload {workload or USER!r} in {paths or RESULTS}, but of {others}: try WORKLOAD="
        )
    found = sites(measured)
    if not found and not failed:
        how = "`make bench` here and on another machine makes two, and RECORD= names their files or folders"
        raise BadInput(
            f"no record of `make bench` that says where it was made in {paths or os.path.relpath(RESULTS)}: {how}"
        )
    kept = sorted({*RESULTS.glob("*-anatomy.json"), *REFERENCE.rglob("*-anatomy.json")} - {*files})
    counted = [record for record in read.values() if isinstance(record, Anatomy)]
    counted += [record for _, record in anatomies(kept)]
    counted = [record for record in counted if record.workload == (workload or USER)]
    counted.sort(key=lambda record: str(record.made), reverse=True)
    show(printing.render(machines_document(found, counted, printing.wide, failed)))
    if failed:
        raise Fault(f"{', '.join(failed)}: no new record: see above")
