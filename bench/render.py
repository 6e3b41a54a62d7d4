"""statistics -> table: the same figures as text or Markdown for people, as CSV or JSON for programs."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.decay import Figures
from bench.record import Record

FORMATS = ("text", "markdown", "csv", "json")
COLUMNS = ("layer", "on", "rps", "decay", "cost_us", "added_us", "share", "p50_us", "p99_us")

# what people read: heading, field, format
PEOPLE = (
    ("layer", "layer", "{}"),
    ("on", "on", "{}"),
    ("requests/s", "rps", "{:,.0f}"),
    ("decay %", "decay", "{:.1f}"),
    ("cost µs", "cost_us", "{:,.1f}"),
    ("added µs", "added_us", "{:+,.1f}"),
    ("share %", "share", "{:.1f}"),
    ("p50 µs", "p50_us", "{:,.0f}"),
    ("p99 µs", "p99_us", "{:,.0f}"),
    ("windows", "windows", "{}"),
)


def render(record: Record, rows: list[Figures], form: str) -> str:
    """The decay table of a record in one of FORMATS; csv and json hold COLUMNS and nothing else."""
    if form in ("csv", "json"):
        return for_programs(COLUMNS, [[getattr(row, name) for name in COLUMNS] for row in rows], form)
    headings = [heading for heading, _, _ in PEOPLE]
    cells = [[_cell(getattr(row, name), pattern) for _, name, pattern in PEOPLE] for row in rows]
    lines = [
        grid(headings, cells, form),
        *(f"{row.layer}: {row.note}" for row in rows if row.note),
        "",
        *footer(record),
    ]
    return "\n\n".join(each for each in lines if each) if form == "markdown" else "\n".join(lines)


def for_programs(columns: Sequence[str], rows: list[list[Any]], form: str) -> str:
    """Rows as CSV or as a JSON array of objects: bare numbers, a missing figure empty or null."""
    rows = [[round(cell, 4) if isinstance(cell, float) else cell for cell in row] for row in rows]
    if form == "json":
        return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue().rstrip("\n")


def grid(headings: Sequence[str], cells: list[list[str]], form: str, left: int = 2) -> str:
    """A table for people, its first `left` columns aligned to the left."""
    table = Table(box=box.MARKDOWN if form == "markdown" else box.SIMPLE_HEAD, pad_edge=form == "markdown")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < left else "right", no_wrap=True)
    for row in cells:
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=1000, color_system=None)  # a figure is never cut off
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines() if line.strip())


def footer(record: Record) -> list[str]:
    """Where the figures come from: a line on the units, a line on the load, a line on the machine."""
    load = record.load
    lines = [
        "decay = 1 - requests/s against the layer it stands on; cost = 1 / (requests/s); added = cost less the cost of"
        " the layer it stands on; share = of the lowest layer's requests/s.",
        f"requests/s and latency: the median of the windows, each {load.seconds} s of wrk with {load.connections}"
        f" connections and {load.threads} thread{'s' * (load.threads > 1)}.",
    ]
    if record.source:
        lines.append(f"Source: {record.source}")
    if record.made and record.machine and record.python:
        machine, python = record.machine, record.python
        built = "" if python.optimised else ", built without optimisation"
        lines.append(
            f"{record.made:%Y-%m-%d %H:%M} UTC, {machine.cores} cores {machine.cpu}, {machine.system},"
            f" Python {python.version}{built}, wrk {machine.wrk}, load {machine.load[0]}."
        )
    if record.packages:
        lines.append(", ".join(f"{name} {version}" for name, version in record.packages.items()) + ".")
    if record.stopped:
        lines.append(f"This run ended before its time: {record.stopped}.")
    return lines


def _cell(value: object, pattern: str) -> str:
    return "-" if value is None else pattern.format(value)
