"""Jobs on a real scheduler with real workers: one that is killed in the middle loses nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.commands.groups import python_of
from bench.data.layers import ROOT
from tests.conftest import processes, wait_for

JOBS = 4


@contextmanager
def started(folder: Path, *argv: object) -> Iterator["subprocess.Popen[str]"]:
    """A program of the group `cluster`, all its temporary files in a folder; ended with all that it started."""
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    program = subprocess.Popen(
        [python_of("cluster"), *map(str, argv)], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield program
    finally:
        program.terminate()
        program.communicate(timeout=30)


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
    with started(folder, "-m", "bench", "worker", "--scheduler", address, "--count", 1) as program:
        yield program


def test_a_worker_is_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path))
        for _ in range(2):
            stack.enter_context(worker(tmp_path, address))
        client = stack.enter_context(started(tmp_path, "tests/host/cluster_client.py", address, 2, JOBS))
        assert client.stdout
        assert json.loads(client.stdout.readline()) == ["127.0.0.1"]
        lines = [json.loads(client.stdout.readline())]
        os.kill(lines[0]["pid"], signal.SIGKILL)
        lines += map(json.loads, client.stdout.readlines())
        assert client.wait(30) == 0
    assert len(lines) == JOBS
    assert len({line["pid"] for line in lines}) >= 2
    totals = [sum(line["bytecodes"].values()) for line in lines]
    assert totals == pytest.approx([totals[0]] * JOBS, rel=0.005)  # a busy machine's loop turns once more now and then
    assert not any(line["notes"] for line in lines)
    assert wait_for(lambda: not processes(tmp_path), 20), processes(tmp_path)


def test_there_is_no_scheduler(tmp_path: Path) -> None:
    code = "from bench.host.cluster import cluster\nimport bench.host.cluster as c\nc.WAIT = 0.5\n"
    code += "with cluster('tcp://127.0.0.1:1', list): pass"
    with started(tmp_path, "-c", code) as program:
        _, said = program.communicate(timeout=60)
    assert "no scheduler answers at tcp://127.0.0.1:1" in said


@pytest.mark.all
def test_two_workers_do_almost_twice_as_much_as_one(tmp_path: Path) -> None:
    seconds = {}
    for count in (1, 2):
        with ExitStack() as stack:
            address = stack.enter_context(scheduler(tmp_path))
            for _ in range(count):
                stack.enter_context(worker(tmp_path, address))
            client = stack.enter_context(started(tmp_path, "tests/host/cluster_client.py", address, count, 2 * JOBS))
            said, _ = client.communicate(timeout=120)
            lines = [json.loads(line) for line in said.splitlines()[1:]]
        assert len(lines) == 2 * JOBS
        seconds[count] = lines[-1]["seconds"]
    assert seconds[1] / seconds[2] >= 1.8, f"{seconds} on {os.cpu_count()} cores, {sys.version}"
