"""What the measuring commands share: checks and set-up before a run, and keeping its record."""

import os
from collections.abc import Callable
from pathlib import Path

from bench.commands.options import Driving
from bench.commands.output import say
from bench.commands.progress import Display
from bench.data.errors import BadInput, Fault, Problem, Stopped
from bench.data.plan import Plan, Selection, Watch
from bench.data.record import Kind, Layers, Measured
from bench.data.store import Keeper, require_folder
from bench.host.cores import lane
from bench.host.environments import build
from bench.host.server import require_ports
from bench.host.signals import held
from bench.host.versions import read_versions
from bench.measure.wrk import require_files, require_wrk
from bench.report.decay_table import live_table


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


def make_ready(selection: Selection, record: Layers) -> None:
    """Install or compile what the layers need; if that fails for one, its row says so.

    Warns where layers that stand side by side in the table are not asked the same.
    """
    custom = selection.custom
    if custom and custom.contract.file and any(selection.contract_of(each).file == "" for each in selection.layers):
        asked = f"{custom.layer.name} answers the request of {custom.contract.file}, the other layers the User request"
        say(f"warning: {asked}: part of the difference is that they are asked for different work")
    for name, why in build(selection.layers, say).items():
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
