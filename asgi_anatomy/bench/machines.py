"""Records of several machines -> each layer's decay on each of them, and how far machines differ. Pure.

Records of one machine are pooled: means weighted by 1 / error^2, with an error that grows by the Birge ratio where they
differ by more than their errors say (Birge, Physical Review 40, 1932). Whether machines differ is Cochran's Q against
chi squared at 5% (Biometrics 10, 1954).

One table of several machines: each layer's decay on each of them, by time and by instructions.

`make machines`: each layer's decay on several machines.

What `make machines SCHEDULER=` does first: `make bench` once on each machine, with nothing else on it meanwhile.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from asgi_anatomy.cli import needs_group
from asgi_anatomy.counts.figures import lines
from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.origin import cpu_name
from asgi_anatomy.documents.store import REFERENCE, RESULTS, anatomies, label, read_all, require_folder, write_whole
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.machine import Machine, Python, identity
from asgi_anatomy.machine.signals import held
from asgi_anatomy.machine.versions import read_revision, require_revision
from asgi_anatomy.options import (
    Command,
    Printing,
    budget_option,
    ladder_option,
    printing_options,
    records_option,
    scheduler_option,
    workload_option,
)
from asgi_anatomy.packages.sides import bench_here
from asgi_anatomy.suite.workloads import USER
from asgi_anatomy.turns.decay import ratios
from asgi_anatomy.turns.estimate import Estimate, decay
from asgi_anatomy.turns.record import Anatomy, Measured, Row


class Site(msgspec.Struct, frozen=True):
    """One machine: CPU, cores, kernel and Python build, with all records that were made there."""

    label: str
    machine: Machine
    python: Python
    records: list[Measured]


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A layer on one machine, in percent."""

    layer: str
    on: str
    site: Site
    decay: float
    decay_low: float | None
    decay_high: float | None
    instructions: float | None
    """The decay by instructions, from the newest anatomy of the same Python and packages."""


class Spread(msgspec.Struct, frozen=True):
    """How far machines differ in a layer's decay."""

    points: float
    """Highest less lowest, in percentage points."""
    beyond: bool | None
    """Whether that is more than their intervals explain; None: it is not known."""


def sites(records: Mapping[str, Measured]) -> list[Site]:
    """The machines behind records, which come by label; a record that does not say where it was made is left out."""
    found: dict[object, list[tuple[str, Measured]]] = {}
    for called, record in records.items():
        if record.machine and record.python:
            found.setdefault(identity(record.machine, record.python), []).append((called, record))
    return [_site(each) for each in found.values()]


def _site(labelled: list[tuple[str, Measured]]) -> Site:
    records = [record for _, record in labelled]
    first = records[0]
    assert first.machine
    assert first.python
    label = min((each for each, _ in labelled), key=len)
    return Site(label, first.machine, first.python, records)


def cells(found: Sequence[Site], anatomies: Sequence[Anatomy]) -> list[Cell]:
    """Every layer on every machine, layers in their records' order; `anatomies` the newest first."""
    by_layer: dict[tuple[str, str], list[Cell]] = {}
    for site in found:
        for (name, on), estimates in _estimates(site).items():
            both = pool(estimates)
            interval = both.interval()
            by_layer.setdefault((name, on), []).append(
                Cell(
                    layer=name,
                    on=on,
                    site=site,
                    decay=decay(both.mean),
                    decay_low=decay(interval[1]) if interval else None,
                    decay_high=decay(interval[0]) if interval else None,
                    instructions=_instructions(site, name, on, anatomies),
                )
            )
    return [cell for row in by_layer.values() for cell in row]


def _estimates(site: Site) -> dict[tuple[str, str], list[Estimate]]:
    found: dict[tuple[str, str], list[Estimate]] = {}
    for record in site.records:
        for name, step in ratios(record).items():
            found.setdefault((name, record.row(name).on or ""), []).append(step)
    return found


def pool(found: Sequence[Estimate]) -> Estimate:
    """Several estimates of one log-ratio as one."""
    sure = [(each, each.error) for each in found if each.error]
    if len(sure) < 2:
        return sure[0][0] if sure else found[0]
    weights = [error**-2 for _, error in sure]
    mean = sum(weight * each.mean for weight, (each, _) in zip(weights, sure, strict=True)) / sum(weights)
    off = sum(weight * (each.mean - mean) ** 2 for weight, (each, _) in zip(weights, sure, strict=True))
    birge = max(1.0, math.sqrt(off / (len(sure) - 1)))
    freedom = sum(each.degrees for each, _ in sure) if birge == 1 else len(sure) - 1
    return Estimate(mean, birge / math.sqrt(sum(weights)), sum(each.rounds for each, _ in sure), freedom)


