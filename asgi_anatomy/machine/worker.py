"""`make worker`: this machine does jobs for a Dask scheduler."""

import multiprocessing
import os
import sys

import click

from asgi_anatomy.cli import needs_group
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.children import guard
from asgi_anatomy.machine.executor import Cores
from asgi_anatomy.machine.programs import attend
from asgi_anatomy.machine.tools import COUNTERS, try_to_install
from asgi_anatomy.options import Command
from asgi_anatomy.suite.layers import short


@click.command("worker", cls=Command)
@click.option("--scheduler", required=True, help="Its address, such as tcp://head:8786.")
@click.option("--count", default=0, type=click.IntRange(0, 4096), help="Worker processes.  [one per core]")
@click.pass_context
def command(context: click.Context, scheduler: str, count: int) -> None:
    """Do jobs for a Dask scheduler, one per process, until Ctrl-C."""
    needs_group("cluster")
    require_address(scheduler)
    try:
        multiprocessing.Lock()
    except OSError as error:
        raise Fault(f"Dask's workers need shared memory, and /dev/shm has none for them: {error.strerror}") from None
    try_to_install(*COUNTERS)
    module = [sys.executable, "-m", "asgi_anatomy.machine.cluster"]
    argv = [*module, scheduler, str(count or Cores().width), os.fspath(guard().folder)]
    code = attend(argv, {**os.environ, "DASK_LOGGING__DISTRIBUTED": "critical", "PYTHONWARNINGS": "ignore"})
    context.exit(code if code >= 0 else 128 - code)


def require_address(scheduler: str) -> None:
    """Raise BadInput unless this may be the address of a scheduler."""
    from distributed.comm.addressing import get_address_host_port

    try:
        get_address_host_port(scheduler)
    except (ValueError, NotImplementedError, TypeError) as error:
        what = f"{short(scheduler)!r} is no address of a scheduler ({error})"
        raise BadInput(f"SCHEDULER: {what}: expected something like tcp://head:8786") from None
