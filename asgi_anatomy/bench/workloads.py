"""Records of one ladder under several workloads -> what each layer costs in each, and where that is the same. Pure.

One ladder under several workloads: each layer's decay and + µs/req in each, and what follows from both.

`make workloads`: what each layer costs, by workload.
"""

import math
import os
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import click
import msgspec

from asgi_anatomy.bench.command import begin, measure, plan_of
from asgi_anatomy.documents.document import WIDTH, Column, Document, Table
from asgi_anatomy.documents.origin import origin_origin
from asgi_anatomy.documents.store import REFERENCE, is_live, read_all
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput, Fault, Stopped
from asgi_anatomy.machine.machine import identity, same_versions
from asgi_anatomy.options import (
    Command,
    Driving,
    Printing,
    budget_option,
    contract_for,
    driving_options,
    ladder_option,
    precision_option,
    printing_options,
    records_option,
    results_option,
)
from asgi_anatomy.suite.contract import contract_of
from asgi_anatomy.suite.layers import Catalogue, read_catalogue
from asgi_anatomy.suite.workloads import read_entries
from asgi_anatomy.turns.decay import Figures, figures
from asgi_anatomy.turns.keeping import check
from asgi_anatomy.turns.plan import select
from asgi_anatomy.turns.record import Bench, Kind, Measured

NEAR = 1.25
"""Costs in µs that differ by no more than this factor are about the same."""

SETTLED = 10.0
"""Points: a decay that is known less well is neither the lowest nor the highest, if there are others."""


class Cell(msgspec.Struct, frozen=True):
    """What a layer costs in one workload."""

    workload: str
    row: Figures

    @property
    def step(self) -> tuple[str, str]:
        """The layer, and the one it stands on."""
        return self.row.layer, self.row.on or ""

    @property
    def added_margin(self) -> float | None:
        """Half the width of the 95% interval of `added_us`."""
        low, high = self.row.added_low, self.row.added_high
        return None if low is None or high is None else (high - low) / 2


class Spread(msgspec.Struct, frozen=True):
    """How the costs of layers differ between workloads, each against its own cost in the first of them.

    A case is a layer in a workload other than the base.
    """

    base: str
    same: int
    """In how many cases a layer costs about the same in µs."""
    different: tuple[Cell, ...]
    """The cases in which it does not, by more than their intervals explain."""
    unsure: int
    """In how many cases the intervals are too wide to say."""
    lowest: float
    """The lowest decay of any layer in any workload, in percent."""
    highest: float


def cells(records: Mapping[str, Measured]) -> list[Cell]:
    """Every layer that stands on another, in each workload; a layer without a figure has none."""
    return [Cell(workload, row) for workload, record in records.items() for row in figures(record) if row.on]


def spread(found: Sequence[Cell], base: str) -> Spread | None:
    """How costs differ from those in one of the workloads; None where there is nothing to compare."""
    usual = {each.step: each for each in found if each.workload == base}
    known = {each: each.row.decay for each in found if each.row.decay is not None}
    settled = [decay for each, decay in known.items() if (each.row.margin or math.inf) <= SETTLED]
    decays = settled or [*known.values()]
    told = [
        (each, same)
        for each in found
        if each.workload != base and each.step in usual and (same := _same(usual[each.step], each)) != "unknown"
    ]
    if not told:
        return None
    verdicts = [same for _, same in told]
    different = tuple(each for each, same in told if same == "different")
    return Spread(base, verdicts.count("same"), different, verdicts.count("unsure"), min(decays), max(decays))


def _same(before: Cell, after: Cell) -> str:
    """Whether a layer adds about the same in two workloads: same, different, unsure, or unknown without figures.

    They are different where they are further apart than NEAR allows, by more than the 95% interval of the difference;
    without intervals nothing can be said.
    """
    one, other = before.row.added_us, after.row.added_us
    if one is None or other is None:
        return "unknown"
    if one * other > 0 and 1 / NEAR <= other / one <= NEAR:
        return "same"
    if before.added_margin is None or after.added_margin is None:
        return "unsure"
    noise = math.hypot(before.added_margin, after.added_margin)
    allowed = (1 - 1 / NEAR) * max(abs(one), abs(other))
    return "different" if abs(one - other) - noise > allowed else "unsure"


PUBLISHED = ("arena-fastapi", "arena-starlette")
"""What the `published` decays of workloads.toml are of."""
NO_MARGINS = "No margins: each record has one round only; a longer BUDGET= has more."
KEYS = ("workload", "layer", "on", "decay", "decay_low", "decay_high", "added_us", "added_low", "added_high", "cpu_us")
PUBLISHED_COLUMNS = (
    Column("workload", "workload", left=True),
    Column("published", "published", "%", "{published:g}"),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("margin", "±", "pp", "{margin:.1f}"),
    Column("added", "+ µs/req", "", "{added:+,.1f}"),
    Column("around", "±", "µs", "{around:,.1f}"),
)


