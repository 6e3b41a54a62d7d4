"""Which cores there are for servers and clients, and how much of them a container may use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asgi_anatomy.machine.counters import available
from asgi_anatomy.machine.machine import Lane

ROOT = Path("/sys/fs/cgroup")


def quota(root: Path = ROOT, cgroup: Path = Path("/proc/self/cgroup")) -> float | None:
    """The CPU time that this process's control group may use, in cores; None where nothing limits it.

    It is in `cpu.max` (control groups, version 2), or in two files of version 1.
    """
    limits = []
    for folder in _folders(root, cgroup):
        try:
            if (file := folder / "cpu.max").exists():
                most, period = file.read_text().split()
            else:
                most, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if most != "max" and int(most) > 0:
                limits.append(int(most) / int(period))
        except (OSError, ValueError):
            continue
    return min(limits, default=None)


def throttled(root: Path = ROOT, cgroup: Path = Path("/proc/self/cgroup")) -> int:
    """How often a control group of this process used up its quota, and was stopped until the next period."""
    count = 0
    for folder in _folders(root, cgroup):
        try:
            lines = (folder / "cpu.stat").read_text().splitlines()
        except OSError:
            continue
        count += sum(int(line.split()[1]) for line in lines if line.startswith("nr_throttled "))
    return count


def _folders(root: Path, cgroup: Path) -> list[Path]:
    """The folders of the control groups that may limit this process's CPU time: its own, and all above."""
    try:
        lines = [line.split(":", 2) for line in cgroup.read_text().splitlines()]
    except OSError:
        return []
    folders: dict[Path, None] = {}
    for _, controllers, path in lines:
        if controllers and "cpu" not in controllers.split(","):
            continue
        for top in (root / controllers, root / "cpu") if controllers else (root, root / "unified"):
            group = top / path.strip("/")
            for folder in (group, *group.parents):
                if not folder.is_relative_to(top):
                    break
                if (folder / "cpu.stat").exists():
                    folders[folder] = None
    return [*folders]


def lane() -> Lane | None:
    """The cores of this machine that are used, or None where processes cannot be pinned, as on macOS.

    If possible, the other core is not a hardware thread of the servers' one.
    """
    if not available:
        return None
    cores = sorted(os.sched_getaffinity(0))
    apart = [core for core in cores[1:] if core not in siblings(cores[0])]
    return Lane(cores[0], ([*apart] or cores)[-1] if len(cores) > 1 else None)


def cores_for(lane: Lane, workers: int) -> set[int]:
    """The cores for this many processes (0: one per core). The client's core, and hardware threads that share a core,
    are used only if the machine has no others left.
    """
    if lane.client is None:
        return {lane.server}
    client = siblings(lane.client)
    others = sorted(
        os.sched_getaffinity(0) - {lane.client},
        key=lambda core: (core != lane.server, core in client, core != min(siblings(core)), core),
    )
    wanted = workers or len(others) + 1
    return {*others[:wanted]} if wanted <= len(others) else {*others, lane.client}


def siblings(core: int) -> set[int]:
    """The hardware threads of a core, including itself."""
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return {core}
    threads: set[int] = set()
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        threads.update(range(int(low), int(high or low) + 1))
    return threads


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Run this thread, and whatever it starts meanwhile, on one core; None: on any."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
