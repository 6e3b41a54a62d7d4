"""The workers of a Dask scheduler as an executor. Needs the group `cluster`.

A worker does one job at a time. If it dies, its nanny starts another, and its job goes once more to whichever is free.
"""

import asyncio
import logging
import socket
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from distributed import Client, KilledWorker, Nanny
from distributed.comm import get_address_host
from distributed.scheduler import NoValidWorkerError, NoWorkerError, Scheduler

from asgi_anatomy.errors import BadInput, Fault, WorkersGone
from asgi_anatomy.machine.executor import Workers
from asgi_anatomy.machine.versions import read_revision, require_revision
from asgi_anatomy.suite.layers import short

WAIT = 20
"""Seconds that a scheduler has to answer, and to have a worker."""
LOST = 60.0
"""Seconds without any worker that may do them, after which jobs fail."""


class DaskWorkers(Workers):
    """Dask's executor for all workers of a scheduler, or for those at some hosts.

    A job is only done by a clone of this one's revision. What Dask says of a job that is lost becomes a Fault.
    """

    def __init__(self, client: Client, scheduler: str, width: int, hosts: Sequence[str] = ()) -> None:
        self.scheduler = scheduler
        self.width = width
        self.machines = {}
        self.where = f"at {' or '.join(hosts)}" if hosts else f"of {scheduler}"
        self.lost = Fault if hosts else WorkersGone
        self.revision = read_revision()
        self.dask = client.get_executor(pure=False, workers=[*hosts] or None, retries=1 if hosts else 0)

    def submit[**P, T](self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a worker do this; its function and arguments are pickled."""
        inner: Future[T] = self.dask.submit(at_revision, self.revision, work, *args, **kwargs)
        outer = Future[T]()
        inner.add_done_callback(lambda _: self._pass_on(inner, outer))
        outer.add_done_callback(lambda _: inner.cancel() if outer.cancelled() else None)
        return outer

    def _pass_on[T](self, inner: Future[T], outer: Future[T]) -> None:
        if not outer.set_running_or_notify_cancel():
            return
        if inner.cancelled():
            outer.set_exception(WorkersGone(f"the scheduler at {self.scheduler} is gone, or was started anew"))
        elif isinstance(error := inner.exception(), NoWorkerError | NoValidWorkerError):
            why = f"no worker {self.where} for {error.timeout:.0f} s: the machine is gone, or its workers were ended"
            outer.set_exception(self.lost(why))
        elif isinstance(error, KilledWorker):
            outer.set_exception(Fault(f"{error.allowed_failures + 1} workers died while they did it"))
        elif error:
            outer.set_exception(error)
        else:
            outer.set_result(inner.result())


def at_revision[**P, T](revision: str | None, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do a job in this worker, which may have joined after the others were checked. Raises BadInput."""
    require_revision(revision)
    return work(*args, **kwargs)


@contextmanager
def connect(scheduler: str) -> Iterator[DaskWorkers]:
    """All workers of a scheduler, and those of each of its machines.

    Raises BadInput if there is no scheduler, if it has no workers, or if one has another revision or other versions.
    """
    logging.disable()  # Dask logs what is raised anyway
    try:
        client = Client(scheduler, timeout=WAIT)
    except (OSError, ValueError) as error:
        why = short(str(error), 100)
        raise BadInput(f"no scheduler answers at {short(scheduler)} ({why}): see docs/CLUSTER.md") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError:
            hint = f"start one with `make worker SCHEDULER={scheduler}`"
            raise BadInput(f"the scheduler at {scheduler} has no workers: {hint}") from None
        known = client.scheduler_info(n_workers=-1)["workers"]
        if several := [address for address, worker in known.items() if worker["nthreads"] != 1]:
            raise BadInput(f"the worker {several[0]} does several jobs at a time: start it with --nthreads 1")
        try:
            client.get_versions(check=True)
            client.run(require_revision, read_revision())
            client.run_on_scheduler(set_limit, LOST)
            machines = by_machine(client.run(this_machine))
        except Fault:
            raise
        except Exception as error:
            why = short(" ".join(str(error).split()), 300)
            hint = "start it in a clone like this one"
            raise BadInput(f"a worker of {scheduler} cannot do these jobs: {why}: {hint}") from None
        workers = DaskWorkers(client, scheduler, len(known))
        workers.machines = {
            name: DaskWorkers(client, scheduler, len(hosts), [*dict.fromkeys(hosts)])
            for name, hosts in machines.items()
        }
        yield workers


def set_limit(seconds: float, dask_scheduler: Scheduler) -> None:
    """Have a scheduler give up on jobs that no worker may do for so long: by default, it waits forever."""
    dask_scheduler.no_workers_timeout = seconds


def this_machine() -> tuple[str, str]:
    """The name of this host, and the boot id of its machine, which containers on it share."""
    try:
        return socket.gethostname(), Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname(), f"{uuid.getnode():x}"


def by_machine(workers: dict[str, tuple[str, str]]) -> dict[str, list[str]]:
    """The host of each worker by the name of its machine, from what `this_machine` says at each worker's address."""
    machines: dict[str, tuple[str, list[str]]] = {}
    for address, (name, boot) in sorted(workers.items()):
        machines.setdefault(boot, (name, []))[1].append(get_address_host(address))
    count = Counter(name for name, _ in machines.values())
    return {f"{name}-{hosts[0]}" if count[name] > 1 else name: hosts for name, hosts in machines.values()}


async def work(scheduler: str, count: str, folder: str) -> None:
    """Have so many workers do jobs for a scheduler until their end; their files go to a folder. What Dask logs of them
    is a line each: that one died, and was started anew.
    """
    logging.getLogger("distributed.nanny").setLevel(logging.WARNING)
    for handler in logging.getLogger("distributed").handlers:
        handler.setFormatter(_OneLine("%(message)s"))
    nannies = [Nanny(scheduler, nthreads=1, memory_limit=None, local_directory=folder) for _ in range(int(count))]
    await asyncio.gather(*nannies)
    print(f"{count} at work for {scheduler}, until Ctrl-C", file=sys.stderr, flush=True)
    await asyncio.gather(*(nanny.finished() for nanny in nannies))


class _OneLine(logging.Formatter):
    def formatException(self, _error: object) -> str:  # noqa: N802
        """No traceback."""
        return ""


if __name__ == "__main__":
    try:
        asyncio.run(work(*sys.argv[1:]))
    except Exception as error:
        sys.exit(f"error: the workers could not be started: {short(str(error.__cause__ or error), 200)}")
