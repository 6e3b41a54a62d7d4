"""Progress on standard error: a table that fills in above a bar on a terminal, elsewhere a line for each step."""

import time
from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from bench.host.signals import held
from bench.report.escape import cell

SHARE = 0.01
"""Of the time so far, what drawing tables may have taken."""
BELOW = 3
"""Lines of a terminal that a table must leave: the bar, an empty line, the cursor."""


class Display:
    """Shows the progress of work that takes about this many seconds.

    It draws when it is told something and at no other time, so that nothing of it runs while a window is open. It must
    never end the work: once the terminal or the pipe is gone, it shows nothing more.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.console = Console(stderr=True, emoji=False)
        self.broken = False
        self.began = time.monotonic()
        self.drawing = 0.0  # seconds of CPU time that tables took
        self.last = 0.0  # ... and the last of them alone
        self.table = ""
        columns = (BarColumn(), TextColumn("{task.completed:.0f} s of {task.total:.0f} s"), TimeRemainingColumn())
        self.bar = Progress(TextColumn("{task.description}", markup=False), *columns, auto_refresh=False)
        self.task = self.bar.add_task("", total=seconds)
        self.live: Live | None = None
        if self.console.is_terminal:
            self.live = Live(console=self.console, auto_refresh=False, transient=True)
            self._try(self.live.start)

    def tell(self, what: str, done: float) -> None:
        """What happens now, and how many seconds of the total are done."""
        self._try(self._show, cell(what), done)

    def draw(self, table: Callable[[int], str]) -> None:
        """Show a table above the bar, given the width it has: on a terminal, and if that does not take too long.

        To be called when nothing is measured.
        """
        begin = time.thread_time()
        too_long = self.last and self.drawing + self.last > SHARE * (time.monotonic() - self.began)
        if not self.live or self.broken or too_long:
            return
        self.table = table(self.console.width)
        self._try(self._refresh)
        spent = time.thread_time() - begin
        self.drawing += spent if self.last else 0.0  # the first is drawn before anything is measured
        self.last = spent

    def close(self) -> None:
        """Remove what is shown."""
        if self.live:
            self._try(self.live.stop)

    def _show(self, what: str, done: float) -> None:
        if self.live:
            self.bar.update(self.task, description=what, completed=done, total=self.seconds)
            self._refresh()
        else:
            line = f"{done:4.0f} s of {self.seconds:.0f} s: {what}"
            self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def _refresh(self) -> None:
        if self.live:
            has_room = self.table and self.table.count("\n") + 1 + BELOW <= self.console.height
            above = [Text(f"{self.table}\n", no_wrap=True, overflow="crop")] if has_room else []
            self.live.update(Group(*above, self.bar), refresh=True)

    def _try(self, show: Callable[..., object], *arguments: object) -> None:
        if self.broken:
            return
        with held():  # where rich's own clean-up fails to write, the signal's exception would be lost to that failure
            try:
                show(*arguments)
            except (OSError, ValueError, SystemExit):  # the terminal was closed; for a closed pipe, rich exits
                self.broken = True
