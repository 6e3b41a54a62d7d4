"""`make worker`: this machine does jobs for a Dask scheduler."""

import os
import sys

import click

from bench.commands.groups import needs_group
from bench.data.layers import ROOT
from bench.host.executor import Cores


@click.command("worker")
@click.option("--scheduler", required=True, help="Where the scheduler is, such as tcp://head:8786.")
@click.option("--count", default=0, type=click.IntRange(0, 4096), help="Worker processes.  [one per core]")
def command(scheduler: str, count: int) -> None:
    """Do jobs for a scheduler until Ctrl-C: one at a time in each worker process."""
    needs_group("cluster")
    os.chdir(ROOT)  # from where workers import this suite
    options = ["--nworkers", str(count or Cores().width), "--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
    os.execv(sys.executable, [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, *options])
