"""Who does jobs: the cores of this machine, or the workers of a Dask scheduler. Both are executors."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from asgi_anatomy.errors import BadInput, Fault, WorkersGone
from asgi_anatomy.machine.children import interrupt, release
from asgi_anatomy.machine.cores import quota, siblings
from asgi_anatomy.suite.layers import short

POLL = 0.05


class Workers(Executor):
    """An executor that knows how many jobs it does at a time, and on which machines."""

    width: int
    machines: "Mapping[str, Workers]"
    """The workers of each machine of a scheduler, by the machine's name; empty where all jobs are done on this one."""


def workers(scheduler: str) -> AbstractContextManager[Workers]:
    """The workers of the Dask scheduler at this address; without one, the cores of this machine.

    Raises BadInput where the scheduler does not answer, or one of its workers cannot do jobs. Its packages (the group
    `cluster`) are imported only where there is one.
    """
    if not scheduler:
        return Cores()
    from asgi_anatomy.machine.cluster import connect

    return connect(scheduler)


def finished[J, T](jobs: Mapping[Future[T], J]) -> Iterator[tuple[J, T | Fault]]:
    """Each job as soon as it is done, with its result, or why it has none; at the end, those left are cancelled.

    Raises BadInput and WorkersGone, after which no other job can be done either.
    """
    try:
        for future in as_completed(jobs):
            result: T | Fault
            try:
                result = future.result()
            except (BadInput, WorkersGone):
                raise
            except Fault as fault:
                result = fault
            except Exception as error:
                result = Fault(f"{type(error).__name__}: {short(' '.join(str(error).split()), 200)}")
            yield jobs[future], result
    finally:
        for future in jobs:
            future.cancel()


class Cores(ThreadPoolExecutor, Workers):
    """A thread for each core, to which each job is pinned with all that it starts.

    As a context manager that is left by an exception (Ctrl-C), it ends what its jobs have started, so that they fail
    immediately; nothing is left behind. `width` is less than the number of cores where a container may not use all.
    """

    def __init__(self) -> None:
        usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        # those that share hardware with another come last
        self.cores = sorted(usable, key=lambda core: (core != min(siblings(core)), core))
        self.width = max(1, min(len(self.cores), int(quota() or len(self.cores))))
        self.machines = {}
        self.free = deque(self.cores)
        self.threads: list[threading.Thread] = []
        self.over = False
        super().__init__(self.width, "cores", self._begin)

    def submit[**P, T](self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a thread do this, unless the executor is left before."""
        return super().submit(self._do, work, *args, **kwargs)

    def _do[**P, T](self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self.over:
            raise CancelledError
        return work(*args, **kwargs)

    def _begin(self) -> None:
        """Give a new thread its core."""
        self.threads.append(threading.current_thread())
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {self.free.popleft()})

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Wait for all jobs, or after an exception end them; then for their guardians."""
        if kind:
            self.over = True
            self.shutdown(wait=False, cancel_futures=True)
            while running := [thread for thread in self.threads if thread.is_alive()]:
                for thread in running:
                    interrupt(thread.ident or 0)
                time.sleep(POLL)
        self.shutdown()
        for thread in self.threads:
            release(thread.ident)
