"""What the kernel counts for a server: CPU time, involuntary context switches, memory, steal.

Read from /proc, so Linux only; elsewhere `available` is False, and whatever needs these counters says so.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import psutil

available = Path("/proc/self/status").exists() and hasattr(os, "sched_setaffinity")
TICK = os.sysconf("SC_CLK_TCK")
LOOK, IDLE = 0.25, 0.1  # seconds between looks at starting processes, and the share of them that an idle server uses


def idle_seconds(core: int) -> float:
    """For how long a core has done nothing since the machine started, in hundredths of a second."""
    lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    idle, waiting = next(line.split()[4:6] for line in lines if line.startswith(f"cpu{core} "))
    return (int(idle) + int(waiting)) / TICK


def grown(before: int, after: int) -> int | None:
    """By how much a counter grew; None where it fell, since a process took its part of it along when it ended."""
    return after - before if after >= before else None


class Counters(msgspec.Struct, frozen=True):
    """Totals since a server started, over all of its processes and threads."""

    cpu_ns: int
    """Nanoseconds on a CPU, also of processes that have ended."""
    user_ns: int
    system_ns: int
    """The same in user space and in the kernel: see Meter.split_ns."""
    switches: int
    """Involuntary context switches of those that live."""
    sleeps: int
    """Voluntary ones: how often they slept until something came."""
    peak_bytes: int
    """Peak resident memory, summed over processes: what they share is counted in each."""
    rss_bytes: int
    """Resident memory now, likewise."""


class Meter:
    """Reads the counters of one server, whatever processes it has and had.

    CPU time comes from its control group, where it has one, which counts processes that have ended. Otherwise it is the
    sum of the clocks of those that live and of what their parents waited for, in hundredths of a second.
    """

    def __init__(self, pid: int, group: Path | None = None) -> None:
        self.pid = pid
        self.group = group
        self.known = [pid]
        self.waited = 0
        """The part of `cpu_ns` that parents know of children that have ended."""
        self._clocks: dict[int, int] = {}
        self._ended = 0
        """CPU time, when last seen, of those that have ended."""

    @property
    def unknown(self) -> bool:
        """Whether processes that have ended took CPU time along that nobody knows: their parent did not wait for them.

        To be asked after `cpu_ns`. What /proc says is cut to hundredths of a second, of each parent twice.
        """
        if self.group:
            return False
        missing = self._ended - sum(map(waited_ns, self.known))
        cut = 2_000_000_000 // TICK * len(self.known)
        return missing > cut or (self._ended > 0 and any(map(ignores_children, self.known)))

    def family(self) -> list[int]:
        """The server's processes that live; of a group also those in groups below it, as a container has them."""
        if self.group:
            lines: list[str] = []
            for folder, _, _ in os.walk(self.group):
                with contextlib.suppress(OSError):
                    lines += Path(folder, "cgroup.procs").read_text().split()
            return [*map(int, lines)]
        return family(self.pid)

    def look(self) -> bool:
        """See which processes it has now; returns whether one of those known before has ended."""
        before, self.known = self.known, self.family()
        return bool({*before} - {*self.known})

    def clocks_ns(self) -> int:
        """CPU time of the processes known, up to this very moment; one that has ended counts as 0."""
        clocks = {}
        for pid in self.known:
            with contextlib.suppress(OSError):
                clocks[pid] = time.clock_gettime_ns(clock(pid))
        self._ended += sum(spent for pid, spent in self._clocks.items() if pid not in clocks)
        self._clocks = clocks
        return sum(clocks.values())

    def cpu_ns(self) -> int:
        """CPU time of all processes it had. A control group knows it of processes that sleep; so let it be at rest."""
        if times := self._of_group("usage_usec"):
            return times[0]
        clocks = self.clocks_ns()
        self.waited = sum(map(waited_ns, self.known))
        return clocks + self.waited

    def split_ns(self) -> tuple[int, int]:
        """CPU time of all processes it had in user space, and in the kernel.

        The kernel counts which of the two each tick of its clock hits, and divides the CPU time likewise: so this is a
        sample, and without a control group in hundredths of a second. It takes many ticks to say anything.
        """
        if times := self._of_group("user_usec", "system_usec"):
            return times[0], times[1]
        every = [times_ns(pid) for pid in self.known]
        return sum(user + waited for user, _, waited, _ in every), sum(own + waited for _, own, _, waited in every)

    def _of_group(self, *keys: str) -> list[int]:
        """These times of its control group, in nanoseconds; empty without one."""
        with contextlib.suppress(OSError, KeyError):
            if self.group:
                stat = dict(line.split() for line in (self.group / "cpu.stat").read_text().splitlines())
                return [1000 * int(stat[key]) for key in keys]
        return []

    def sleeps(self) -> int:
        """Voluntary context switches of the processes known, all threads."""
        return sum(switches(pid)[0] for pid in self.known)

    def read(self) -> Counters:
        """All counters."""
        self.look()
        peak = rss = 0
        for pid in self.known:
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                status = dict(line.split(":", 1) for line in lines)
                peak += 1024 * int(status.get("VmHWM", "0 kB").split()[0])
                rss += 1024 * int(status.get("VmRSS", "0 kB").split()[0])
        counts = [switches(pid) for pid in self.known]
        sleeps, involuntary = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
        return Counters(self.cpu_ns(), *self.split_ns(), involuntary, sleeps, peak, rss)


