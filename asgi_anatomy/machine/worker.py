"""`make worker`: this machine does jobs for a Dask scheduler."""

import os

import click

from asgi_anatomy.cli import python_of
from asgi_anatomy.machine.executor import Cores
from asgi_anatomy.machine.tools import COUNTERS, try_to_install
from asgi_anatomy.options import Command
from asgi_anatomy.suite.layers import ROOT


@click.command("worker", cls=Command)
@click.option("--scheduler", required=True, help="Its address, such as tcp://head:8786.")
@click.option("--count", default=0, type=click.IntRange(0, 4096), help="Worker processes.  [one per core]")
def command(scheduler: str, count: int) -> None:
    """Do jobs for a Dask scheduler, one per process, until Ctrl-C."""
    python = os.fspath(python_of("cluster"))
    try_to_install(*COUNTERS)
    os.chdir(ROOT)  # from where workers import this suite
    options = ["--nworkers", str(count or Cores().width), "--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
    os.execv(python, [python, "-m", "distributed.cli.dask_worker", scheduler, *options])
