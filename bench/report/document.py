"""A document of paragraphs and tables -> text, Markdown, CSV or JSON. Every command prints one."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec
from rich.cells import cell_len

from bench.report import escape, grid
from bench.report.bars import Bars
from bench.report.tree import branches, unbroken

Format = Literal["text", "markdown", "csv", "json"]
FORMATS: tuple[str, ...] = get_args(Format)
Values = Mapping[str, Any]
"""One row of a table: a value for each key."""
WIDTH = 80
"""Columns of text where there is no terminal to ask."""
PROSE = 100
"""Longer lines of prose are hard to read, however wide the terminal."""


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
    tree: str = ""
    """For the first column: the key of what a row stands on. Rows are drawn as a tree, in its order."""
    bars: Bars | None = None
    """For the last column: in text, bars in the room that is left; it has no keys."""
    wraps: bool = False
    """In text its cells may take several lines where the table would be too wide."""

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

    def for_people(self, form: str, wide: bool = False, width: int = WIDTH) -> str:
        """Text that fits the width, if that can be, or Markdown: headings and cells, aligned.

        With `wide` nothing is ever cut off.
        """
        columns = [each for each in self.columns if (each.name or each.show) and (wide or not each.wide)]
        clean = escape.markdown if form == "markdown" else escape.cell
        rows, before = self._ordered(columns[0])
        lines = [unbroken(each) if form == "markdown" else each for each in before]
        found = []
        for column in columns:
            cells = [clean(column.cell(row)) for row in rows]
            if column.tree:
                cells = [f"{line}{cell}" for line, cell in zip(lines, cells, strict=True)]
            found.append(grid.Cells(clean(column.heading), cells, column.left, column.wraps))
        if form == "markdown":
            return grid.markdown(found)
        return grid.text(found, width, self._drawing(rows), cut=not wide)

    def _ordered(self, first: Column) -> tuple[list[Values], list[str]]:
        """The rows as they are shown, and what is drawn before each."""
        if not first.tree:
            return [*self.rows], [""] * len(self.rows)
        found = branches([row[first.keys] for row in self.rows], [row[first.tree] for row in self.rows])
        return [self.rows[place] for place, _ in found], [line for _, line in found]

    def _drawing(self, rows: Sequence[Values]) -> grid.Drawing | None:
        bars = next((column.bars for column in self.columns if column.bars), None)
        size = bars.size(rows) if bars else 0
        if not bars or not size:
            return None
        return grid.Drawing(
            lambda width: bars.heading(size, width), lambda width: [bars.bar(row, size, width) for row in rows]
        )

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

    def render(self, form: str, wide: bool = False, width: int = WIDTH) -> str:
        """The whole document in one of FORMATS; text in this many columns."""
        if form in ("csv", "json"):
            return self.data.for_programs(form, self.single)
        if form == "markdown":
            parts = [
                escape.markdown(each) if isinstance(each, str) else each.for_people(form, wide) for each in self.parts
            ]
            return "\n\n".join(filter(None, parts))
        return "\n".join(
            wrap(escape.plain(each), min(width, PROSE)) if isinstance(each, str) else each.for_people(form, wide, width)
            for each in self.parts
        )


def _bare(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def wrap(text: str, width: int) -> str:
    """Prose in lines of this width; what a line continues is indented. No word, such as a path, is broken."""
    lines = []
    for line in text.split("\n"):
        lines.append("")
        for word in re.findall(r"\s*\S+", line):
            fits = cell_len(lines[-1]) + cell_len(word) <= width
            if fits or not lines[-1].strip() or cell_len(word.lstrip()) + 2 > width:  # too long for any line
                lines[-1] += word
            else:
                lines.append(f"  {word.lstrip()}")
    return "\n".join(lines)
