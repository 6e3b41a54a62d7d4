"""The anatomy in a record -> tables, and the files that flame graphs are made of."""

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from bench.data.errors import BadInput
from bench.data.record import Anatomy, Record
from bench.report.decay_table import cell, for_programs, grid, origin
from bench.stats.trees import collapsed, collapsed_text, difference, speedscope

COLUMNS = (
    *("layer", "on", "instructions", "spread", "decay", "added"),
    *("calls", "bytecodes", "syscalls", "useful_share"),
)
HEADINGS = (
    *("layer", "on", "instructions", "spread %", "decay %", "added", "Python calls", "bytecodes", "system calls"),
    "useful share %",
)
UNFIT = re.compile(r"[^\w.-]")  # for the name of a file
SPLITS = ("layer", "component", "unit", "count")
UNSURE = 2.0  # percent that repeats may differ by, for their median to be compared with another's
LEAST = 0.005  # share of a layer's bytecodes below which a package is not listed for people


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the anatomy: counts a request, None where they could not be had."""

    layer: str
    on: str | None
    instructions: float | None
    spread: float | None
    """(largest - smallest) / median over the repeats, in percent."""
    decay: float | None
    """1 - instructions(on) / instructions(layer), in percent."""
    added: float | None
    calls: float | None
    bytecodes: float | None
    syscalls: float | None
    useful_share: float | None
    """Instructions of share.endpoint / instructions of the layer, in percent."""


def total(found: Anatomy | None) -> float | None:
    """The median over its repeats of a layer's instructions a request."""
    return median(sum(each.values()) for each in found.instructions) if found and found.instructions else None


def spread(found: Anatomy) -> float:
    """(largest - smallest) / median of a layer's instructions over the repeats, in percent."""
    totals = [sum(each.values()) for each in found.instructions]
    return 100 * (max(totals) - min(totals)) / median(totals) if totals else 0.0


def components(found: Anatomy) -> dict[str, float]:
    """The median over its repeats of each component's instructions a request."""
    names = dict.fromkeys(name for each in found.instructions for name in each)
    return {name: median(each.get(name, 0) for each in found.instructions) for name in names}


def lines(record: Record) -> list[Line]:
    """A row for each layer of an anatomy."""
    by_name = {found.layer: found for found in record.anatomy}
    useful = total(record.endpoint)
    rows = []
    for row in record.layers:
        found, below = (by_name.get(name, Anatomy(layer=name)) for name in (row.name, row.on or ""))
        own, under = total(found), total(below)
        sure = spread(found) <= UNSURE and spread(below) <= UNSURE
        rows.append(
            Line(
                layer=row.name,
                on=row.on,
                instructions=own,
                spread=spread(found) if own else None,
                decay=100 * (1 - under / own) if own and under and sure else None,
                added=own - under if own and under and sure else None,
                calls=sum(found.calls.values()) if found.calls else None,
                bytecodes=sum(found.bytecodes.values()) if found.bytecodes else None,
                syscalls=sum(found.syscalls.values()) if found.syscalls else None,
                useful_share=100 * useful / own if own and useful else None,
            )
        )
    return rows


def splits(record: Record) -> list[list[object]]:
    """Rows of SPLITS: every count of every layer by component, package or name."""
    rows: list[list[object]] = []
    for found in record.anatomy:
        for unit, counts in units(found).items():
            rows += [[found.layer, name, unit, count] for name, count in counts.items()]
    return rows


def units(found: Anatomy) -> dict[str, dict[str, float]]:
    """What was counted of a layer, by unit."""
    return {
        "instructions": components(found),
        "bytecodes": found.bytecodes,
        "calls": found.calls,
        "syscalls": found.syscalls,
    }


def render(record: Record, form: str, split: bool) -> str:
    """The anatomy for people, or for programs: COLUMNS, or with `split` the rows of SPLITS."""
    if form in ("csv", "json"):
        if split:
            return for_programs(SPLITS, splits(record), form)
        return for_programs(COLUMNS, [[getattr(row, name) for name in COLUMNS] for row in lines(record)], form)
    parts = [table(record, form)]
    for unit, title in (
        ("instructions", "Instructions a request, by component"),
        ("bytecodes", "Bytecodes a request, by package"),
        ("syscalls", "System calls a request, by name"),
    ):
        if counts := _split(record, unit, form):
            parts += ["", f"{title}:", counts]
    parts += ["", *_footer(record)]
    return ("\n\n" if form == "markdown" else "\n").join(part for part in parts if part or form == "text")


def table(record: Record, form: str) -> str:
    """The table of all layers for people."""
    return grid(HEADINGS, [_people(row) for row in lines(record)], form)


