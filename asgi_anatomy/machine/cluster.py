"""Dask's workers as an executor that gives up on machines that are gone. Needs the group `cluster`.

A worker that dies is started again by its nanny within seconds, and its job is done once more. Dask itself would wait
forever for a machine whose workers are gone for good, or for a scheduler.

Dask as the executor of jobs: workers on this machine, or on all that a scheduler knows. Needs the group `cluster`.

A worker does one job at a time. If it dies, its nanny starts another, and the job is done by whichever is free next.
"""

import contextlib
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, InvalidStateError, as_completed
from contextlib import contextmanager
from typing import Any

import dask
import msgspec
from distributed import Client, KilledWorker, LocalCluster
from distributed.comm import get_address_host

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.executor import Cores
from asgi_anatomy.machine.programs import scratch
from asgi_anatomy.packages.sides import machine_here
from asgi_anatomy.suite.layers import short

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


SETTINGS = {
    "distributed.scheduler.allowed-failures": 1,  # workers that may die of a job: it is tried again once
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.limit": "1h",  # a busy machine is no reason to warn
    "distributed.comm.timeouts.connect": "30s",
}
LOGGERS = ("distributed", "distributed.nanny", "distributed.worker", "distributed.scheduler", "distributed.core")
WAIT = 20  # seconds that a scheduler has to answer


class Cluster(msgspec.Struct, frozen=True):
    """Workers, as an executor, and how many there are."""

    client: Client
    lookout: Lookout
    executor: Workers
    machines: dict[str, list[str]]
    """By name, the addresses of the workers on each; several hosts, such as containers, may be one machine."""

    @property
    def width(self) -> int:
        """How many jobs are done at a time."""
        return sum(map(len, self.machines.values()))

    def on(self, machine: str, retries: int = 0) -> Workers:
        """The workers on one machine."""
        return Workers(self.client, self.lookout, hosts_of(self.machines[machine]), retries)

    def each_machine(self, work: Callable[..., object], *arguments: object) -> None:
        """Do something once on each machine, by one of its workers; raises what it raises."""
        self.client.run(work, *arguments, workers=[addresses[0] for addresses in self.machines.values()])


@contextmanager
def cluster(scheduler: str, check: Callable[[], None]) -> Iterator[Cluster]:
    """The workers of a scheduler, or without one a worker for each core here; `check` is done on each worker first.

    Raises BadInput if there is no scheduler, if it has no workers, or if a worker has other versions.
    """
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with scratch() as folder, dask.config.set({**SETTINGS, "temporary-directory": os.fspath(folder)}):
        if scheduler:
            try:
                client = Client(scheduler, timeout=WAIT)
            except (OSError, ValueError) as error:
                raise BadInput(
                    f"no scheduler answers at {short(scheduler)} ({short(str(error), 100)}): see docs/CLUSTER.md"
                ) from None
            with client, _ready(client, scheduler, check) as found:
                yield found
            return
        width = Cores().width
        with (
            LocalCluster(
                n_workers=width, threads_per_worker=1, memory_limit=0, host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # its metrics have a port even without a dashboard
                silence_logs=logging.CRITICAL, local_directory=os.fspath(folder),
            ) as local,
            Client(local) as client,
        ):  # fmt: skip
            client.run(_ignore_ctrl_c)
            with _ready(client, "this machine", check) as found:
                yield found


def _ignore_ctrl_c() -> None:
    """A terminal sends it to all processes; it is up to the first one to end the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _ready(client: Client, name: str, check: Callable[[], None]) -> Iterator[Cluster]:
    try:
        client.wait_for_workers(1, timeout=WAIT)
    except TimeoutError:
        raise BadInput(
            f"the scheduler at {name} has no workers: start one with `make worker SCHEDULER={name}`"
        ) from None
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if several := [address for address, each in workers.items() if each["nthreads"] != 1]:
        raise BadInput(f"the worker {several[0]} does several jobs at a time: start it with --nthreads 1")
    try:
        client.get_versions(check=True)
        client.run(check)
        called = client.run(machine_here)
    except Fault:
        raise
    except Exception as error:
        why = short(" ".join(str(error).split()), 300)
        raise BadInput(f"a worker of {name} cannot do these jobs: {why}: start it in a clone like this one") from None
    lookout = Lookout(client, name)
    machines = by_machine(called)
    lookout.start()
    try:
        yield Cluster(client, lookout, Workers(client, lookout), machines)
    finally:
        lookout.over.set()
        lookout.join(2 * POLL)


def by_machine(called: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    """The addresses of workers by machine, from the host and the machine that each says it is on."""
    found: dict[str, list[str]] = {}
    for address, (_, machine) in sorted(called.items()):
        found.setdefault(machine, []).append(address)
    names = {machine: called[addresses[0]][0] for machine, addresses in found.items()}
    twice = {name for name, count in Counter(names.values()).items() if count > 1}
    return {
        f"{name}-{hosts_of(found[machine])[0]}" if (name := names[machine]) in twice else name: addresses
        for machine, addresses in found.items()
    }


def hosts_of(addresses: Iterable[str]) -> list[str]:
    """The hosts in addresses such as tcp://127.0.0.1:40575."""
    return [*dict.fromkeys(get_address_host(each) for each in addresses)]


def each_done[J, T](work: Callable[[J], T], jobs: Sequence[J], executor: Executor) -> Iterator[tuple[J, T | Exception]]:
    """Each job when it is done, with its result or why it has none. Raises BadInput where a worker cannot do any."""
    futures = {executor.submit(work, job): job for job in jobs}
    try:
        for future in as_completed(futures):
            error = future.exception()
            if isinstance(error, BadInput) or (error and not isinstance(error, Exception)):
                raise error
            yield futures[future], error if isinstance(error, Exception) else future.result()
    finally:
        for future in futures:
            future.cancel()


def reason(error: BaseException) -> str:
    """Why a job has no result, on one line."""
    if isinstance(error, Fault):
        return error.message
    if isinstance(error, KilledWorker):
        return "two workers died of it"
    return f"{type(error).__name__}: {short(' '.join(str(error).split()), 200)}"
