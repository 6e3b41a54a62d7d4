"""What `make machines SCHEDULER=` does first: `make bench` once on each machine, with nothing else on it meanwhile."""

import re
from collections.abc import Sequence
from pathlib import Path

from bench.anatomy.release import require_revision
from bench.commands.output import say
from bench.data.errors import BadInput
from bench.data.files import write_whole
from bench.data.store import require_folder
from bench.host.remote import bench_here
from bench.host.signals import held
from bench.host.versions import read_revision

SET_UP = 1800.0
"""Seconds that a machine has besides measuring: to install, compile, check, and end a round."""


def bench_everywhere(scheduler: str, arguments: Sequence[str], budget: float, folder: Path) -> dict[str, str]:
    """Keep a record for each machine of a scheduler, named after it; returns those that failed, and why.

    What fails is tried again once. Other workers of a machine are idle meanwhile, as only one of its jobs is there.
    """
    from concurrent.futures import as_completed

    from bench.host.cluster import cluster, reason

    revision, failed = read_revision(), {}
    require_folder(folder)
    with cluster(scheduler, lambda: require_revision(revision)) as workers:
        for name, addresses in workers.machines.items():
            more = f", on one of its {len(addresses)} workers" if len(addresses) > 1 else ""
            say(f"make bench on {name}{more}: about {budget:.0f} s")
        limit = 2 * budget + SET_UP
        futures = {
            workers.on(name, retries=1).submit(bench_here, [*arguments], limit): name for name in workers.machines
        }
        for done, future in enumerate(as_completed(futures), 1):
            name = futures[future]
            error = future.exception()
            if isinstance(error, BadInput):
                raise error
            if error:
                failed[name] = reason(error)
                say(f"failed: {name}: {failed[name]}")
                continue
            with held():
                path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '-', name)}.json"
                write_whole(future.result(), path)
            say(f"{name} is done, {len(futures) - done} left")
    return failed
