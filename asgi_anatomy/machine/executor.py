"""Jobs side by side on this machine: a thread and a core for each."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from asgi_anatomy.machine.children import interrupt, release
from asgi_anatomy.machine.cores import quota, siblings

POLL = 0.05


class Cores(ThreadPoolExecutor):
    """An executor that runs as many jobs at a time as there are cores, and pins each, with all it starts, to its own.

    As a context manager that is left by an exception (Ctrl-C), it ends what its jobs have started, so that they fail at
    once; nothing is left behind. `width` is how many run at a time, less than the cores where a container may not use
    them all.
    """

    def __init__(self) -> None:
        usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        # those that share hardware with another come last
        self.cores = sorted(usable, key=lambda core: (core != min(siblings(core)), core))
        self.width = max(1, min(len(self.cores), int(quota() or len(self.cores))))
        self.free = deque(self.cores)
        self.threads: list[threading.Thread] = []
        self.over = False
        super().__init__(self.width, "cores", self._begin)

    def submit[**P, T](self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As any executor does."""
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
            while running := [each for each in self.threads if each.is_alive()]:
                for thread in running:
                    interrupt(thread.ident or 0)
                time.sleep(POLL)
        self.shutdown()
        for thread in self.threads:
            release(thread.ident)
