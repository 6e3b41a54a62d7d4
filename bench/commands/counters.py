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


class Counters(msgspec.Struct, frozen=True):
    """An executor for each machine, how many jobs they do at a time together, and the machines' names if not this."""

    executors: Sequence[Executor]
    width: int
    machines: list[str]


@contextmanager
def counters(scheduler: str, layers: list[Layer], sides: list[Side]) -> Iterator[Counters]:
    """With a scheduler, the sides are installed on each machine first. An exception ends what is under way here.

    Raises BadInput or Fault where workers cannot be used: see bench/host/cluster.py.
    """
    if not scheduler:
        with Cores() as cores:
            yield Counters([cores], cores.width, [])
        return
    from bench.host.cluster import cluster

    revision = read_revision()
    with cluster(scheduler, lambda: require_revision(revision)) as workers:
        workers.each_machine(install_here, layers, sides)
        yield Counters([workers.on(name) for name in workers.machines], workers.width, [*workers.machines])
