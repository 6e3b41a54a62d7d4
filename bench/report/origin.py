"""record -> where and with what it was made, and what about that may have affected its figures, a line each."""

from bench.data.record import Kind, Windows
from bench.data.store import RUNNING, is_live

STEAL = 0.01  # share of the windows' time above which steal is reported


def origin(record: Kind) -> list[str]:
    """Where and with what a record was made, and what about that may have affected its figures."""
    lines = []
    if record.source:
        lines.append(f"Source: {record.source}")
    if record.made and record.machine and record.python:
        machine, python = record.machine, record.python
        wrk = f", wrk {machine.wrk}" if isinstance(record, Windows) else ""
        lines.append(
            f"{record.made:%Y-%m-%d %H:%M} UTC, {machine.cores} cores {machine.cpu}, {machine.system},"
            f" Python {python.version}{wrk}, load {machine.load[0]}."
        )
    lines += warnings(record)
    if record.packages:
        lines.append(", ".join(f"{name} {version}" for name, version in record.packages.items()) + ".")
    if record.stopped == RUNNING:
        how = "is still in progress" if is_live(record) else "was cut off: the process that measured it is gone"
        lines.append(f"This run {how}.")
    elif record.stopped:
        lines.append(f"This run ended early: {record.stopped}.")
    return lines


def briefly(record: Kind) -> str:
    """When, where and with what a record was made, in a few words."""
    machine, python = record.machine, record.python
    said = [
        f"{record.made:%Y-%m-%d %H:%M} UTC" if record.made else "",
        f"{machine.cores} cores {machine.cpu}, {machine.system}" if machine else "",
        f"Python {python.version}" if python else "",
        *(f"{name} {version}" for name, version in record.packages.items()),
    ]
    return ", ".join(filter(None, said)) or record.source


def warnings(record: Kind) -> list[str]:
    """What about the interpreter or the machine may have affected the figures; may be empty."""
    lines = []
    machine, python = record.machine, record.python
    if python and python.optimised is False:
        lines.append(
            "Python was built without --enable-optimizations: Python code in every layer is slower than usual."
        )
    if python:
        builds = (
            ("a debug build", python.debug),
            ("a free-threaded build", python.free_threaded),
            ("running its JIT", python.jit),
        )
        lines += [f"Python is {what}: do not compare with an ordinary build." for what, is_so in builds if is_so]
    if not isinstance(record, Windows) or not machine:
        return lines  # counts do not depend on how busy the machine is
    if machine.governor not in (None, "performance"):
        lines.append(f"The CPU governor is {machine.governor!r}: its clock changes with load.")
    if machine.load[0] > machine.cores / 4:
        lines.append(f"The machine was not idle at the start: load {machine.load[0]:.1f} on {machine.cores} cores.")
    if machine.others:
        shares = ", ".join(f"{share:.0f}%" for share in machine.others)
        lines.append(f"Other processes were busy at the start: {shares} of a core.")
    if machine.hooks:
        lines.append(f"The environment had {', '.join(machine.hooks)} set, which can slow a server down: unset it.")
    if record.cores is None:
        lines.append("The servers could not be pinned to a core of their own: pairs need Linux and two cores.")
    spans = {(window.round, window.take): window for window in record.windows if window.steal_ns is not None}
    duration = sum(window.duration_us for window in spans.values())
    stolen = sum(window.steal_ns or 0 for window in spans.values()) / 1e3
    if duration and stolen / duration > STEAL:
        share = f"{100 * stolen / duration:.1f}%"
        lines.append(f"Other tenants of the machine took {share} of the servers' core during windows.")
    return lines
