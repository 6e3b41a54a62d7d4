"""What `make machines SCHEDULER=` does first: `make bench` once on each host, with nothing else on it meanwhile."""

import re
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path

from bench.anatomy.release import require_revision
from bench.commands.output import say
from bench.data.errors import Fault
from bench.host.remote import bench_here, name_here
from bench.host.signals import held
from bench.host.versions import read_revision


def bench_everywhere(scheduler: str, arguments: Sequence[str], folder: Path) -> Fault | None:
    """Keep a record for each host of a scheduler, named after it; returns what failed."""
    from bench.host.cluster import cluster, reason

    revision, failed = read_revision(), []
    folder.mkdir(parents=True, exist_ok=True)
    with cluster(scheduler, lambda: require_revision(revision)) as workers:
        called = workers.client.run(name_here, workers=[*workers.hosts.values()])
        twice = len({*called.values()}) < len(called)
        names = {called[at] + (f"-{host}" if twice else ""): at for host, at in workers.hosts.items()}
        # One worker a host, so that its others are idle while it measures.
        executors = {name: workers.client.get_executor(workers=[at], pure=False) for name, at in names.items()}
        futures = {executor.submit(bench_here, [*arguments]): name for name, executor in executors.items()}
        say(f"make bench on {', '.join(sorted(futures.values()))}")
        for done, future in enumerate(as_completed(futures), 1):
            name = futures[future]
            if error := future.exception():
                failed.append(f"{name}: {reason(error)}")
                say(f"failed: {failed[-1]}")
                continue
            with held():
                path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '-', name)}.json"
                path.write_bytes(future.result())
            say(f"{name} is done, {len(futures) - done} left")
    return Fault(f"{len(failed)} of {len(futures)} hosts failed: see above") if failed else None
