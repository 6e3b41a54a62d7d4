"""Dask's workers as an executor that gives up on machines that are gone. Needs the group `cluster`.

A worker that dies is started again by its nanny within seconds, and its job is done once more. Dask itself would wait
forever for a machine whose workers are gone for good, or for a scheduler.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, InvalidStateError
from typing import Any

from distributed import Client

from bench.data.errors import Fault

POLL = 1.0
LOST = 60.0
"""Seconds without a worker, or a scheduler, after which the jobs there have failed."""


class Lookout(threading.Thread):
    """Asks a scheduler each second which hosts have workers, and tells the executors of those that have none."""

    def __init__(self, client: Client, name: str) -> None:
        super().__init__(name="lookout", daemon=True)
        self.client = client
        self.scheduler = name
        self.over = threading.Event()
        self.seen: dict[str, float] = {}
        self.began = self.heard = time.monotonic()
        self.executors: list[Workers] = []

    def run(self) -> None:
        """Until `over` is set."""
        while not self.over.wait(POLL):
            now = time.monotonic()
            if self.client.status == "running":
                with contextlib.suppress(Exception):  # whatever it is, the scheduler does not answer
                    known = self.client.scheduler_info(n_workers=-1)["workers"].values()
                    self.seen |= {each["host"]: now for each in known}
                    self.heard = now
            for executor in self.executors:
                if why := self.lost(executor.hosts, now):
                    executor.give_up(why)

    def lost(self, hosts: Sequence[str], now: float) -> str:
        """Why these hosts are given up, or an empty string."""
        if now - self.heard > LOST:
            return f"the scheduler at {self.scheduler} is gone"
        seen = [self.seen.get(host, self.began) for host in hosts or self.seen]
        if now - max([self.began, *seen]) > LOST:
            at = f"at {' or '.join(hosts)}" if hosts else f"of {self.scheduler}"
            return f"no worker {at} for {LOST:.0f} s: the machine is gone, or its workers were ended"
        return ""


class Workers(Executor):
    """The workers on these hosts, or on any. A job fails with Fault when the last of them is gone for good."""

    def __init__(self, client: Client, lookout: Lookout, hosts: Sequence[str] = (), retries: int = 0) -> None:
        self.inner = client.get_executor(pure=False, workers=[*hosts] or None, retries=retries)
        self.hosts = hosts
        self.open: dict[Future[Any], Future[Any]] = {}
        lookout.executors.append(self)

    def submit[**P, T](self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As any executor does."""
        inner, outer = self.inner.submit(work, *args, **kwargs), Future[T]()
        self.open[outer] = inner
        inner.add_done_callback(lambda found: self._pass_on(found, outer))
        outer.add_done_callback(lambda found: inner.cancel() if found.cancelled() else None)
        return outer

    def _pass_on(self, found: Future[Any], outer: Future[Any]) -> None:
        self.open.pop(outer, None)
        with contextlib.suppress(InvalidStateError):  # it was cancelled, or given up
            if found.cancelled():
                outer.set_exception(Fault("the scheduler is gone, or no longer knows of this job"))
            elif error := found.exception():
                outer.set_exception(error)
            else:
                outer.set_result(found.result())

    def give_up(self, why: str) -> None:
        """Fail all jobs that are not done."""
        for outer, inner in [*self.open.items()]:
            with contextlib.suppress(InvalidStateError):
                outer.set_exception(Fault(why))
            inner.cancel()