def switches(pid: int) -> tuple[int, int]:
    """Voluntary and involuntary context switches of a process, all threads that live."""
    counts = [0, 0]
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 (read in each turn: ten times as quick as paths)
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/status", "rb") as file:  # noqa: PTH123
                for place, line in enumerate(file.read().splitlines()[-2:]):
                    counts[place] += int(line.split()[1])
    return counts[0], counts[1]


def times_ns(pid: int) -> list[int]:
    """CPU time of a process in user space and in the kernel, and the same of the children that it waited for, to a
    hundredth of a second: utime, stime, cutime and cstime of proc_pid_stat(5), which are those of getrusage(2).
    """
    with contextlib.suppress(OSError):
        after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return [int(ticks) * 1_000_000_000 // TICK for ticks in after[11:15]]
    return [0, 0, 0, 0]


def waited_ns(pid: int) -> int:
    """CPU time of the children that a process waited for, to a hundredth of a second."""
    return sum(times_ns(pid)[2:])


def ignores_children(pid: int) -> bool:
    """Whether a process ignores SIGCHLD: the kernel then forgets the CPU time of its children when they end."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        ignored = next(line for line in lines if line.startswith("SigIgn:")).split()[1]
        return bool(int(ignored, 16) >> (signal.SIGCHLD - 1) & 1)
    return False


def bytes_read(pid: int) -> int:
    """Bytes that a process has read, from sockets too."""
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


def descendants(pid: int) -> list[psutil.Process]:
    """All descendants of a process that are still running."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    return [pid, *(child.pid for child in descendants(pid))]


def _state(pid: int) -> str:
    """The state of a process as proc(5) abbreviates it; empty if it has ended, or /proc does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def asleep(pid: int) -> bool:
    """Whether a process waits for something to happen, or has ended; True where /proc does not tell."""
    return _state(pid) in ("S", "")


def runs(pid: int) -> bool:
    """Whether a process works, or waits for a core."""
    return _state(pid) == "R"


def settle(pid: int, seconds: float = 10.0) -> None:
    """Wait until a server's other processes have started, too: one that answers may have others that are still busy
    with imports. So many seconds at most; a single process that answers has started.
    """
    deadline = time.monotonic() + seconds
    meter = Meter(pid)
    known, used = meter.family(), meter.cpu_ns()
    while len(known) > 1 and time.monotonic() < deadline:
        time.sleep(LOOK)
        meter.look()
        before, used, last = known, meter.cpu_ns(), used
        known = meter.known
        if known == before and used - last < IDLE * LOOK * 1e9:
            return


def clock(pid: int) -> int:
    """The number of a process's CPU clock, as clock_getcpuclockid(3) makes it."""
    return (~pid << 3) | 2


def pin(pids: Iterable[int], cores: set[int], batch: bool = False) -> None:
    """Pin processes to these cores, all of their threads.

    `batch`: with the scheduling policy SCHED_BATCH, under which nobody preempts anybody; otherwise the ordinary one.
    """
    policy = os.SCHED_BATCH if batch else os.SCHED_OTHER
    for task in (task for pid in pids for task in Path(f"/proc/{pid}/task").glob("*")):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), cores)
            os.sched_setscheduler(int(task.name), policy, os.sched_param(0))
