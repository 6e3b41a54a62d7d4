"""A column of bars in text: what each row adds stands after what is below it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.bar import Bar
from rich.console import RenderableType

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
