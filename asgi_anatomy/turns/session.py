"""A run from its checks to its record: the set-up before it, the progress shown, and the record that is kept."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from asgi_anatomy.documents.document import WIDEST
from asgi_anatomy.documents.store import Keeper, require_folder
from asgi_anatomy.documents.words import cell, say
from asgi_anatomy.errors import BadInput, Fault, Problem, Stopped
from asgi_anatomy.machine.cores import lane
from asgi_anatomy.machine.server import require_ports
from asgi_anatomy.machine.signals import held
from asgi_anatomy.machine.versions import read_versions
from asgi_anatomy.options import Driving
from asgi_anatomy.packages.environments import build
from asgi_anatomy.turns.plan import Plan, Selection, Watch
from asgi_anatomy.turns.record import Kind, Layers, Measured
from asgi_anatomy.turns.table import live_table
from asgi_anatomy.turns.wrk import require_files, require_wrk

SHARE = 0.01
"""Of the time so far, what drawing tables may have taken."""
BAR = 24
"""Columns of the bar."""
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
        what = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1))
        columns = (BarColumn(bar_width=BAR), TextColumn("{task.fields[time]}"), TimeRemainingColumn())
        self.bar = Progress(what, *columns, auto_refresh=False, expand=True)
        self.task = self.bar.add_task("", total=seconds, time="")
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
        self.table = table(min(WIDEST, self.console.width))
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
            self.bar.update(self.task, description=what, completed=done, total=self.seconds, time=self._time(done))
            self._refresh()
        else:
            line = f"{self._time(done)}: {what}"
            self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def _time(self, done: float) -> str:
        """The seconds that are done, and of how many; a first round, which always ends, may take longer than those."""
        return f"{done:4.0f} s{'' if done > self.seconds else f' of {self.seconds:.0f} s'}"

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


def check(plan: Plan, results: Path) -> None:
    """Check whatever can be checked before measuring; raises BadInput."""
    require_wrk()
    require_files(plan.load.connections)
    require_folder(results)
    require_ports(plan.host, plan.port, len(plan.selection.layers))


def plan_of_pair(selection: Selection, driving: Driving, budget: float, threshold: float) -> Plan:
    """How a pair is to be measured; raises BadInput."""
    load = driving.load(selection.contract.workload)
    plan = Plan(selection, load, lane(), driving.host, driving.port, driving.turn / 1000, budget, threshold=threshold)
    if plan.lane is None:
        raise BadInput("a pair needs Linux: only there can servers be pinned to a core and take turns")
    return plan


def make_ready(selection: Selection, record: Layers, budget: float = math.inf) -> None:
    """Install or compile what the layers need, within the budget; if that fails for one, its row says so.

    Warns where layers that stand side by side in the table are not asked the same.
    """
    asked = {layer.name: selection.contract_of(layer).file or "the User request" for layer in selection.layers}
    if len({*asked.values()}) > 1:
        each = ", ".join(f"{name}: {file}" for name, file in asked.items())
        say(f"warning: these layers are asked for different work, which is part of the difference ({each})")
    for name, why in build(selection.layers, say, budget).items():
        record.row(name).faults.append(why)
    record.packages = read_versions(selection.layers)


class _Watching:
    """Shows progress, and keeps what was measured."""

    def __init__(self, display: Display, keeper: Keeper) -> None:
        self.display = display
        self.keeper = keeper
        self.rounds = 0
        self.draw()

    def tell(self, what: str, seconds: float) -> None:
        """What happens next. In the first round, while that takes next to no time, with the figures until now."""
        if not self.rounds:
            self.draw()
        self.display.tell(what, seconds)

    def keep(self) -> None:
        """Write the record as it is now, between two rounds; signals wait until it is complete."""
        with held():
            self.keeper.save()
        self.rounds += 1
        self.draw()

    def draw(self) -> None:
        """Show the figures there are until now."""
        record = self.keeper.record
        if isinstance(record, Measured) and record.rounds:
            self.display.draw(lambda width: live_table(record, width))


def carry_out(
    work: Callable[[Watch], None], record: Kind, results: Path, seconds: float, announce: bool = True
) -> tuple[Problem | None, Path | None]:
    """Do the work (about this many seconds) until it ends, fails or is stopped by a signal, and keep the record.

    Returns the fault to raise once the figures are printed, and where the record is. Raises the fault immediately if
    nothing was measured. With `announce`, standard error says where the record is.
    """
    problem: Problem | None = None
    keeper, display = Keeper(record, results), Display(seconds)
    try:
        work(_Watching(display, keeper))
    except (Fault, Stopped) as ended:
        problem = ended
    except OSError as error:
        problem = Fault(str(error))
    with held():
        display.close()
        if problem:
            record.stopped = problem.message
            if not record.size:
                raise problem
        try:
            path = keeper.finish()
        except Fault as fault:
            return fault, None
    if announce:
        say(f"record: {os.path.relpath(path)}")
    return problem, path
