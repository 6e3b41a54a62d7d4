"""One ladder under several workloads: each layer's decay and + µs/req in each, and what follows from both.

`make workloads` prints it from the newest record of each workload, which it measures first with MEASURE=1.
"""

import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import click
import msgspec

from asgi_anatomy.bench.command import begin, measure, plan_of
from asgi_anatomy.documents.document import WIDTH, Column, Document, Table
from asgi_anatomy.documents.origin import described
from asgi_anatomy.documents.store import REFERENCE, is_live, read_all
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput, Fault, Stopped
from asgi_anatomy.machine.machine import identity, same_versions
from asgi_anatomy.options import (
    Bring,
    Command,
    Driving,
    Printing,
    bring_options,
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
from asgi_anatomy.suite.layers import Catalogue
from asgi_anatomy.suite.workloads import own_workloads, read_entries
from asgi_anatomy.turns.decay import Figures, figures
from asgi_anatomy.turns.plan import select
from asgi_anatomy.turns.record import Bench, Kind, Measured
from asgi_anatomy.turns.session import check

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


def spread(every: Sequence[Cell], base: str) -> Spread | None:
    """How costs differ from those in one of the workloads; None where there is nothing to compare."""
    usual = {cell.step: cell for cell in every if cell.workload == base}
    pairs = [(cell, _same(usual[cell.step], cell)) for cell in every if cell.workload != base and cell.step in usual]
    cases = Counter(same for _, same in pairs if same)
    if not cases:
        return None
    rows = [cell.row for cell in every if cell.row.decay is not None]
    settled = [row for row in rows if (row.margin or math.inf) <= SETTLED]
    decays = [row.decay or 0.0 for row in settled or rows]
    different = tuple(cell for cell, same in pairs if same == "different")
    return Spread(base, cases["same"], different, cases["unsure"], min(decays), max(decays))


def _same(before: Cell, after: Cell) -> Literal["same", "different", "unsure"] | None:
    """Whether a layer adds about the same in two workloads; None without figures.

    They are different where they are further apart than NEAR allows, by more than the 95% interval of the difference;
    without intervals nothing can be said.
    """
    one, other = before.row.added_us, after.row.added_us
    if one is None or other is None:
        return None
    if one * other > 0 and 1 / NEAR <= other / one <= NEAR:
        return "same"
    if before.added_margin is None or after.added_margin is None:
        return "unsure"
    noise = math.hypot(before.added_margin, after.added_margin)
    allowed = (1 - 1 / NEAR) * max(abs(one), abs(other))
    return "different" if abs(one - other) - noise > allowed else "unsure"


PUBLISHED = ("arena-fastapi", "arena-starlette")
"""What the `published` decays of workloads.toml are of."""
KEYS = ("layer", "on", "decay", "decay_low", "decay_high", "added_us", "added_low", "added_high", "cpu_us")
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
    every, workloads = cells(records), [*records]
    parts: list[str | Table] = [
        "decay, % fewer requests per CPU-second than the layer it stands on:",
        *_grids(every, workloads, lambda row: row.decay, lambda cell: cell.row.margin, "{:.1f}"),
        "",
        "CPU time that the layer adds to a request, + µs/req:",
        *_grids(every, workloads, lambda row: row.added_us, lambda cell: cell.added_margin, "{:+,.1f}"),
        "",
    ]
    if beside := published_table(every, published or {}):
        parts += ["FastAPI on Starlette, as HttpArena published it from separate runs, and here:", beside, ""]
    if costs := spread(every, base):
        parts += [sentence(costs), ""]
    has_margins = any(cell.row.margin is not None for cell in every)
    no_margins = "No margins: each record has one round only; a longer BUDGET= has more."
    parts += [*lacking, *_unlike(records), "±: half of a 95% interval." if has_margins else no_margins, *sources]
    parts += [line for record in [*records.values()][:1] for line in described(record)[:1]]
    rows = [{"workload": cell.workload, **{key: getattr(cell.row, key) for key in KEYS}} for cell in every]
    return Document(parts, Table([Column(key) for key in ("workload", *KEYS)], rows))


def _grids(
    every: Sequence[Cell],
    workloads: Sequence[str],
    value: Callable[[Figures], float | None],
    margin: Callable[[Cell], float | None],
    form: str,
) -> list[Table]:
    """The cells, workload by layer, in as many tables as fit the width."""
    texts: dict[tuple[str, tuple[str, str]], str] = {}
    for cell in every:
        if (shown := value(cell.row)) is not None:
            around = margin(cell)
            texts[cell.workload, cell.step] = form.format(shown) + ("" if around is None else f" ±{around:,.1f}")
    blocks: list[list[tuple[str, str]]] = []
    room = 0
    for step in dict.fromkeys(cell.step for cell in every):
        layer, on = step
        wide = 3 + max(len(layer), len(on) + 3, *(len(texts.get((name, step), "-")) for name in workloads))
        if not blocks or room < wide:
            blocks.append([])
            room = WIDTH - 4 - max(map(len, [*workloads, "workload"]))
        blocks[-1].append(step)
        room -= wide
    return [
        Table(
            [Column("workload", "workload", left=True), *(Column(layer, layer) for layer, _ in block)],
            [
                {"workload": "", **{layer: f"on {on}" for layer, on in block}},
                *(
                    {"workload": name, **{step[0]: texts.get((name, step), "-") for step in block}}
                    for name in workloads
                ),
            ],
        )
        for block in blocks
    ]


def sentence(costs: Spread) -> str:
    """What the matrix says of the costs of layers, in µs and in percent."""
    cases, near = costs.same + len(costs.different) + costs.unsure, f"within {100 * (NEAR - 1):.0f}%"
    ratios = sorted((1 / (1 - costs.lowest / 100), 1 / (1 - costs.highest / 100)))
    percent = f"a request takes {ratios[0]:.2f} to {ratios[1]:.2f} times what it takes the layer below"
    if costs.same == cases:
        return f"In µs every layer adds about the same as to {costs.base} ({near}); {percent}."
    text = f"In µs a layer adds about the same as to {costs.base} ({near}) in {costs.same} of {cases} cases; {percent}."
    by_workload: defaultdict[str, list[str]] = defaultdict(list)
    for cell in costs.different:
        by_workload[cell.workload].append(cell.row.layer)
    if others := "; ".join(f"{name}: {', '.join(by_workload[name])}" for name in sorted(by_workload)):
        text += f" Not the same in µs: {others}."
    return text + (f" Too uncertain to say: {costs.unsure}." if costs.unsure else "")


def published_table(every: Sequence[Cell], published: Mapping[str, float | None]) -> Table | None:
    """A row for each workload that somebody else has a decay of: theirs, and that of the same pair of layers here."""
    rows = [
        {
            "workload": cell.workload, "published": theirs, "decay": cell.row.decay, "margin": cell.row.margin,
            "added": cell.row.added_us, "around": cell.added_margin,
        }
        for cell in every
        if cell.step == PUBLISHED and (theirs := published.get(cell.workload)) is not None
    ]  # fmt: skip
    return Table(PUBLISHED_COLUMNS, rows) if rows else None


def _unlike(records: Mapping[str, Measured]) -> list[str]:
    """That records were not made like the first: on another machine, with another Python or other versions."""
    (base, first), *rest = records.items()
    made_on = identity(first.machine, first.python)
    others = [
        name
        for name, record in rest
        if not same_versions(first.packages, record.packages) or identity(record.machine, record.python) != made_on
    ]
    return [f"{', '.join(others)}: from another machine, or other versions, than {base}."] if others else []


class Newest(msgspec.Struct, frozen=True):
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
@bring_options
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
    bring: Bring,
    driving: Driving,
    results: Path,
    printing: Printing,
) -> None:
    """Print what layers cost by workload, from the newest records."""
    catalogue = bring.catalogue(catalogue_file)
    known = read_entries(contract_of(catalogue.choose("", ladder)).name)
    known |= read_entries("", own) if (own := own_workloads(catalogue.file)) else {}
    ladder = catalogue.ladder(ladder).name
    chosen = names.replace(",", " ").split() or [*known]
    if unknown := [name for name in chosen if name not in known]:
        raise BadInput(f"unknown workload {unknown[0]!r}: workloads.toml has {', '.join(known)}")
    problems = [
        f"{name}: {problem}"
        for name in (chosen if measuring else [])
        if (problem := _measure(name, catalogue, ladder, driving, budget, precision, results))
    ]
    by_workload = newest(read_all(paths.strip() or str(results), say), ladder)
    if not by_workload and not paths.strip():
        folders = [folder for folder in (REFERENCE / "workloads", REFERENCE / ladder) if folder.is_dir()]
        reference = [read_all(str(folder), say) for folder in folders]
        by_workload = newest({file: record for read in reference for file, record in read.items()}, ladder)
    records = {name: by_workload[name].record for name in chosen if name in by_workload}
    if not records:
        raise BadInput(f"no record of the ladder {ladder!r} in {paths or results}: try MEASURE=1")
    of = f" LADDER={ladder}" if ladder != "default" else ""
    lacking = [f"{name}: no record; make bench WORKLOAD={name}{of}" for name in chosen if name not in records]
    files = {name: os.path.relpath(by_workload[name].path) for name in records}
    sources = [f"{name}: {file}" for name, file in files.items()]
    if not printing.wide:
        folders_ = dict.fromkeys(os.path.dirname(file) or "." for file in files.values())  # noqa: PTH120 (as text)
        sources = [f"From the newest record of each workload in {' and '.join(folders_)} (WIDE=1 names them)."]
    published = {name: known[name].published for name in records}
    show(printing.render(workloads_document(records, next(iter(known)), lacking, sources, published)))
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
        selection = select(catalogue, contract_for(name, catalogue.choose("", ladder), catalogue.file), ladder=ladder)
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


def newest(records: dict[Path, Kind], ladder: str) -> dict[str, Newest]:
    """The bench record of each workload: of those that were not stopped and have most layers, the newest."""
    usable = [
        Newest(file, record)
        for file, record in records.items()
        if isinstance(record, Bench) and record.made and record.ladder == ladder and not is_live(record)
    ]
    usable.sort(key=lambda one: (not one.record.stopped, len(one.record.layers), str(one.record.made)))
    return {one.record.workload: one for one in usable}
