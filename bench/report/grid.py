"""Headings and cells -> a table in text that fits a width, or in Markdown."""

import io
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace
from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

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


def text(columns: Sequence[Cells], width: int, drawing: Drawing | None = None, cut: bool = True) -> str:
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
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
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


def markdown(columns: Sequence[Cells]) -> str:
    """A table in Markdown; its figures stand right, as in text."""
    rules = [f"{'-' * (column.whole + 1)}{'-' if column.left else ':'}" for column in columns]
    rows = zip(*([column.heading, *column.cells] for column in columns), strict=True)
    head, *rest = (f"| {' | '.join(map(_padded, row, columns))} |" for row in rows)
    return "\n".join([head, f"|{'|'.join(rules)}|", *rest])


def _padded(cell: str, column: Cells) -> str:
    space = " " * (column.whole - cell_len(cell))
    return f"{cell}{space}" if column.left else f"{space}{cell}"