def spread(row: Sequence[Cell]) -> Spread | None:
    """How far the machines of one layer's cells differ; None for one machine."""
    if len(row) < 2:
        return None
    decays = [each.decay for each in row]
    points = max(decays) - min(decays)
    margins = [
        (each.decay_high - each.decay_low) / 2
        for each in row
        if each.decay_high is not None and each.decay_low is not None
    ]
    if len(margins) < len(row) or not all(margins):
        return Spread(points, None)
    from scipy import special  # as in stats/estimate.py

    weights = [(1.96 / margin) ** 2 for margin in margins]
    mean = sum(weight * each for weight, each in zip(weights, decays, strict=True)) / sum(weights)
    off = sum(weight * (each - mean) ** 2 for weight, each in zip(weights, decays, strict=True))
    return Spread(points, bool(special.chdtrc(len(row) - 1, off) < 0.05))


def _instructions(site: Site, name: str, on: str, anatomies: Sequence[Anatomy]) -> float | None:
    """The decay by instructions of a layer, from the newest anatomy of the same Python and packages."""
    of = {_made_of(record) for record in site.records}
    for anatomy in anatomies:
        if _made_of(anatomy) in of and {name, on} <= {row.name for row in anatomy.layers}:
            for line in lines(anatomy):
                if line.layer == name and line.on == on and line.decay is not None:
                    return line.decay
    return None


def _made_of(record: Measured | Anatomy) -> object:
    """Python's build and the packages: instructions depend on these, and hardly on the machine."""
    python = record.python and msgspec.structs.astuple(record.python)
    return python, record.contract, tuple(sorted(record.packages.items()))


def differing_commands(found: Sequence[Site]) -> dict[str, list[str]]:
    """Layers that were not started by the same command everywhere: the labels of the machines, commonest first."""
    rows: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for site in found:
        for record in site.records:
            for row in record.layers:
                labels = rows.setdefault(row.name, {}).setdefault(_command(row), [])
                labels += [] if site.label in labels else [site.label]
    return {
        name: sorted({label for labels in sorted(ways.values(), key=len)[:-1] for label in labels})
        for name, ways in rows.items()
        if len(ways) > 1
    }


def _command(row: Row) -> tuple[str, ...]:
    """A command without the interpreter's place."""
    return tuple("python" if "python" in word.rpartition("/")[2] else word for word in row.command)


