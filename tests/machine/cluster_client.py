"""Run in the group `cluster` by test_cluster.py: does jobs on a scheduler, and prints a line for each when it is done.

cluster_client.py SCHEDULER WORKERS JOBS
"""

import json
import os
import sys
import time

from distributed import Client

from asgi_anatomy.counts.jobs import Job, Result, count
from asgi_anatomy.errors import Fault
from asgi_anatomy.machine.executor import finished, workers
from asgi_anatomy.suite.contract import read_contract
from asgi_anatomy.suite.layers import read_catalogue


def count_here(job: Job) -> tuple[int, Result]:
    """The process that counts, and the count."""
    return os.getpid(), count(job)


def main(scheduler: str, width: int, number: int) -> None:
    """Count the layer `protocol` so many times."""
    job = Job(read_catalogue().layers["protocol"], read_contract(), "calls and bytecodes")
    with Client(scheduler) as client:
        client.wait_for_workers(width, timeout=60)
    with workers(scheduler) as everyone:
        print(json.dumps([everyone.width, len(everyone.machines)]), flush=True)
        begin = time.monotonic()
        results = finished({everyone.submit(count_here, job): place for place in range(number)})
        for _, result in results:
            if isinstance(result, Fault):
                line: dict[str, object] = {"failed": result.message}
            else:
                pid, counted = result
                line = {"pid": pid, "bytecodes": counted.counts.bytecodes, "notes": counted.counts.notes}
            print(json.dumps({**line, "seconds": time.monotonic() - begin}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
