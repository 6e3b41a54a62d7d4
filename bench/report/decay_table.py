"""statistics -> table: the same figures as text or Markdown for people, as CSV or JSON for programs."""

import csv
import io
import json
from collections.abc import Sequence
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.data.record import Record
from bench.report.warnings import warnings
from bench.stats.decay import Figures
from bench.stats.verdict import FLOOR

FORMATS = ("text", "markdown", "csv", "json")
COLUMNS = (
    *("layer", "on", "rps", "decay", "cost_us", "added_us", "share", "p50_us", "p99_us"),
    *("decay_low", "decay_high", "rps_low", "rps_high", "windows", "restarts", "note"),
)
HEADINGS = (
    *("layer", "on", "decay %", "95% interval", "cost µs", "added µs", "share %"),
    *("requests/s", "lowest - highest", "p50 µs", "p99 µs", "lowest - highest", "windows", "restarts"),
)


def render(record: Record, rows: list[Figures], form: str) -> str:
    """The decay table of a record in one of FORMATS; csv and json hold COLUMNS and nothing else."""
    if form in ("csv", "json"):
        return for_programs(COLUMNS, [[getattr(row, name) for name in COLUMNS] for row in rows], form)
    lines = [
        grid(HEADINGS, [people(row) for row in rows], form),
        *(f"{row.layer}: {row.note}" for row in rows if row.note),
        "",
        *footer(record),
    ]
    return "\n\n".join(each for each in lines if each) if form == "markdown" else "\n".join(lines)


def people(row: Figures) -> list[str]:
    """One row as people read it, a cell for each of HEADINGS."""
    return [
        row.layer,
        row.on or "-",
        cell("{:.1f}", row.decay),
        cell("{:.1f} - {:.1f}", row.decay_low, row.decay_high),
        cell("{:,.2f}" if (row.cost_us or 0) < 10 else "{:,.1f}", row.cost_us),
        cell("{:+,.1f}", row.added_us),
        cell("{:.1f}", row.share),
        ">= " * row.bound + cell("{:,.0f}", row.rps),
        cell("{:,.0f} - {:,.0f}", row.rps_low, row.rps_high),
        cell("{:,.0f}", row.p50_us),
        cell("{:,.0f}", row.p99_us),
        cell("{:,.0f} - {:,.0f}", row.p99_low, row.p99_high),
        f"{row.windows - row.pairs} + {row.pairs}",
        str(row.restarts),
    ]


def cell(pattern: str, *values: float | None) -> str:
    """A figure, or a dash where there is none."""
    return "-" if None in values else pattern.format(*values)


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
    console = Console(
        file=io.StringIO(), width=1000, color_system=None, markup=False, emoji=False
    )  # a figure is never cut off
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines() if line.strip())


def footer(record: Record) -> list[str]:
    """Where the figures come from: the method, the load, the machine, the versions, and what was wrong."""
    load = record.load
    wrk = f"wrk with {load.connections} connections and {load.threads} thread{'s' * (load.threads > 1)}"
    unit = "a CPU second" if record.paired else "a second"
    lines = [
        f"decay: what is lost of the requests {unit} of the layer it stands on; cost: CPU time a request; added: cost"
        " less the cost of the layer it stands on; share: of the lowest layer's requests a CPU second."
    ]
    alone = [window.duration_us / 1e6 for window in record.windows if window.pair is None]
    if record.paired:
        lines.append(
            f"decay, cost, added and share: from pairs side by side on one core, windows of {load.seconds} s of {wrk};"
            " the interval is of a bootstrap over restarts and their windows."
        )
        lines.append(
            f"Floor: pairs of the same program read up to {FLOOR:g}% on average; no smaller difference is claimed"
            " (docs/METHOD.md)."
        )
    elif any(row.on for row in record.layers):
        lines.append(
            "decay, cost, added and share: from windows one after another, which do not repeat well, not from pairs."
        )
    if alone:
        lines.append(
            f"requests/s and latency: the median of windows of {median(alone):.0f} s in which a layer had its core"
            f" alone, under {wrk}."
        )
    lines.append("windows: alone + side by side.")
    if record.seconds and record.window_seconds is not None:
        outside = 100 * (1 - record.window_seconds / record.seconds)
        lines.append(f"{record.seconds:.0f} s in all, {outside:.0f}% of them outside windows.")
    return lines + origin(record)


def origin(record: Record) -> list[str]:
    """Where and with what a record was made, and what about that may have moved its figures."""
    lines = []
    if record.source:
        lines.append(f"Source: {record.source}")
    if record.made and record.machine and record.python:
        machine, python = record.machine, record.python
        lines.append(
            f"{record.made:%Y-%m-%d %H:%M} UTC, {machine.cores} cores {machine.cpu}, {machine.system},"
            f" Python {python.version}, wrk {machine.wrk}, load {machine.load[0]}."
        )
    lines += warnings(record)
    if record.packages:
        lines.append(", ".join(f"{name} {version}" for name, version in record.packages.items()) + ".")
    if record.stopped:
        lines.append(f"This run ended before its time: {record.stopped}.")
    return lines