COLUMNS = (
    Column("layer first", "layer", "", lambda row: str(row["shown"]) if row["first"] else "", left=True),
    Column("machine", "machine", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("decay_low decay_high", "95% interval", "", "{decay_low:.1f} - {decay_high:.1f}"),
    Column("instructions", "instr.", "%", "{instructions:.1f}"),
    Column("differ", "differ", "pp", lambda row: _differ(row)),
    Column("on"),
    Column("beyond"),
    Column("records"),
    Column("cpu"),
    Column("cores"),
    Column("system"),
    Column("python"),
    Column("optimised"),
    Column("failed"),
)
FIRST = ("layer", "on", "machine", "decay", "decay_low", "decay_high", "instructions", "differ", "beyond")


def _differ(row: Values) -> str:
    if not row["first"] or row["differ"] is None:
        return ""
    return f"{row['differ']:.1f}{'*' if row['beyond'] else ''}"


def machines_document(
    sites: Sequence[Site],
    anatomies: Sequence[Anatomy],
    wide: bool = False,
    failed: Mapping[str, str] | None = None,
) -> Document:
    """A sentence, the table, the machines, and notes on them; `anatomies` the newest first.

    Each machine that was to be measured and `failed`, for the reason given, has a row and a line.
    """
    found = cells(sites, anatomies)
    rows = [_values(cell, found) for cell in found] + [_failed(name, why) for name, why in (failed or {}).items()]
    table = Table([each for each in COLUMNS if each.keys != "layer first"], rows, FIRST)
    said = [f"{name}: failed: {why}" for name, why in (failed or {}).items()]
    said += [_say(site, wide) for site in sites]
    ways: dict[str, list[str]] = {}
    for name, labels in differing_commands(sites).items():
        ways.setdefault(", ".join(labels), []).append(name)
    said += [f"started by another command on {labels}: {', '.join(names)}" for labels, names in ways.items()]
    last = (
        "decay: % fewer requests per CPU-second than the layer it stands on; instr.: the same by instructions; differ:"
        " highest minus lowest machine, * where that is more than their intervals explain."
    )
    return Document([sentence(found), "", Table(COLUMNS, rows), "", *said, last], table)


def sentence(found: Sequence[Cell]) -> str:
    """The layer in which machines differ most, or what a single machine reads."""
    if not found:
        return "No layer here has a decay: that needs a record of a layer and the one that it stands on."
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in found:
        rows.setdefault((cell.layer, cell.on), []).append(cell)
    shared = [(differ, row) for row in rows.values() if (differ := spread(row))]
    if not shared:
        labels = {cell.site.label for cell in found}
        what = f"{len(labels)} machines have no layer in common" if len(labels) > 1 else "This is one machine"
        return f"{what}: to compare, name records of one ladder on several with RECORD=."
    differ, row = max(shared, key=lambda each: each[0].points)
    explained = {True: " (more than their intervals explain)", False: " (within their intervals)", None: ""}
    decays = [each.decay for each in row]
    counted = [each.instructions for each in row if each.instructions is not None]
    said = f"Machines differ most in {row[0].layer} on {row[0].on}, by {differ.points:.1f} pp:"
    said += f" {_range(decays)} on {len(row)} machines{explained[differ.beyond]}"
    return f"{said}{f'; by instructions {_range(counted)} on {_share(counted, row)}' if counted else ''}."


def _range(percents: Sequence[float]) -> str:
    low, high = f"{min(percents):.1f}", f"{max(percents):.1f}"
    return f"{low}%" if low == high else f"{low} to {high}%"


def _share(some: Sequence[object], every: Sequence[object]) -> str:
    return "all" if len(some) == len(every) else f"{len(some)}"


def _values(cell: Cell, found: Sequence[Cell]) -> Values:
    row = [each for each in found if (each.layer, each.on) == (cell.layer, cell.on)]
    differ, site = spread(row), cell.site
    others = any(each.layer == cell.layer and each.on != cell.on for each in found)
    return {
        "layer": cell.layer,
        "shown": f"{cell.layer} on {cell.on}" if others else cell.layer,
        "first": row[0] is cell,
        "on": cell.on,
        "machine": site.label,
        "decay": cell.decay,
        "decay_low": cell.decay_low,
        "decay_high": cell.decay_high,
        "instructions": cell.instructions,
        "differ": differ and differ.points,
        "beyond": differ and differ.beyond,
        "records": len(site.records),
        "cpu": site.machine.cpu,
        "cores": site.machine.cores,
        "system": site.machine.system,
        "python": site.python.version,
        "optimised": site.python.optimised,
        "failed": None,
    }


def _failed(machine: str, why: str) -> Values:
    row: dict[str, str | bool | None] = {key: None for column in COLUMNS for key in column.keys.split()}
    return row | {"shown": "(failed)", "first": True, "machine": machine, "failed": why}


def _say(site: Site, wide: bool) -> str:
    """A machine in one line."""
    how = {True: " (optimised)", False: " (not optimised)", None: ""}[site.python.optimised]
    count = f", {len(site.records)} records" if len(site.records) > 1 else ""
    cpu = f"{site.machine.cpu}, {site.machine.system}" if wide else cpu_name(site.machine)
    return f"{site.label}: {site.machine.cores} cores {cpu}, Python {site.python.version}{how}{count}"


@click.command("machines", cls=Command)
@records_option
@scheduler_option
@ladder_option
@budget_option(60, "Time limit for each machine of SCHEDULER, in seconds.")
@workload_option
@printing_options
def command(paths: str, scheduler: str, ladder: str, budget: float, workload: str, printing: Printing) -> None:
    """Print each layer's decay by machine, and how far they differ.

    By time, beside instructions. A machine is CPU, cores, kernel and Python build; its label is the file's name, and
    its records are pooled. With SCHEDULER, each of its hosts is measured first.
    """
    failed: dict[str, str] = {}
    if scheduler:
        needs_group("cluster")

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


SET_UP = 1800.0
"""Seconds that a machine has besides measuring: to install, compile, check, and end a round."""


def bench_everywhere(scheduler: str, arguments: Sequence[str], budget: float, folder: Path) -> dict[str, str]:
    """Keep a record for each machine of a scheduler, named after it; returns those that failed, and why.

    What fails is tried again once. Other workers of a machine are idle meanwhile, as only one of its jobs is there.
    """
    from concurrent.futures import as_completed

    from asgi_anatomy.machine.cluster import cluster, reason

    revision, failed = read_revision(), {}
    require_folder(folder)
    with cluster(scheduler, lambda: require_revision(revision)) as workers:
        for name, addresses in workers.machines.items():
            more = f", on one of its {len(addresses)} workers" if len(addresses) > 1 else ""
            say(f"make bench on {name}{more}: about {budget:.0f} s")
        limit = 2 * budget + SET_UP
        futures = {
            workers.on(name, retries=1).submit(bench_here, [*arguments], limit): name for name in workers.machines
        }
        for done, future in enumerate(as_completed(futures), 1):
            name = futures[future]
            error = future.exception()
            if isinstance(error, BadInput):
                raise error
            if error:
                failed[name] = reason(error)
                say(f"failed: {name}: {failed[name]}")
                continue
            with held():
                path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '-', name)}.json"
                write_whole(future.result(), path)
            say(f"{name} is done, {len(futures) - done} left")
    return failed
