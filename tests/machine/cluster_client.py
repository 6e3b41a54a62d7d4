"""Run in the group `cluster` by test_cluster.py: does jobs on a scheduler, and prints a line for each when it is done.

cluster_client.py SCHEDULER WORKERS JOBS
"""

import json
import os
import sys
import time

from asgi_anatomy.counts.jobs import Job, Result, count
from asgi_anatomy.machine.cluster import cluster, each_done, reason
from asgi_anatomy.suite.contract import read_contract
from asgi_anatomy.suite.layers import read_catalogue


class Counted:
    """A count, and the process that did it."""

    def __init__(self, job: Job) -> None:
        self.pid = os.getpid()
        self.result: Result = count(job)


def main(scheduler: str, width: int, number: int) -> None:
    """Count the layer `protocol` so many times."""
    job = Job(read_catalogue().layers["protocol"], read_contract(), "calls and bytecodes")
    with cluster(scheduler, lambda: None) as workers:
        workers.client.wait_for_workers(width, timeout=60)
        print(json.dumps([len(workers.machines)]), flush=True)
        begin = time.monotonic()
        for _, found in each_done(Counted, [job] * number, workers.executor):
            line = (
                {"pid": found.pid, "bytecodes": found.result.counts.bytecodes, "notes": found.result.counts.notes}
                if isinstance(found, Counted)
                else {"failed": reason(found)}
            )
            print(json.dumps({**line, "seconds": time.monotonic() - begin}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
