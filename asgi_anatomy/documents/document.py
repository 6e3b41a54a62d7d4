"""Tables and documents: what every command prints, as text that fits a width, Markdown, CSV or JSON."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec
from msgspec.structs import replace
from rich import box
from rich.bar import Bar
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from asgi_anatomy.documents.words import as_json, csv_cell, markdown, paragraph, plain, rounded, wrap
from asgi_anatomy.documents.words import cell as escape_cell

ROOM, LEAST = 24, 12
"""Columns that bars should have, and below which they say nothing."""
WORTH = 4
"""Columns that a heading on two lines must save where it only makes bars longer."""
SHORTEST = 12
"""No name is shortened to less."""


class Cells(msgspec.Struct, frozen=True):
    """One column of a table: its heading and its cells, escaped."""

    heading: str
    cells: Sequence[str]
    left: bool = False
    wraps: bool = False

    @property
    def content(self) -> int:
        """The width of its widest cell."""
        return max(map(cell_len, self.cells), default=0)

    @property
    def whole(self) -> int:
        """Its width with the heading on one line."""
        return max([self.content, *map(cell_len, self.heading.split("\n"))])

    @property
    def stacked(self) -> str:
        """Its heading on two lines, as narrow as can be; a sign or a one-letter unit gets no line of its own."""
        words = self.heading.split(" ")
        pairs = [(" ".join(words[:place]), " ".join(words[place:])) for place in range(1, len(words))]
        pairs = [pair for pair in pairs if min(map(cell_len, pair)) > 1]
        return "\n".join(min(pairs, key=lambda pair: max(map(cell_len, pair)), default=(self.heading,)))

    @property
    def saves(self) -> int:
        """How much narrower it is that way."""
        return self.whole - replace(self, heading=self.stacked).whole


class Drawing(msgspec.Struct, frozen=True):
    """A last column that takes what room is left."""

    heading: Callable[[int], str]
    cells: Callable[[int], Sequence[RenderableType]]


def grid_text(columns: Sequence[Cells], width: int, drawing: Drawing | None = None, cut: bool = True) -> str:
    """A table that is not wider than this, if that can be: with headings on two lines, without the drawing, with
    narrow gaps, and at last (with `cut`) with a shorter first column.
    """
    fits = _stacked(columns, width - 2 - ROOM, WORTH)
    if drawing and (room := width - 2 - _sum(fits, 2)) >= LEAST:
        return _text(fits, [column.whole for column in fits], 2, drawing, room)
    fits = _stacked(columns, width, 1)
    widths, gap = [column.whole for column in fits], 2
    if cut and _sum(fits, gap) > width:
        wrapping = [place for place, column in enumerate(columns) if column.wraps]
        place, gap = (wrapping[0], gap) if wrapping else (0, 1)
        widths[place] -= max(0, min(_sum(fits, gap) - width, widths[place] - SHORTEST))
    return _text(fits, widths, gap)


def folded(columns: Sequence[Cells], width: int) -> list[list[Cells]]:
    """The columns in as few groups that fit the width as their order allows, each of which begins with the first."""
    groups = [[*columns[:1]]]
    for column in columns[1:]:
        more = [*groups[-1], column]
        if len(more) > 2 and _sum(_stacked(more, width, 1), 2) > width:
            groups.append([columns[0], column])
        else:
            groups[-1] = more
    return groups


def _stacked(columns: Sequence[Cells], width: int, worth: int) -> list[Cells]:
    """The columns with as many headings on two lines as it takes, those first that save most."""
    found = [*columns]
    for place in sorted(range(len(columns)), key=lambda place: -columns[place].saves):
        if _sum(found, 2) > width and found[place].saves >= worth:
            found[place] = replace(found[place], heading=found[place].stacked)
    return found


def _sum(columns: Sequence[Cells], gap: int) -> int:
    return sum(column.whole for column in columns) + gap * (len(columns) - 1)


def _text(
    columns: Sequence[Cells], widths: Sequence[int], gap: int, drawing: Drawing | None = None, room: int = 0
) -> str:
    table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            Text(column.heading),
            justify="left" if column.left else "right",
            width=width,
            no_wrap=not column.wraps,
            overflow="fold" if column.wraps else "ellipsis",
        )
    rows: list[list[RenderableType]] = [
        [*map(Text, row)] for row in zip(*(column.cells for column in columns), strict=True)
    ]
    if drawing:
        table.add_column(Text(drawing.heading(room)), width=room)
        rows = [[*row, cell] for row, cell in zip(rows, drawing.cells(room), strict=True)]
    for row in rows:
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=sum(widths) + room + gap * len(widths), color_system=None)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines() if line.strip())


def grid_markdown(columns: Sequence[Cells]) -> str:
    """A table in Markdown; its figures stand right, as in text."""
    rules = [f"{'-' * (column.whole + 1)}{'-' if column.left else ':'}" for column in columns]
    rows = zip(*([column.heading, *column.cells] for column in columns), strict=True)
    head, *rest = (f"| {' | '.join(map(_padded, row, columns))} |" for row in rows)
    return "\n".join([head, f"|{'|'.join(rules)}|", *rest])


def _padded(cell: str, column: Cells) -> str:
    space = " " * (column.whole - cell_len(cell))
    return f"{cell}{space}" if column.left else f"{space}{cell}"


SLIVER = "▏"
LESS = "░"


class Bars(msgspec.Struct, frozen=True):
    """From the value of one key to that of another, all of them on one scale from 0."""

    begin: str
    end: str
    unit: str

    def size(self, rows: Sequence[Mapping[str, Any]]) -> float:
        """What the whole width stands for; 0 where there is nothing to draw."""
        return max((float(row[key] or 0) for row in rows for key in (self.begin, self.end)), default=0)

    def heading(self, size: float, width: int) -> str:
        """The scale."""
        zero, most = f"0 {self.unit}", f"{size:,.0f}" if size >= 10 else f"{size:.3g}"
        return f"{zero}{most:>{width - len(zero)}}"

    def bar(self, row: Mapping[str, Any], size: float, width: int) -> RenderableType:
        """A row's bar: solid from what is below it to its own value; shaded where its own is less than that.

        Whatever is narrower than half a column is a thin line, lest it look like more.
        """
        if not row[self.end]:
            return ""
        begin, end = (float(row[key]) / size * width for key in (self.begin, self.end))
        if abs(end - begin) < 0.5:
            return " " * min(width - 1, int(min(begin, end))) + SLIVER
        if end < begin:
            first = int(end)
            return " " * first + LESS * max(1, round(begin) - first)
        return Bar(width, begin, end)


HARD = "\u00a0"
"""A space that Markdown keeps."""


def branches(names: Sequence[str], grounds: Sequence[str | None]) -> list[tuple[int, str]]:
    """The place of each row, in the order of the tree, and what is drawn before its name.

    A row is a root where it stands on nothing, or on nothing that is here.
    """
    above: dict[str | None, list[int]] = {}
    for place, ground in enumerate(grounds):
        above.setdefault(ground, []).append(place)
    roots = [place for place, ground in enumerate(grounds) if ground not in names]
    drawn: dict[int, str] = {}
    for root in [*roots, *range(len(names))]:  # all of them: rows that stand on each other in a circle are not lost
        waiting = [(root, "", "")]
        while waiting:
            place, before, under = waiting.pop()
            if place in drawn:
                continue
            drawn[place] = before
            for number, each in enumerate(reversed(above.get(names[place], []))):
                waiting.append((each, f"{under}{'├' if number else '└'} ", f"{under}{'│' if number else ' '} "))
    return [*drawn.items()]


def unbroken(lines: str) -> str:
    """The lines for Markdown, which drops ordinary spaces: there, indentation stands for the upright lines."""
    depth, sign = len(lines) // 2, lines[-2:-1]
    return f"{HARD * 4 * (depth - 1)}{sign}{HARD}" if depth else ""


Format = Literal["text", "markdown", "csv", "json"]
FORMATS: tuple[str, ...] = get_args(Format)
Values = Mapping[str, Any]
"""One row of a table: a value for each key."""
WIDTH = 80
"""Columns of text where there is no terminal to ask."""
WIDEST = 1000
"""A terminal that says that it is wider is not believed."""
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

        With `wide` nothing is ever cut off: text that is too wide is several tables below each other, each with the
        first column.
        """
        columns = [each for each in self.columns if (each.name or each.show) and (wide or not each.wide)]
        clean = markdown if form == "markdown" else escape_cell
        rows, before = self._ordered(columns[0])
        lines = [unbroken(each) if form == "markdown" else each for each in before]
        found = []
        for column in columns:
            cells = [clean(column.cell(row)) for row in rows]
            if column.tree:
                cells = [f"{line}{cell}" for line, cell in zip(lines, cells, strict=True)]
            found.append(Cells(clean(column.heading), cells, column.left, column.wraps))
        if form == "markdown":
            return grid_markdown(found)
        if not wide:
            return grid_text(found, width, self._drawing(rows))
        groups = folded(found, width)
        drawing = self._drawing(rows) if len(groups) == 1 else None
        return "\n\n".join(grid_text(group, width, drawing, cut=False) for group in groups)

    def _ordered(self, first: Column) -> tuple[list[Values], list[str]]:
        """The rows as they are shown, and what is drawn before each."""
        if not first.tree:
            return [*self.rows], [""] * len(self.rows)
        found = branches([row[first.keys] for row in self.rows], [row[first.tree] for row in self.rows])
        return [self.rows[place] for place, _ in found], [line for _, line in found]

    def _drawing(self, rows: Sequence[Values]) -> Drawing | None:
        bars = next((column.bars for column in self.columns if column.bars), None)
        size = bars.size(rows) if bars else 0
        if not bars or not size:
            return None
        return Drawing(
            lambda width: bars.heading(size, width), lambda width: [bars.bar(row, size, width) for row in rows]
        )

    def for_programs(self, form: str, single: bool = False) -> str:
        """CSV or a JSON array of objects (`single`: one object), unformatted. Missing values are empty or null."""
        rows = [rounded({key: row[key] for key in self.keys}) for row in self.rows]
        if form == "json":
            return as_json(rows[0] if single else rows)
        text = io.StringIO()
        lines = [[csv_cell(value) for value in row.values()] for row in rows]
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
            parts = [paragraph(each) if isinstance(each, str) else each.for_people(form, wide) for each in self.parts]
            return "\n\n".join(filter(None, parts))
        return "\n".join(
            wrap(plain(each), min(width, PROSE)) if isinstance(each, str) else each.for_people(form, wide, width)
            for each in self.parts
        )
