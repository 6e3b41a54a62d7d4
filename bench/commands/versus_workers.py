"""Where `make versus` counts: on this machine's cores, or by the workers of a scheduler."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager

import msgspec

from bench.anatomy.release import require_revision
from bench.data.layers import Layer
from bench.host.executor import Cores
from bench.host.remote import install_here
from bench.host.sides import Side
from bench.host.versions import read_revision


class Executors(msgspec.Struct, frozen=True):
    """An executor for each machine, how many jobs all do at a time, and the machines' names (none: this one)."""

    executors: Sequence[Executor]
    width: int
    machines: list[str]


@contextmanager
def executors(scheduler: str, layers: list[Layer], sides: list[Side]) -> Iterator[Executors]:
    """An executor for each machine. With a scheduler, the sides are installed on each of its machines first.

    An exception ends what is under way here.

    Raises BadInput or Fault where workers cannot be used: see bench/host/cluster.py.
    """
    if not scheduler:
        with Cores() as cores:
            yield Executors([cores], cores.width, [])
        return
    from bench.host.cluster import cluster

    revision = read_revision()
    with cluster(scheduler, lambda: require_revision(revision)) as workers:
        workers.each_machine(install_here, layers, sides)
        yield Executors([workers.on(name) for name in workers.machines], workers.width, [*workers.machines])
