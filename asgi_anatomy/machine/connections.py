"""How many connections this system allows: open files, local ports, and the queue of those that wait to be accepted."""

import contextlib
import resource
from pathlib import Path

import msgspec

from asgi_anatomy.errors import BadInput

SPARE = 64
"""Files that a process has open besides its connections, and local ports that others use."""


class Limit(msgspec.Struct, frozen=True):
    """A limit: how many connections it allows, what it is, and how to raise it."""

    most: int
    what: str
    hint: str


def limits() -> list[Limit]:
    """What limits the connections between a client and a server on this machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    known = []
    if hard != resource.RLIM_INFINITY:
        what = f"a process may have {hard:,} open files (`ulimit -Hn`)"
        known.append(Limit(hard - SPARE, what, "a higher LimitNOFILE=, or nofile in /etc/security/limits.conf"))
    if (files := _numbers("fs/file-nr")) and len(files) > 2:
        what = f"the system allows {files[2]:,} open files (fs.file-max), two for each connection"
        known.append(Limit((files[2] - files[0]) // 2 - SPARE, what, "sysctl fs.file-max=2000000"))
    if len(ports := _numbers("net/ipv4/ip_local_port_range")) == 2:
        what = f"there are {ports[1] - ports[0] + 1:,} local ports (net.ipv4.ip_local_port_range)"
        known.append(Limit(ports[1] - ports[0] + 1 - SPARE, what, 'sysctl net.ipv4.ip_local_port_range="1024 65535"'))
    return known


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
    return next(iter(_numbers("net/core/somaxconn")), None)


def overflows() -> int | None:
    """How often a connection was turned away since boot because an accept queue was full; it then tries again."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = [line.split() for line in Path("/proc/net/netstat").read_text().splitlines()]
        heads, values = (line for line in lines if line[0] == "TcpExt:")
        return int(values[heads.index("ListenOverflows")])
    return None


def _numbers(name: str) -> list[int]:
    try:
        return [int(word) for word in (Path("/proc/sys") / name).read_text().split()]
    except (OSError, ValueError):
        return []
