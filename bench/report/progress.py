"""Progress on standard error: a bar with the time left on a terminal, elsewhere a line for each step."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench.report.escape import cell


class Display:
    """Shows the progress of work that takes about this many seconds.

    It must never end the work: once the terminal or the pipe is gone, it shows nothing more.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.console = Console(stderr=True, emoji=False)
        self.broken = False
        columns = (BarColumn(), TextColumn("{task.completed:.0f} s of {task.total:.0f} s"), TimeRemainingColumn())
        text = TextColumn("{task.description}", markup=False)
        self.bar = Progress(text, *columns, console=self.console, transient=True) if self.console.is_terminal else None
        if self.bar:
            self.task = self.bar.add_task("", total=seconds)
            self._try(self.bar.start)

    def tell(self, what: str, done: float) -> None:
        """What happens now, and how many seconds of the total are done."""
        self._try(self._show, cell(what), done)

    def close(self) -> None:
        """Remove the bar."""
        if self.bar:
            self._try(self.bar.stop)

    def _show(self, what: str, done: float) -> None:
        if self.bar:
            self.bar.update(self.task, description=what, completed=done)
        else:
            line = f"{done:4.0f} s of {self.seconds:.0f} s: {what}"
            self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def _try(self, show: Callable[..., object], *arguments: object) -> None:
        if not self.broken:
            try:
                show(*arguments)
            except (OSError, ValueError, SystemExit):  # the terminal was closed; for a closed pipe, rich exits
                self.broken = True
