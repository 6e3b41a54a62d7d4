"""What the kernel counts of a server while it works: CPU time, involuntary context switches, memory, steal.

Read from /proc, so on Linux alone; elsewhere `available` is False, and what needs these counters says so.
"""

import contextlib
import os
import time
from pathlib import Path

import msgspec
import psutil

available = Path("/proc/self/status").exists() and hasattr(os, "sched_setaffinity")
TICK = os.sysconf("SC_CLK_TCK")


class Counters(msgspec.Struct, frozen=True):
    """Totals since a server began, over all of its processes and threads."""

    cpu_ns: int
    """Nanoseconds on a CPU, by the processes' own clocks, which count threads that have ended as well."""
    switches: int
    """Involuntary context switches."""
    peak_bytes: int
    """The most memory that was resident, summed over processes."""


def descendants(pid: int) -> list[psutil.Process]:
    """All that a process started, and that still runs."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    return [pid, *(child.pid for child in descendants(pid))]


def threads(pid: int) -> list[Path]:
    """The folders in /proc of all threads of a process and of all that it started."""
    return [task for each in family(pid) for task in Path(f"/proc/{each}/task").glob("*")]


def read(pid: int) -> Counters:
    """The counters of a process and all that it started; what has ended meanwhile counts nothing."""
    cpu = switches = peak = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            cpu += time.clock_gettime_ns(clock(each))
            peak += 1024 * int(_status(Path(f"/proc/{each}")).get("VmHWM", "0 kB").split()[0])
    for task in threads(pid):
        with contextlib.suppress(OSError):
            switches += int(_status(task).get("nonvoluntary_ctxt_switches", 0))
    return Counters(cpu, switches, peak)


def clock(pid: int) -> int:
    """The number of a process's CPU clock, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | 2


def _status(folder: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())


def steal_ns(core: int) -> int:
    """Nanoseconds in which another tenant of the machine had this core, since boot: the eighth field of /proc/stat."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            return int(line.split()[8]) * 1_000_000_000 // TICK
    return 0


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process and all that it started on these cores."""
    for task in threads(pid):
        try:
            os.sched_setaffinity(int(task.name), cores)
        except ProcessLookupError:
            continue
