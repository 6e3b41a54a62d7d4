"""A column of bars in text: what each row adds stands after what is below it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.bar import Bar


class Bars(msgspec.Struct, frozen=True):
    """From the value of one key to that of another, all of them on one scale from 0."""

    begin: str
    end: str
    unit: str

    def size(self, rows: Sequence[Mapping[str, Any]]) -> float:
        """What the whole width stands for; 0 where there is nothing to draw."""
        return max((row[key] or 0 for row in rows for key in (self.begin, self.end)), default=0)

    def heading(self, size: float, width: int) -> str:
        """The scale."""
        zero, most = f"0 {self.unit}", f"{size:,.0f}" if size >= 10 else f"{size:.3g}"
        return f"{zero}{most:>{width - len(zero)}}"

    def bar(self, row: Mapping[str, Any], size: float) -> Bar:
        """A row's bar; where the row has less than what is below it, from its own value to that."""
        values = sorted((row[self.begin] or 0, row[self.end] or 0)) if row[self.end] else (0, 0)
        return Bar(size, *values)
