"""Which core the servers share, and which other one there is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.data.machine import Lane
from bench.host import counters


def lane() -> Lane | None:
    """The cores of this machine that are used, or None where processes cannot be pinned, as on macOS.

    If possible, the other core is not a hardware thread of the servers' one.
    """
    if not counters.available:
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
