"""What a container may use of the CPU, and how often it was stopped for having used it up: cgroups, version 2 or 1.

What this system allows in connections: open files, local ports, and the queue of those that wait to be accepted.

Which core the servers share, and which other one there is.
"""

import contextlib
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from asgi_anatomy.errors import BadInput
from asgi_anatomy.machine.counters import available
from asgi_anatomy.machine.machine import Lane

ROOT = Path("/sys/fs/cgroup")


def quota(root: Path = ROOT, own: Path = Path("/proc/self/cgroup")) -> float | None:
    """The CPU time that this process's group may use, in cores; None where nothing limits it."""
    found = []
    for folder in _folders(root, own):
        try:
            if (file := folder / "cpu.max").exists():
                most, period = file.read_text().split()
            else:
                most, period = ((folder / f"cpu.cfs_{each}_us").read_text() for each in ("quota", "period"))
            if most != "max" and int(most) > 0:
                found.append(int(most) / int(period))
        except (OSError, ValueError):
            continue
    return min(found, default=None)


def throttled(root: Path = ROOT, own: Path = Path("/proc/self/cgroup")) -> int:
    """How often a group of this process's was stopped until its next period, since the group began."""
    count = 0
    for folder in _folders(root, own):
        try:
            lines = (folder / "cpu.stat").read_text().splitlines()
        except OSError:
            continue
        count += sum(int(line.split()[1]) for line in lines if line.startswith("nr_throttled "))
    return count


def _folders(root: Path, own: Path) -> list[Path]:
    """The folders of this process's groups that may limit its CPU time, and of all groups that these are in."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return []
    found: dict[Path, None] = {}
    for _, controllers, path in lines:
        if controllers and "cpu" not in controllers.split(","):
            continue
        for top in (root / controllers, root / "cpu") if controllers else (root, root / "unified"):
            group = top / path.strip("/")
            for folder in (group, *group.parents):
                if not folder.is_relative_to(top):
                    break
                if (folder / "cpu.stat").exists():
                    found[folder] = None
    return [*found]


SPARE = 64
"""Files that a process has open besides its connections, and local ports that others use."""
FAR = 10**9


class Limit(msgspec.Struct, frozen=True):
    """A limit: how many connections it allows, what it is, and how to raise it."""

    most: int
    what: str
    hint: str


def limits() -> list[Limit]:
    """What limits the connections between a client and a server on this machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = []
    if hard != resource.RLIM_INFINITY:
        what = f"a process may have {hard:,} open files (`ulimit -Hn`)"
        found.append(Limit(hard - SPARE, what, "a higher LimitNOFILE=, or nofile in /etc/security/limits.conf"))
    if (files := _numbers("fs/file-nr")) and len(files) > 2:
        what = f"the system allows {files[2]:,} open files (fs.file-max), two for each connection"
        found.append(Limit((files[2] - files[0]) // 2 - SPARE, what, "sysctl fs.file-max=2000000"))
    if len(ports := _numbers("net/ipv4/ip_local_port_range")) == 2:
        what = f"there are {ports[1] - ports[0] + 1:,} local ports (net.ipv4.ip_local_port_range)"
        found.append(Limit(ports[1] - ports[0] + 1 - SPARE, what, 'sysctl net.ipv4.ip_local_port_range="1024 65535"'))
    return found


def obstacle(connections: int, known: list[Limit]) -> str:
    """The limit that does not allow so many connections, and how to raise it; or an empty string."""
    lowest = min(known, key=lambda limit: limit.most, default=None)
    if not lowest or connections <= lowest.most:
        return ""
    return f"{lowest.what}, which allows {max(0, lowest.most):,} connections: try {lowest.hint}"


def allow_files(connections: int) -> None:
    """Raise the soft limit of open files as far as these connections need; servers inherit it. Raises BadInput."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError) as error:
        why = f"{connections} connections need {needed} open files, and the limit cannot be raised from {soft}"
        raise BadInput(f"{why} ({error}): see `ulimit -Hn`") from None


def backlog() -> int | None:
    """The longest queue of connections that wait to be accepted, whatever a server asks for."""
    found = _numbers("net/core/somaxconn")
    return found[0] if found else None


def overflows() -> int | None:
    """How often a connection was turned away since boot because an accept queue was full; it then tries again."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = [line.split() for line in Path("/proc/net/netstat").read_text().splitlines()]
        heads, values = (line for line in lines if line[0] == "TcpExt:")
        return int(values[heads.index("ListenOverflows")])
    return None


def _numbers(name: str) -> list[int]:
    try:
        return [int(each) for each in (Path("/proc/sys") / name).read_text().split()]
    except (OSError, ValueError):
        return []


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
    found: set[int] = set()
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return found


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
