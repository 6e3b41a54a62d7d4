"""Time slices: how long one of two servers on a core runs before the other does.

Linux uses time slices of a few milliseconds. After each, a server finds the caches filled by the other: one with a
large footprint then costs several percent more than it does solo, and its decay reads up to two points too high. From
Linux 6.12 on, a process can ask for longer ones (sched_setattr(2): `sched_runtime` of SCHED_OTHER), which removes the
error.
"""

import ctypes
import os
import platform
import struct

SLICE_MS = 20
CALLS = {"x86_64": (314, 315), "aarch64": (274, 275)}
"""The numbers of the system calls sched_setattr and sched_getattr."""
ATTRIBUTES = struct.Struct("IIQiIQQQ")
"""struct sched_attr: size, policy, flags, nice, priority, runtime (ns), deadline, period."""


def ask(thread: int) -> int | None:
    """Ask for time slices of SLICE_MS for a thread; returns the milliseconds granted, or None."""
    if platform.machine() not in CALLS:
        return None
    write, read = CALLS[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        nice = os.getpriority(os.PRIO_PROCESS, thread)
    except ProcessLookupError:
        return None
    wanted = ATTRIBUTES.pack(ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_MS * 1_000_000, 0, 0)
    if libc.syscall(write, thread, wanted, 0):
        return None
    got = ctypes.create_string_buffer(ATTRIBUTES.size)
    if libc.syscall(read, thread, got, ATTRIBUTES.size, 0):
        return None
    return int(ATTRIBUTES.unpack(got.raw)[5]) // 1_000_000 or None
