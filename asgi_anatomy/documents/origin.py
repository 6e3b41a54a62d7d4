"""Where and with what a record is being made.

record -> where and with what it was made, and what about that may have affected its figures.

In short, one line of clauses; with WIDE=1, a line each.

What was asked of the layers of a record, and what wrk could not do of it, in words.
"""

import re
from typing import Any

from asgi_anatomy.documents.store import RUNNING, is_live
from asgi_anatomy.documents.words import counted
from asgi_anatomy.machine.machine import Machine, Python, read_machine, read_python
from asgi_anatomy.machine.versions import read_revision
from asgi_anatomy.suite.workloads import USER
from asgi_anatomy.sweep.record import Sweep
from asgi_anatomy.turns.record import Kind, Layers, Load, Measured, now
from asgi_anatomy.versus.record import Versus


def origin() -> dict[str, Any]:
    """The fields that say where a record comes from, common to all kinds."""
    return {
        "made": now(),
        "machine": read_machine(),
        "python": read_python(),
        "revision": read_revision(),
    }


LINE = 80
NOISE = re.compile(r"\((R|TM|r|tm)\)|\bCPU\b|\bProcessor\b|@.*|\b\d+-Core\b")
"""What CPUs add to their names."""
VERSION = re.compile(r"\d+(\.\d+)+")


def origin_origin(record: Kind, wide: bool = False) -> list[str]:
    """Where and with what a record was made, and what about that may have affected its figures."""
    lines = []
    if record.source:
        lines.append(f"Source: {record.source}")
    if not wide:
        return [*lines, *filter(None, [made(record), ending(record)])]
    if record.made and record.machine and record.python:
        machine, python = record.machine, record.python
        wrk = f", wrk {machine.wrk}" if isinstance(record, Measured | Sweep) else ""
        lines.append(
            f"{record.made:%Y-%m-%d %H:%M} UTC, {machine.cores} cores {machine.cpu}, {machine.system},"
            f" Python {python.version}{wrk}, load {machine.load[0]}."
        )
    lines += warnings(record)
    if record.packages:
        lines.append(", ".join(f"{name} {version}" for name, version in record.packages.items()) + ".")
    return [*lines, *filter(None, [ending(record)])]


def ending(record: Kind) -> str:
    """That a run is in progress, or ended early, or nothing."""
    if record.stopped == RUNNING:
        how = "is still in progress" if is_live(record) else "was cut off: the process that measured it is gone"
        return f"This run {how}."
    return f"This run ended early: {record.stopped}." if record.stopped else ""


def made(record: Kind) -> str:
    """Machine, Python and date on one line, with what is wrong with them; empty where the record does not say.

    Where that is more than a line of 80, first wrk is left out and then the date.
    """
    machine, python = record.machine, record.python
    if not machine or not python or not record.made:
        return ""
    cores = (
        f"{machine.cores} core{'s' * (machine.cores > 1)} {cpu_name(machine)}{_in_brackets(_troubles(record, machine))}"
    )
    built = f"Python {python.version}{_in_brackets(_build(python))}"
    number = VERSION.search(machine.wrk) if isinstance(record, Measured | Sweep) else None
    wrk = [f"wrk {number[0]}"] if number else []
    date = f"{record.made:%Y-%m-%d %H:%M} UTC"
    lines = (", ".join(each) for each in ([cores, built, *wrk, date], [cores, built, date], [cores, built, date[:10]]))
    return next((line for line in lines if len(line) <= LINE), f"{cores}, {built}")


def cpu_name(machine: Machine) -> str:
    """Its CPU, without what that calls itself beside its name."""
    return " ".join(NOISE.sub(" ", machine.cpu).split())


def _in_brackets(found: list[str]) -> str:
    return f" ({', '.join(found)})" if found else ""


def _build(python: Python) -> list[str]:
    """What keeps this Python from being compared with others, in a word each."""
    found = {
        "not optimised": python.optimised is False,
        "debug": python.debug,
        "free-threaded": python.free_threaded,
        "JIT": python.jit,
    }
    return [word for word, is_so in found.items() if is_so]


def _troubles(record: Kind, machine: Machine) -> list[str]:
    """What about the machine may have affected the figures, in a word or two each."""
    if not isinstance(record, Measured | Sweep):
        return []  # counts do not depend on how busy the machine is
    found = {
        f"governor {machine.governor}": _is_slow(machine),
        f"load {machine.load[0]:.1f}": _is_busy(machine) and not machine.others,
        f"others {sum(machine.others):.0f}% busy": machine.others,
        f"{', '.join(machine.hooks)} set": machine.hooks,
        "not pinned": record.cores is None,
    }
    return [words for words, is_so in found.items() if is_so]


def _is_slow(machine: Machine) -> bool:
    return machine.governor not in (None, "performance")


def _is_busy(machine: Machine) -> bool:
    return machine.load[0] > machine.cores / 4


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
    if not isinstance(record, Measured | Sweep) or not machine:
        return lines  # counts do not depend on how busy the machine is
    if _is_slow(machine):
        lines.append(f"The CPU governor is {machine.governor!r}: its clock changes with load.")
    if _is_busy(machine):
        lines.append(f"The machine was not idle at the start: load {machine.load[0]:.1f} on {machine.cores} cores.")
    if machine.others:
        shares = ", ".join(f"{share:.0f}%" for share in machine.others)
        lines.append(f"Other processes were busy at the start: {shares} of a core.")
    if machine.hooks:
        lines.append(f"The environment had {', '.join(machine.hooks)} set, which can slow a server down: unset it.")
    if record.cores is None:
        lines.append("The servers could not be pinned to a core: turns need Linux.")
    return lines


def driven(load: Load) -> str:
    """How wrk drove a server, in a few words."""
    words = [counted(load.connections, "connection"), counted(load.threads, "thread")]
    if load.pipelining > 1:
        words.append(f"{load.pipelining} requests at once on each")
    if load.requests_per_connection:
        words.append(f"{load.requests_per_connection} to a connection")
    return f"wrk with {', '.join(words[:-1])} and {words[-1]}"


def named(record: Layers | Versus) -> list[str]:
    """The workload of a record, where it is not the User request again and again."""
    return [f"Workload: {record.workload} (docs/WORKLOADS.md)."] if record.workload != USER else []


def workload_lines(record: Measured) -> list[str]:
    """The workload of a record, and how far wrk could drive it."""
    load, lines = record.load, named(record)
    if load.pipelining > 1:
        lines.append(
            f"wrk sends {load.pipelining} requests at once, and the next {load.pipelining} when all are answered; its"
            " latency is that of all of them, to the last answer."
        )
    if load.requests_per_connection > 1:
        lines.append(
            f"{load.requests_per_connection} requests per connection is an average: wrk does not say which connection a"
            " request is for, so chance decides which is its last."
        )
    if statuses := sorted({status for each in record.windows for status in each.statuses}):
        lines.append(f"The workload expects answers with status {', '.join(statuses)}, and counts them separately.")
    return lines
