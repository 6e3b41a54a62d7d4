"""What the kernel counts for a server: CPU time, involuntary context switches, memory, steal.

Read from /proc, so Linux only; elsewhere `available` is False, and whatever needs these counters says so.
"""

import contextlib
import os
import time
from pathlib import Path

import msgspec
import psutil

available = Path("/proc/self/status").exists() and hasattr(os, "sched_setaffinity")
TICK = os.sysconf("SC_CLK_TCK")
LOOK, IDLE = 0.25, 0.1  # seconds between looks at starting processes, and the share of them that an idle server uses


class Counters(msgspec.Struct, frozen=True):
    """Totals since a server started, over all of its processes and threads."""

    cpu_ns: int
    """Nanoseconds on a CPU, by the processes' own clocks, which include threads that have ended."""
    switches: int
    """Involuntary context switches."""
    peak_bytes: int
    """Peak resident memory, summed over processes: what they share is counted in each."""
    rss_bytes: int
    """Resident memory now, likewise."""


def descendants(pid: int) -> list[psutil.Process]:
    """All descendants of a process that are still running."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    return [pid, *(child.pid for child in descendants(pid))]


def threads(pid: int) -> list[Path]:
    """The folders in /proc of all threads of a process and its descendants."""
    return [task for each in family(pid) for task in Path(f"/proc/{each}/task").glob("*")]


def read(pid: int) -> Counters:
    """The counters of a process and all its descendants; those that have ended are not counted."""
    cpu = switches = peak = rss = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            cpu += time.clock_gettime_ns(clock(each))
            status = _status(Path(f"/proc/{each}"))
            peak += 1024 * int(status.get("VmHWM", "0 kB").split()[0])
            rss += 1024 * int(status.get("VmRSS", "0 kB").split()[0])
    for task in threads(pid):
        with contextlib.suppress(OSError):
            switches += int(_status(task).get("nonvoluntary_ctxt_switches", 0))
    return Counters(cpu, switches, peak, rss)


def asleep(pid: int) -> bool:
    """Whether a process waits for something to happen, or has ended; True where /proc does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
    except OSError:
        return True


def settle(pid: int, seconds: float = 10.0) -> None:
    """Wait until a server's other processes have started, too: one that answers may have others that are still busy
    with imports. So many seconds at most; a single process that answers has started.
    """
    deadline = time.monotonic() + seconds
    known, used = family(pid), read(pid).cpu_ns
    while len(known) > 1 and time.monotonic() < deadline:
        time.sleep(LOOK)
        before, used, last = known, read(pid).cpu_ns, used
        known = family(pid)
        if known == before and used - last < IDLE * LOOK * 1e9:
            return


def clock(pid: int) -> int:
    """The number of a process's CPU clock, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | 2


def _status(folder: Path) -> dict[str, str]:
    return dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())


def steal_ns(core: int) -> int:
    """Nanoseconds since boot during which another tenant had this core: the eighth field of /proc/stat."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            return int(line.split()[8]) * 1_000_000_000 // TICK
    return 0


def pin(pid: int, cores: set[int]) -> None:
    """Pin a process and all its descendants to these cores."""
    for task in threads(pid):
        try:
            os.sched_setaffinity(int(task.name), cores)
        except ProcessLookupError:
            continue
