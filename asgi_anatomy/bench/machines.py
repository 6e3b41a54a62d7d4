"""Each layer's decay on several machines, by time and by instructions, and how far they differ: `make machines`.

Records of one machine are pooled: means weighted by 1 / error^2, with an error that grows by the Birge ratio where they
differ by more than their errors say (Birge, Physical Review 40, 1932). Whether machines differ is Cochran's Q against
chi squared at 5% (Biometrics 10, 1954).

With SCHEDULER, `make bench` runs first once on each machine, with nothing else on it meanwhile.
"""

import math
import os
import re
import socket
from collections import Counter, defaultdict
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
from asgi_anatomy.machine.executor import finished, workers
from asgi_anatomy.machine.machine import Machine, Python, identity
from asgi_anatomy.machine.programs import last_line, run, scratch
from asgi_anatomy.machine.signals import held
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
from asgi_anatomy.suite.layers import PYTHON
from asgi_anatomy.suite.workloads import USER
from asgi_anatomy.turns.decay import ratios
from asgi_anatomy.turns.estimate import Estimate, decay
from asgi_anatomy.turns.record import Anatomy, Measured


class Site(msgspec.Struct, frozen=True):
    """One machine: CPU, cores, kernel and Python build, with all records that were made there."""

    label: str
    machine: Machine
    python: Python
    records: list[Measured]


class OnSite(msgspec.Struct, frozen=True, kw_only=True):
    """A layer on one machine, in percent."""

    layer: str
    on: str
    site: Site
    decay: float
    decay_low: float | None
    decay_high: float | None
    instructions: float | None
    """The decay by instructions, from the newest anatomy of the same Python and packages."""


class Difference(msgspec.Struct, frozen=True):
    """How far machines differ in a layer's decay."""

    points: float
    """Highest less lowest, in percentage points."""
    beyond: bool | None
    """Whether that is more than their intervals explain; None: it is not known."""


def sites(records: Mapping[str, Measured]) -> list[Site]:
    """The machines behind records, which come by label; a record that does not say where it was made is left out."""
    groups: defaultdict[object, dict[str, Measured]] = defaultdict(dict)
    for name, record in records.items():
        if record.machine and record.python:
            groups[identity(record.machine, record.python)][name] = record
    return [
        Site(min(group, key=len), first.machine, first.python, [*group.values()])
        for group in groups.values()
        if (first := next(iter(group.values()))) and first.machine and first.python
    ]


def cells(machines: Sequence[Site], anatomies: Sequence[Anatomy]) -> list[OnSite]:
    """Every layer on every machine, layers in their records' order; `anatomies` the newest first."""
    by_layer: defaultdict[tuple[str, str], list[OnSite]] = defaultdict(list)
    for site in machines:
        steps: defaultdict[tuple[str, str], list[Estimate]] = defaultdict(list)
        for record in site.records:
            for name, step in ratios(record).items():
                steps[name, record.row(name).on or ""].append(step)
        for (name, on), estimates in steps.items():
            pooled = pool(estimates)
            interval = pooled.interval()
            by_layer[name, on].append(
                OnSite(
                    layer=name,
                    on=on,
                    site=site,
                    decay=decay(pooled.mean),
                    decay_low=decay(interval[1]) if interval else None,
                    decay_high=decay(interval[0]) if interval else None,
                    instructions=_instructions(site, name, on, anatomies),
                )
            )
    return [cell for row in by_layer.values() for cell in row]


def pool(estimates: Sequence[Estimate]) -> Estimate:
    """Several estimates of one log-ratio as one."""
    sure = [(each, each.error) for each in estimates if each.error]
    if len(sure) < 2:
        return sure[0][0] if sure else estimates[0]
    weights = [error**-2 for _, error in sure]
    mean = sum(weight * each.mean for weight, (each, _) in zip(weights, sure, strict=True)) / sum(weights)
    off = sum(weight * (each.mean - mean) ** 2 for weight, (each, _) in zip(weights, sure, strict=True))
    birge = max(1.0, math.sqrt(off / (len(sure) - 1)))
    freedom = sum(each.degrees for each, _ in sure) if birge == 1 else len(sure) - 1
    return Estimate(mean, birge / math.sqrt(sum(weights)), sum(each.rounds for each, _ in sure), freedom)


def difference(row: Sequence[OnSite]) -> Difference | None:
    """How far the machines of one layer differ; None for one machine."""
    if len(row) < 2:
        return None
    decays = [cell.decay for cell in row]
    points = max(decays) - min(decays)
    margins = [
        (cell.decay_high - cell.decay_low) / 2
        for cell in row
        if cell.decay_high is not None and cell.decay_low is not None
    ]
    if len(margins) < len(row) or not all(margins):
        return Difference(points, None)
    from scipy import special  # not above: it takes longer to load than most commands to run

    weights = [(1.96 / margin) ** 2 for margin in margins]
    mean = sum(weight * decay for weight, decay in zip(weights, decays, strict=True)) / sum(weights)
    off = sum(weight * (decay - mean) ** 2 for weight, decay in zip(weights, decays, strict=True))
    return Difference(points, bool(special.chdtrc(len(row) - 1, off) < 0.05))