def workloads_document(
    records: Mapping[str, Measured],
    base: str,
    lacking: Sequence[str],
    sources: Sequence[str],
    published: Mapping[str, float | None] | None = None,
) -> Document:
    """The matrix of each workload's record, its costs compared with those in `base`.

    `lacking` are lines on what is missing, `sources` on where it is from, `published` what others found, in percent.
    """
    found = cells(records)
    said: list[str | Table] = []
    for title, key, form in (
        ("decay, % fewer requests per CPU-second than the layer it stands on", "decay", "{:.1f}"),
        ("CPU time that the layer adds to a request, + µs/req", "added_us", "{:+,.1f}"),
    ):
        said += [f"{title}:", *_grids(found, [*records], key, form), ""]
    if beside := published_table(found, published or {}):
        said += ["FastAPI on Starlette, as HttpArena published it from separate runs, and here:", beside, ""]
    told = spread(found, base)
    said += [sentence(told), ""] if told else []
    margins = any(each.row.margin is not None for each in found)
    said += [*lacking, *_unlike(records), "±: half of a 95% interval." if margins else NO_MARGINS, *sources]
    first = next(iter(records.values()), None)
    said += origin_origin(first)[:1] if first else []
    data = [{"workload": each.workload, **{key: getattr(each.row, key) for key in KEYS[1:]}} for each in found]
    return Document(said, Table([Column(key) for key in KEYS], data))


def _grids(found: Sequence[Cell], workloads: Sequence[str], key: str, show: str) -> list[Table]:
    """The cells, workload by layer, in as many tables as fit the width."""
    names = [*dict.fromkeys(each.step for each in found)]
    at = {(each.workload, *each.step): _cell(each, key, show) for each in found}
    tables: list[list[tuple[str, str]]] = []
    room = 0
    for name in names:
        wide = 3 + max([len(name[0]), len(name[1]) + 3, *(len(at.get((each, *name), "-")) for each in workloads)])
        if not tables or room < wide:
            tables.append([])
            room = WIDTH - 4 - max(map(len, [*workloads, "workload"]))
        tables[-1].append(name)
        room -= wide
    return [
        Table(
            [Column("workload", "workload", left=True), *(Column(layer, layer) for layer, _ in block)],
            [
                {"workload": "", **{layer: f"on {on}" for layer, on in block}},
                *(
                    {"workload": each, **{layer: at.get((each, layer, on), "-") for layer, on in block}}
                    for each in workloads
                ),
            ],
        )
        for block in tables
    ]


def _cell(cell: Cell, key: str, show: str) -> str:
    value, around = getattr(cell.row, key), cell.row.margin if key == "decay" else cell.added_margin
    if value is None:
        return "-"
    return show.format(value) + (f" ±{around:,.1f}" if around is not None else "")


def sentence(told: Spread) -> str:
    """What the matrix says of the costs of layers, in µs and in percent."""
    cases, near = told.same + len(told.different) + told.unsure, f"within {100 * (NEAR - 1):.0f}%"
    percent = f"in percent it is from {told.lowest:.1f} to {told.highest:.1f}"
    if told.same == cases:
        return f"In µs every layer adds about the same as to {told.base} ({near}); {percent}."
    by_workload = sorted(told.different, key=lambda each: each.workload)
    others = "; ".join(
        f"{workload}: {', '.join(each.row.layer for each in same)}"
        for workload, same in groupby(by_workload, key=lambda each: each.workload)
    )
    said = f"In µs a layer adds about the same as to {told.base} ({near}) in {told.same} of {cases} cases; {percent}."
    said += f" Not the same in µs: {others}." if others else ""
    return said + (f" Too uncertain to say: {told.unsure}." if told.unsure else "")


def published_table(found: Sequence[Cell], published: Mapping[str, float | None]) -> Table | None:
    """A row for each workload that somebody else has a decay of: theirs, and that of the same pair of layers here."""
    rows = [
        {
            "workload": each.workload, "published": told, "decay": each.row.decay, "margin": each.row.margin,
            "added": each.row.added_us, "around": each.added_margin,
        }
        for each in found
        if each.step == PUBLISHED and (told := published.get(each.workload)) is not None
    ]  # fmt: skip
    return Table(PUBLISHED_COLUMNS, rows) if rows else None


def _unlike(records: Mapping[str, Measured]) -> list[str]:
    """Workloads whose records were not made like the first: another machine, Python, or other versions."""
    (base, first), *rest = records.items()
    others = [name for name, each in rest if not _alike(first, each)]
    return [f"{', '.join(others)}: from another machine, or other versions, than {base}."] if others else []


def _alike(one: Measured, other: Measured) -> bool:
    """Whether both are of one machine and Python, and of the same versions of whatever both have."""
    versions = same_versions(one.packages, other.packages)
    return versions and identity(one.machine, one.python) == identity(other.machine, other.python)


class Found(msgspec.Struct, frozen=True):
    """The newest record of a workload, and where it is."""

    path: Path
    record: Bench


@click.command("workloads", cls=Command)
@ladder_option
@click.option("--workload", "names", default="", help="Only these workloads, separated by commas or spaces.")
@click.option("--measure", "measuring", is_flag=True, help="Measure each of them first, for BUDGET seconds.")
@budget_option(60, "Time limit for each workload, in seconds.")
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
    """Print what layers cost by workload, from the newest records."""
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
