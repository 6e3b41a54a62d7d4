"""Schedulers and workers of Dask, for the tests that need real ones."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asgi_anatomy.cli import python_of
from asgi_anatomy.suite.layers import ROOT
from tests.conftest import wait_for


@contextmanager
def started(folder: Path, *argv: object, lines: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """A program of the group `cluster`, all its temporary files in a folder; ended with all that it started.

    With `lines`, it is to say everything in a line.
    """
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    program = subprocess.Popen(
        [python_of("cluster"), *map(str, argv)], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield program
    finally:
        program.terminate()
        _, err = program.communicate(timeout=30)
    assert not lines or "Traceback" not in err, err


@contextmanager
def scheduler(folder: Path) -> Iterator[str]:
    """A scheduler on a port that the kernel gives: its address."""
    file = folder / "scheduler.json"
    options = [
        "--host",
        "127.0.0.1",
        "--port",
        0,
        "--no-dashboard",
        "--dashboard-address",
        "127.0.0.1:0",
        "--scheduler-file",
        file,
    ]
    with started(folder, "-m", "distributed.cli.dask_scheduler", *options):
        assert wait_for(lambda: file.exists() and file.read_text().strip().endswith("}"), 30)
        yield str(json.loads(file.read_text())["address"])


@contextmanager
def worker(folder: Path, address: str) -> Iterator["subprocess.Popen[str]"]:
    """One as `make worker` starts it."""
    with started(folder, "-m", "asgi_anatomy", "worker", "--scheduler", address, "--count", 1, lines=True) as program:
        yield program