def _people(row: Line) -> list[str]:
    return [
        row.layer,
        row.on or "-",
        cell("{:,.0f}", row.instructions),
        cell("{:.3f}", row.spread),
        cell("{:.1f}", row.decay),
        cell("{:+,.0f}", row.added),
        cell("{:,.10g}", row.calls),
        cell("{:,.10g}", row.bytecodes),
        cell("{:.1f}", row.syscalls),
        cell("{:.1f}", row.useful_share),
    ]


def _split(record: Record, unit: str, form: str) -> str:
    """A column for each layer and a row for each component, the largest first."""
    columns = {found.layer: counts for found in record.anatomy if (counts := units(found)[unit])}
    if not columns:
        return ""
    largest: dict[str, float] = {}
    for counts in columns.values():
        for name, count in counts.items():
            share = count / sum(counts.values())
            if unit != "bytecodes" or share >= LEAST:
                largest[name] = max(largest.get(name, 0), count)
    names = sorted(largest, key=lambda name: -largest[name])
    pattern = "{:,.0f}" if unit == "instructions" else "{:,.10g}"
    cells = [[name, *(cell(pattern, counts.get(name)) for counts in columns.values())] for name in names]
    if unit == "bytecodes":
        rest = [sum(count for name, count in counts.items() if name not in largest) for counts in columns.values()]
        if any(rest):
            cells.append([f"each under {LEAST:.1%}", *(f"{count:,.10g}" for count in rest)])
    return grid(["", *columns], cells, form, left=1)


def _footer(record: Record) -> list[str]:
    found = [
        "instructions: in user space, the median of repeats on one connection under valgrind, without what the server"
        " does while idle; spread: of the repeats. Python calls and bytecodes: by sys.monitoring, collector at rest."
        " system calls: by strace, which slows a server. Quote to 0.2% on one machine, to 0.5% across machines.",
    ]
    if useful := total(record.endpoint):
        found.append(f"useful share: share.endpoint by itself, {useful:,.0f} instructions, in percent of the layer's.")
    counted = [*([record.endpoint] if record.endpoint else []), *record.anatomy]
    notes = [f"{each.layer}: {note}" for each in counted for note in each.notes]
    notes += [
        f"{each.layer}: its repeats differ by {spread(each):.0f}%, as under a JIT: no figure to quote, nor to compare"
        for each in record.anatomy
        if spread(each) > UNSURE
    ]
    for row in record.layers:
        notes += [f"{row.name}: {each}" for each in row.faults or [row.terms] if each]
    return [*found, *notes, *origin(record)]


def write_files(record: Record, folder: Path) -> list[Path]:
    """The call tree of each layer as speedscope JSON and as collapsed stacks; returns the files."""
    trees = {found.layer: found.tree for found in record.anatomy if found.tree}
    written = []
    for name, tree in trees.items():
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in (
            ("speedscope.json", speedscope(name, tree)),
            ("collapsed.txt", collapsed_text(collapsed(tree))),
        ):
            path = folder / f"{UNFIT.sub('_', name)}.{suffix}"
            path.write_text(text)
            written.append(path)
    return written


def render_difference(record: Record, a: str, b: str, form: str, most: int = 40) -> str:
    """The functions that cost more in layer b than in layer a, or less; raises BadInput where one has no tree."""
    trees = {found.layer: found.tree for found in record.anatomy if found.tree}
    if missing := [repr(name) for name in (a, b) if name not in trees]:
        has = ", ".join(trees) or "no layer"
        raise BadInput(
            f"no call tree of {' and '.join(missing)} here, but of {has}: type `make anatomy`, or name a RECORD="
        )
    rows = difference(trees[a], trees[b])
    columns = ("function", "calls_a", "bytecodes_a", "calls_b", "bytecodes_b", "added")
    full: list[Sequence[object]] = [(*row, row[4] - row[2]) for row in rows]
    if form in ("csv", "json"):
        return for_programs(columns, [list(row) for row in full], form)
    headings = ("function", f"calls in {a}", "bytecodes", f"calls in {b}", "bytecodes", "added bytecodes")
    cells = [[str(row[0]), *(f"{value:,.10g}" for value in row[1:5]), f"{row[5]:+,.10g}"] for row in full[:most]]
    rest = f"{len(rows) - most} more functions differ: FORMAT=csv lists all." if len(rows) > most else ""
    bytecodes, calls = sum(row[4] - row[2] for row in rows), sum(row[3] - row[1] for row in rows)
    sums = f"in all: {bytecodes:+,.10g} bytecodes, {calls:+,.10g} calls."
    parts = filter(None, [grid(headings, cells, form, left=1), rest, sums])
    return ("\n\n" if form == "markdown" else "\n").join(parts)
