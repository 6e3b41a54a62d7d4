"""What runs and how long is left, on standard error: a bar on a terminal, a line for each step elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

Tell = Callable[[str, float], None]
"""Takes what happens now, and how many seconds of the whole are done."""


@contextmanager
def progress(seconds: float) -> Iterator[Tell]:
    """Show a piece of work of so many seconds while it runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done: console.print(
            f"{done:4.0f} s of {seconds:.0f} s: {what}", highlight=False, soft_wrap=True
        )
        return
    columns = (BarColumn(), TextColumn("{task.completed:.0f} s of {task.total:.0f} s"), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=seconds)
        yield lambda what, done: bar.update(task, description=what, completed=done)