def _instructions(site: Site, name: str, on: str, anatomies: Sequence[Anatomy]) -> float | None:
    """The decay by instructions of a layer, from the newest anatomy of the same Python and packages."""
    builds = {_build_of(record) for record in site.records}
    for anatomy in anatomies:
        if _build_of(anatomy) in builds and on in {row.name for row in anatomy.layers}:
            for line in lines(anatomy):
                if line.layer == name and line.on == on and line.decay is not None:
                    return line.decay
    return None


def _build_of(record: Measured | Anatomy) -> object:
    """Python's build and the packages: instructions depend on these, and hardly on the machine."""
    python = record.python and msgspec.structs.astuple(record.python)
    return python, record.contract, tuple(sorted(record.packages.items()))


def _started_otherwise(machines: Sequence[Site]) -> dict[str, list[str]]:
    """By the machines that started layers by another command than most, in words: these layers."""
    commands: defaultdict[str, defaultdict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for site in machines:
        for row in (row for record in site.records for row in record.layers):
            # Without the interpreter's place.
            command = tuple("python" if "python" in word.rpartition("/")[2] else word for word in row.command)
            if site.label not in commands[row.name][command]:
                commands[row.name][command].append(site.label)
    layers: defaultdict[str, list[str]] = defaultdict(list)
    for name, labels in commands.items():
        if len(labels) > 1:
            rarer = sorted(labels.values(), key=len)[:-1]
            layers[", ".join(sorted({label for same in rarer for label in same}))].append(name)
    return layers


def _differ(row: Values) -> str:
    if not row["first"] or row["differ"] is None:
        return ""
    return f"{row['differ']:.1f}{'*' if row['beyond'] else ''}"


COLUMNS = (
    Column("layer first", "layer", "", lambda row: str(row["shown"]) if row["first"] else "", left=True),
    Column("machine", "machine", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("decay_low decay_high", "95% interval", "", "{decay_low:.1f} - {decay_high:.1f}"),
    Column("instructions", "instr.", "%", "{instructions:.1f}"),
    Column("differ", "differ", "pp", _differ),
    *map(Column, ("on", "beyond", "records", "cpu", "cores", "system", "python", "optimised", "failed")),
)
FIRST = ("layer", "on", "machine", "decay", "decay_low", "decay_high", "instructions", "differ", "beyond")


def machines_document(
    machines: Sequence[Site],
    anatomies: Sequence[Anatomy],
    wide: bool = False,
    failed: Mapping[str, str] | None = None,
) -> Document:
    """A sentence, the table, the machines, and notes on them; `anatomies` the newest first.

    Each machine that was to be measured and `failed`, for the reason given, has a row and a line.
    """
    every = cells(machines, anatomies)
    rows = [*_rows(every), *(_failed(name, why) for name, why in (failed or {}).items())]
    table = Table([column for column in COLUMNS if column.keys != "layer first"], rows, FIRST)
    notes = [f"{name}: failed: {why}" for name, why in (failed or {}).items()]
    notes += [_in_a_line(site, wide) for site in machines]
    notes += [
        f"started by another command on {labels}: {', '.join(layers)}"
        for labels, layers in _started_otherwise(machines).items()
    ]
    meaning = (
        "decay: % fewer requests per CPU-second than the layer it stands on; instr.: the same by instructions; differ:"
        " highest minus lowest machine, * where that is more than their intervals explain."
    )
    return Document([sentence(every), "", Table(COLUMNS, rows), "", *notes, meaning], table)


def _grouped(every: Sequence[OnSite]) -> dict[tuple[str, str], list[OnSite]]:
    rows: defaultdict[tuple[str, str], list[OnSite]] = defaultdict(list)
    for cell in every:
        rows[cell.layer, cell.on].append(cell)
    return rows


def sentence(every: Sequence[OnSite]) -> str:
    """The layer in which machines differ most, or what a single machine reads."""
    if not every:
        return "No layer here has a decay: that needs a record of a layer and the one that it stands on."
    shared = [(differ, row) for row in _grouped(every).values() if (differ := difference(row))]
    if not shared:
        labels = {cell.site.label for cell in every}
        what = f"{len(labels)} machines have no layer in common" if len(labels) > 1 else "This is one machine"
        return f"{what}: to compare, name records of one ladder on several with RECORD=."
    differ, row = max(shared, key=lambda pair: pair[0].points)
    explained = {True: " (more than their intervals explain)", False: " (within their intervals)", None: ""}
    counted = [cell.instructions for cell in row if cell.instructions is not None]
    text = (
        f"Machines differ most in {row[0].layer} on {row[0].on}, by {differ.points:.1f} pp:"
        f" {_range([cell.decay for cell in row])} on {len(row)} machines{explained[differ.beyond]}"
    )
    if counted:
        text += f"; by instructions {_range(counted)} on {'all' if len(counted) == len(row) else len(counted)}"
    return f"{text}."


def _range(percents: Sequence[float]) -> str:
    low, high = f"{min(percents):.1f}", f"{max(percents):.1f}"
    return f"{low}%" if low == high else f"{low} to {high}%"


def _rows(every: Sequence[OnSite]) -> list[Values]:
    rows: list[Values] = []
    by_layer = _grouped(every)
    names = Counter(layer for layer, _ in by_layer)
    for (layer, on), row in by_layer.items():
        differ = difference(row)
        rows += [
            {
                **msgspec.structs.asdict(cell.site.machine),
                **msgspec.structs.asdict(cell),
                "shown": f"{layer} on {on}" if names[layer] > 1 else layer,
                "first": cell is row[0],
                "machine": cell.site.label,
                "differ": differ and differ.points,
                "beyond": differ and differ.beyond,
                "records": len(cell.site.records),
                "python": cell.site.python.version,
                "optimised": cell.site.python.optimised,
                "failed": None,
            }
            for cell in row
        ]
    return rows


def _failed(machine: str, why: str) -> Values:
    row: dict[str, str | bool | None] = {key: None for column in COLUMNS for key in column.keys.split()}
    return row | {"shown": "(failed)", "first": True, "machine": machine, "failed": why}


def _in_a_line(site: Site, wide: bool) -> str:
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
    if ladder != "default" and not scheduler:
        raise BadInput(
            "LADDER= is what each host of SCHEDULER= measures: without one, RECORD= says which records are shown"
        )
    if scheduler:
        needs_group("cluster")
        options = ["--ladder", ladder, "--budget", str(budget), *(["--workload", workload] if workload else [])]
        failed = bench_everywhere(scheduler, options, budget, RESULTS)
    records, wanted = read_all(paths.strip() or str(RESULTS), say), workload or USER
    measured = {
        label(file, [*records]).removesuffix("-bench"): record
        for file, record in records.items()
        if isinstance(record, Measured)
    }
    same = {name: record for name, record in measured.items() if record.workload == wanted}
    if measured and not same:
        others = ", ".join(sorted({record.workload for record in measured.values()}))
        raise BadInput(f"no record of the workload {wanted!r} in {paths or RESULTS}, but of {others}: try WORKLOAD=")
    machines = sites(same)
    if not machines and not failed:
        how = "`make bench` here and on another machine makes two, and RECORD= names their files or folders"
        raise BadInput(
            f"no record of `make bench` that says where it was made in {paths or os.path.relpath(RESULTS)}: {how}"
        )
    kept = {*RESULTS.glob("*-anatomy.json"), *REFERENCE.rglob("*-anatomy.json")} - {*records}
    counted = [record for record in records.values() if isinstance(record, Anatomy)]
    counted += [record for _, record in anatomies(sorted(kept))]
    counted = [record for record in counted if record.workload == wanted]
    counted.sort(key=lambda record: str(record.made), reverse=True)
    show(printing.render(machines_document(machines, counted, printing.wide, failed)))
    if failed:
        raise Fault(f"{', '.join(failed)}: no new record: see above")


SET_UP = 1800.0
"""Seconds that a machine has besides measuring: to install, compile, check, and end a round."""


def bench_everywhere(scheduler: str, arguments: Sequence[str], budget: float, folder: Path) -> dict[str, str]:
    """Keep a record for each machine of a scheduler, named after it; returns those that failed, and why.

    What fails is tried again once. Other workers of a machine are idle meanwhile, as only one of its jobs is there.
    """
    failed: dict[str, str] = {}
    require_folder(folder)
    with workers(scheduler) as everyone:
        for name, machine in everyone.machines.items():
            more = f", on one of its {machine.width} workers" if machine.width > 1 else ""
            say(f"make bench on {name}{more}: about {budget:.0f} s")
        limit = 2 * budget + SET_UP
        jobs = {machine.submit(bench_here, [*arguments], limit): name for name, machine in everyone.machines.items()}
        results = finished(jobs)
        for done, (name, record) in enumerate(results, 1):
            if isinstance(record, Fault):
                failed[name] = record.message
                say(f"failed: {name}: {record.message}")
                continue
            with held():
                write_whole(record, folder / f"{re.sub(r'[^A-Za-z0-9._-]', '-', name)}.json")
            say(f"{name} is done, {len(jobs) - done} left")
    return failed


def bench_here(arguments: Sequence[str], seconds: float) -> bytes:
    """Run `make bench` on this worker's machine, at most this long; returns its record, or raises Fault."""
    with scratch() as folder:
        command = [os.fspath(PYTHON), "-m", "asgi_anatomy", "bench", "--results", str(folder), *arguments]
        code, output = run(command, seconds)
        records = sorted(folder.glob("*-bench.json"))
        if records and code == 0:
            return records[0].read_bytes()
    if code is None:
        raise Fault(f"{socket.gethostname()}: make bench did not end within {seconds:,.0f} s")
    raise Fault(f"{socket.gethostname()}: make bench failed: {last_line(output).removeprefix('error: ')}")
