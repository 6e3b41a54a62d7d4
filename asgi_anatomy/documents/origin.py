"""Where, when and with what a record is made; and in words, with what may have affected its figures."""

import re
from typing import Any

from asgi_anatomy.documents.store import RUNNING, is_live
from asgi_anatomy.documents.words import counted
from asgi_anatomy.machine.machine import Machine, Python, read_machine, read_python
from asgi_anatomy.machine.versions import read_revision
from asgi_anatomy.suite.workloads import USER
from asgi_anatomy.turns.record import Kind, Layers, Load, Measured, now

LINE = 80
NOISE = re.compile(r"\((R|TM|r|tm)\)|\bCPU\b|\bProcessor\b|@.*|\b\d+-Core\b")
"""What CPUs add to their names."""
VERSION = re.compile(r"\d+(\.\d+)+")


def origin() -> dict[str, Any]:
    """The fields that say where a record comes from, common to all kinds."""
    return {
        "made": now(),
        "machine": read_machine(),
        "python": read_python(),
        "revision": read_revision(),
    }


def described(record: Kind, wide: bool = False) -> list[str]:
    """Where and with what a record was made: one line of clauses, or with `wide` a line each; and how it ended."""
    lines = [f"Source: {record.source}"] if record.source else []
    if not wide:
        return [*lines, *filter(None, [made(record), ending(record)])]
    if record.made and record.machine and record.python:
        machine = record.machine
        wrk = f", wrk {machine.wrk}" if record.timed else ""
        lines.append(
            f"{record.made:%Y-%m-%d %H:%M} UTC, {machine.cores} cores {machine.cpu}, {machine.system},"
            f" Python {record.python.version}{wrk}, load {machine.load[0]}."
        )
    lines += warnings(record)
    if record.packages:
        lines.append(f"{_versions(record)}.")
    return [*lines, *filter(None, [ending(record)])]


def _versions(record: Kind) -> str:
    return ", ".join(f"{name} {version}" for name, version in record.packages.items())


def ending(record: Kind) -> str:
    """That a run is in progress, or ended early, or nothing."""
    if record.stopped == RUNNING:
        how = "is still in progress" if is_live(record) else "was cut off: the process that measured it is gone"
        return f"This run {how}."
    return f"This run ended early: {record.stopped}." if record.stopped else ""


def made(record: Kind) -> str:
    """Machine, Python and date on one line, with what is wrong with them; empty where the record does not say.

    Where that is more than a line of 80, first wrk is left out and then the time of day.
    """
    machine, python = record.machine, record.python
    if not machine or not python or not record.made:
        return ""
    troubles = {
        f"governor {machine.governor}": _is_slow(machine),
        f"load {machine.load[0]:.1f}": _is_busy(machine) and not machine.others,
        f"others {sum(machine.others):.0f}% busy": machine.others,
        f"{', '.join(machine.hooks)} set": machine.hooks,
        "not pinned": not _pinned(record),
    }
    cores = f"{machine.cores} core{'s' * (machine.cores > 1)} {cpu_name(machine)}"
    parts = [cores + _in_brackets(troubles if record.timed else {}), python_name(python)]
    number = VERSION.search(machine.wrk) if record.timed else None
    date = f"{record.made:%Y-%m-%d %H:%M} UTC"
    wrk = [f"wrk {number[0]}"] if number else []
    endings: list[list[str]] = [[*wrk, date], [date], [date[:10]], []]
    lines = [", ".join([*parts, *ending]) for ending in endings]
    return next((line for line in lines if len(line) <= LINE), lines[-1])


def python_name(python: Python | None) -> str:
    """Its version, and what is unusual about its build, on which counts depend; empty where that is unknown."""
    if not python:
        return ""
    built = {
        "not optimised": python.optimised is False,
        "debug": python.debug,
        "free-threaded": python.free_threaded,
        "JIT": python.jit,
    }
    return f"Python {python.version}{_in_brackets(built)}"


def _in_brackets(words: dict[str, Any]) -> str:
    """Those words that are so."""
    true = [word for word, is_so in words.items() if is_so]
    return f" ({', '.join(true)})" if true else ""


def cpu_name(machine: Machine) -> str:
    """Its CPU, without what that calls itself beside its name."""
    return " ".join(NOISE.sub(" ", machine.cpu).split())


def _is_slow(machine: Machine) -> bool:
    return machine.governor not in (None, "performance")


def _is_busy(machine: Machine) -> bool:
    return machine.load[0] > machine.cores / 4


def _pinned(record: Kind) -> bool:
    return getattr(record, "cores", None) is not None


def briefly(record: Kind) -> str:
    """When, where and with what a record was made, in a few words."""
    machine, python = record.machine, record.python
    words = [
        f"{record.made:%Y-%m-%d %H:%M} UTC" if record.made else "",
        f"{machine.cores} cores {machine.cpu}, {machine.system}" if machine else "",
        f"Python {python.version}" if python else "",
        _versions(record),
    ]
    return ", ".join(filter(None, words)) or record.source


def warnings(record: Kind) -> list[str]:
    """What about the interpreter or the machine may have affected the figures, a sentence each; may be empty."""
    lines = _of_python(record.python) if record.python else []
    machine = record.machine
    if not record.timed or not machine:
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
    if not _pinned(record):
        lines.append("The servers could not be pinned to a core: turns need Linux.")
    return lines


def _of_python(python: Python) -> list[str]:
    slow = "Python was built without --enable-optimizations: Python code in every layer is slower than usual."
    builds = {
        "a debug build": python.debug,
        "a free-threaded build": python.free_threaded,
        "running its JIT": python.jit,
    }
    lines = [slow] if python.optimised is False else []
    return lines + [
        f"Python is {what}: do not compare with an ordinary build." for what, is_so in builds.items() if is_so
    ]


def driven(load: Load) -> str:
    """How wrk drove a server, in a few words."""
    words = [counted(load.connections, "connection"), counted(load.threads, "thread")]
    if load.pipelining > 1:
        words.append(f"{load.pipelining} requests at once on each")
    if load.requests_per_connection:
        words.append(f"{load.requests_per_connection} to a connection")
    return f"wrk with {', '.join(words[:-1])} and {words[-1]}"


def named(record: Kind) -> list[str]:
    """The workload of a record, where it is not the User request again and again; or that layers were asked others."""
    asked = {row.name: row.request or "the User request" for row in record.layers} if isinstance(record, Layers) else {}
    if len({*asked.values()}) > 1:
        return [f"Asked for different work: {', '.join(f'{name} {what}' for name, what in asked.items())}."]
    workload = getattr(record, "workload", USER)
    return [f"Workload: {workload} (docs/WORKLOADS.md)."] if workload != USER else []


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
    if statuses := sorted({status for window in record.windows for status in window.statuses}):
        lines.append(f"The workload expects answers with status {', '.join(statuses)}, and counts them separately.")
    return lines
