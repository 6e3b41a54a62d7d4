"""A document of paragraphs and tables -> text, Markdown, CSV or JSON. Every command prints one."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from bench.report import escape

Format = Literal["text", "markdown", "csv", "json"]
FORMATS: tuple[str, ...] = get_args(Format)
Values = Mapping[str, Any]
"""One row of a table: a value for each key."""


class Column(msgspec.Struct, frozen=True):
    """One column, defined once for every format.

    `keys` are the keys of the values it shows, separated by spaces, as in CSV and JSON. `name` and `unit` form its
    heading in text and Markdown; a column with neither `name` nor `show` only appears in CSV and JSON. `show` is the
    format of a cell, or a function of the row; a cell with a missing value is a dash.
    """

    keys: str
    name: str = ""
    unit: str = ""
    show: str | Callable[[Values], str] = ""
    left: bool = False
    wide: bool = False
    """Shown only with WIDE=1."""

    @property
    def heading(self) -> str:
        """The heading in text and Markdown."""
        return f"{self.name} {self.unit}".strip()

    def cell(self, row: Values) -> str:
        """The cell in text and Markdown."""
        if callable(self.show):
            return self.show(row)
        keys = self.keys.split()
        if any(row[key] is None for key in keys):
            return "-"
        return (self.show or f"{{{keys[0]}}}").format_map(row)


class Table(msgspec.Struct, frozen=True):
    """Rows under columns; `first` are the keys that come first in CSV and JSON, before those of the columns."""

    columns: Sequence[Column]
    rows: Sequence[Values]
    first: Sequence[str] = ()

    @property
    def keys(self) -> list[str]:
        """The keys of CSV and JSON, in order."""
        return [*dict.fromkeys([*self.first, *(key for column in self.columns for key in column.keys.split())])]

    def for_people(self, form: str, wide: bool = False) -> str:
        """Text or Markdown: headings and cells, aligned; nothing is ever cut off."""
        columns = [each for each in self.columns if (each.name or each.show) and (wide or not each.wide)]
        clean = escape.markdown if form == "markdown" else escape.cell
        headings = [clean(column.heading) for column in columns]
        cells = [[clean(column.cell(row)) for column in columns] for row in self.rows]
        return grid(headings, cells, [column.left for column in columns], markdown=form == "markdown")

    def for_programs(self, form: str, single: bool = False) -> str:
        """CSV or a JSON array of objects (`single`: one object), unformatted. Missing values are empty or null."""
        rows = [{key: _bare(row[key]) for key in self.keys} for row in self.rows]
        if form == "json":
            return json.dumps(rows[0] if single else rows, indent=1)
        text = io.StringIO()
        lines = [[escape.csv_cell(value) for value in row.values()] for row in rows]
        csv.writer(text, lineterminator="\n").writerows([self.keys, *lines])
        return text.getvalue().rstrip("\n")


class Document(msgspec.Struct, frozen=True):
    """Paragraphs and tables in order; `data` is the table that CSV and JSON contain.

    A paragraph is one string; an empty string is an empty line in text.
    """

    parts: Sequence[str | Table]
    data: Table
    single: bool = False
    """Whether JSON is one object, not an array."""

    def render(self, form: str, wide: bool = False) -> str:
        """The whole document in one of FORMATS."""
        if form in ("csv", "json"):
            return self.data.for_programs(form, self.single)
        clean = escape.markdown if form == "markdown" else escape.plain
        parts = [clean(part) if isinstance(part, str) else part.for_people(form, wide) for part in self.parts]
        return "\n\n".join(filter(None, parts)) if form == "markdown" else "\n".join(parts)


def _bare(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def grid(headings: Sequence[str], cells: Sequence[Sequence[str]], left: Sequence[bool], markdown: bool) -> str:
    """A table as text or Markdown, its columns aligned left or right."""
    table = Grid(box=box.MARKDOWN if markdown else box.SIMPLE_HEAD, pad_edge=markdown)
    for heading, is_left in zip(headings, left, strict=True):
        table.add_column(Text(heading), justify="left" if is_left else "right", no_wrap=True)
    for row in cells:
        table.add_row(*map(Text, row))
    width = sum(4 + max(map(len, column)) for column in zip(headings, *cells, strict=True))
    console = Console(file=io.StringIO(), width=2 * width, color_system=None)  # room for double-width characters
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines() if line.strip())
