"""Which core serves and which one runs wrk."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.data.machine import Lane
from bench.host import counters, slices


def lane() -> Lane | None:
    """The lane of this machine, or None if it has only one core or cannot pin.

    If possible, the client's core is not a hardware thread of the server's.
    """
    if not counters.available:
        return None
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None
    apart = [core for core in cores[1:] if core not in siblings(cores[0])]
    return Lane(cores[0], (apart or cores)[-1], _slice())


def cores_for(lane: Lane, workers: int) -> set[int]:
    """The cores for this many processes (0: one per core). The client's core, and hardware threads that share a core,
    are used only if the machine has no others left.
    """
    others = sorted(
        os.sched_getaffinity(0) - {lane.client},
        key=lambda core: (core != lane.server, core in siblings(lane.client), core != min(siblings(core)), core),
    )
    wanted = workers or len(others) + 1
    return {*others[:wanted]} if wanted <= len(others) else {*others, lane.client}


def settle(pid: int, lane: Lane, cores: set[int] | None = None) -> None:
    """Pin a server and all its descendants to these cores, or to the lane's, with the lane's time slices."""
    counters.pin(pid, cores or {lane.server})
    if lane.slice_ms:
        for task in counters.threads(pid):
            slices.ask(int(task.name))


def _slice() -> int | None:
    """The time slice that a thread gets on request, tried on a thread that does nothing else."""
    got: list[int | None] = []
    probe = threading.Thread(target=lambda: got.append(slices.ask(threading.get_native_id())))
    try:
        probe.start()
    except RuntimeError:  # no more threads allowed: starting processes will fail and say so
        return None
    probe.join()
    return got[0] if got[0] == slices.SLICE_MS else None


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
