"""Jobs on a real scheduler with real workers: one that is killed in the middle loses nothing."""

import ast
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from asgi_anatomy.bench.machines import machines_document
from asgi_anatomy.cli import python_of
from asgi_anatomy.counts.jobs import Job, count
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT
from tests.conftest import (
    CATALOGUE,
    called,
    default_signals,
    family_of,
    processes,
    require,
    require_tool,
    running,
    wait_for,
)
from tests.machine.cluster import scheduler, started, worker

JOBS = 4


def whole(counts: dict[str, float]) -> dict[str, int]:
    return {name: round(each) for name, each in counts.items()}


@pytest.mark.all
def test_a_worker_is_killed_and_nothing_is_lost(tmp_path: Path, contract: Contract) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path))
        for _ in range(2):
            stack.enter_context(worker(tmp_path, address))
        client = stack.enter_context(started(tmp_path, "tests/machine/cluster_client.py", address, 2, JOBS))
        assert client.stdout
        assert json.loads(client.stdout.readline()) == [2, 1], "two workers on one machine"
        lines = [json.loads(client.stdout.readline())]
        os.kill(lines[0]["pid"], signal.SIGKILL)
        lines += map(json.loads, client.stdout.readlines())
        assert client.wait(30) == 0
    assert len(lines) == JOBS
    assert len({line["pid"] for line in lines}) >= 2
    assert not any(line["notes"] for line in lines)
    undisturbed = count(Job(CATALOGUE.layers["protocol"], contract, "calls and bytecodes")).counts.bytecodes
    # to the last digit that is shown: a busy machine's loop turns once more now and then, in a thousand requests
    assert [whole(line["bytecodes"]) for line in lines] == [whole(undisturbed)] * JOBS
    assert wait_for(lambda: not processes(tmp_path), 20), processes(tmp_path)


def test_there_is_no_scheduler(tmp_path: Path) -> None:
    code = "import asgi_anatomy.machine.cluster as c\nc.WAIT = 0.5\nwith c.connect('tcp://127.0.0.1:1'): pass"
    with started(tmp_path, "-c", code) as program:
        _, err = program.communicate(timeout=60)
    assert "no scheduler answers at tcp://127.0.0.1:1" in err


OTHER = """
import sys
from asgi_anatomy.errors import BadInput
from asgi_anatomy.machine import cluster
here = cluster.read_revision()
for revision, checked in (("123", None), (here, "123")):
    cluster.read_revision = lambda: revision
    try:
        with cluster.connect(sys.argv[1]) as workers:
            workers.revision = checked  # as if the worker had joined later
            workers.submit(print).result()
    except BadInput as error:
        print(error.message)
"""


@pytest.mark.all
def test_a_worker_of_another_revision_then_a_scheduler_that_is_killed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path))
        stack.enter_context(worker(tmp_path, address))
        other = stack.enter_context(started(tmp_path, "-c", OTHER, address))
        out, err = other.communicate(timeout=60)
        assert [line.partition("not ")[2] for line in out.splitlines()] == ["123: type `git checkout 123`"] * 2, err
        client = stack.enter_context(started(tmp_path, "tests/machine/cluster_client.py", address, 1, 50))
        assert client.stdout
        assert client.stdout.readline()
        assert json.loads(client.stdout.readline())["pid"], "one is done"
        (process,) = running(tmp_path, "distributed.cli.dask_scheduler")
        process.kill()
        _, err = client.communicate(timeout=30)
        gone = f"WorkersGone: the scheduler at {address} is gone, or was started anew"
        assert err.strip().splitlines()[-1].endswith(gone)


LOSE = """
import sys
from pathlib import Path
from distributed import Client
import asgi_anatomy.machine.cluster
from asgi_anatomy.bench.machines import bench_everywhere
asgi_anatomy.machine.cluster.LOST = 3.0
with Client(sys.argv[1]) as client:
    client.wait_for_workers(2, timeout=60)
print(bench_everywhere(sys.argv[1], ["--layers", "protocol uvicorn", "--budget", "60"], 60, Path(sys.argv[2])))
"""


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("nope", 2, "error: SCHEDULER: 'nope' is no address of a scheduler (missing port"),
        pytest.param("x://a:1", 2, "error: SCHEDULER: 'x://a:1' is no address of a scheduler (", marks=pytest.mark.all),
    ],
)
def test_a_worker_of_no_scheduler(tmp_path: Path, address: str, code: int, said: str) -> None:
    with started(tmp_path, "-m", "asgi_anatomy", "worker", "--scheduler", address) as program:
        _, err = program.communicate(timeout=60)
    assert program.returncode == code
    assert err.startswith(said), err
    assert len(err.splitlines()) == 1
    assert [*tmp_path.iterdir()] == []


@pytest.mark.all
def test_a_worker_without_shared_memory() -> None:
    alone = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        require("nothing can be mounted here, as only root may")
    argv = [*alone, os.fspath(python_of("cluster")), "-m", "asgi_anatomy", "worker", "--scheduler", "tcp://127.0.0.1:1"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "error: Dask's workers need shared memory, and /dev/shm has none for them: Read-only file system\n"
    )


@pytest.mark.all
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_to_a_worker_is_a_line(tmp_path: Path, number: signal.Signals, workers: int) -> None:
    """Also while only the first of two has begun."""
    folder = tmp_path / "worker"
    folder.mkdir()
    with scheduler(tmp_path) as address:
        argv = [os.fspath(python_of("cluster")), "-m", "asgi_anatomy", "worker", "--scheduler", address, "--count", "2"]
        program = subprocess.Popen(
            argv, cwd=ROOT, env={**os.environ, "TMPDIR": str(folder)}, stderr=subprocess.PIPE, text=True,
            start_new_session=True, preexec_fn=default_signals,
        )  # fmt: skip
        assert wait_for(lambda: len(running(folder, "multiprocessing")) > workers, 30)  # one tracks what they share
        os.killpg(program.pid, number)
        _, err = program.communicate(timeout=30)
    assert err.splitlines()[-1] == f"error: stopped by {number.name}"
    assert len(err.splitlines()) <= 2, err
    assert wait_for(lambda: not processes(folder), 10)
    assert [*folder.iterdir()] == []


@pytest.mark.all
def test_a_machine_that_vanishes_while_it_measures_is_a_row_that_says_so(tmp_path: Path) -> None:
    require_tool("wrk")
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path))
        workers = [stack.enter_context(worker(tmp_path, address)) for _ in range(2)]
        client = stack.enter_context(started(tmp_path, "-c", LOSE, address, tmp_path / "machines"))
        assert wait_for(lambda: called("wrk", tmp_path), 40), "it measures"
        benches = [each for each in family_of(tmp_path) if "--budget" in each.cmdline() and "bench" in each.cmdline()]
        for each in [each for program in workers for each in psutil.Process(program.pid).children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                each.kill()  # those of a worker; its nanny would start another
        for program in workers:
            program.kill()
        said, told = client.communicate(timeout=60)
        assert client.returncode == 0, told
    assert len(benches) == 1, "one at a time on a machine, however many workers it has"
    assert "no worker at 127.0.0.1 for 3 s: the machine is gone" in said
    assert "on one of its 2 workers" in told
    document = machines_document([], [], failed=ast.literal_eval(said))
    (row,) = json.loads(document.render("json"))
    assert row["machine"] == socket.gethostname()
    assert "(failed)" in document.render("text")
    assert wait_for(lambda: not processes(tmp_path), 20), processes(tmp_path)


@pytest.mark.all
def test_two_workers_do_almost_twice_as_much_as_one(tmp_path: Path) -> None:
    seconds = {}
    for width in (1, 2):
        with ExitStack() as stack:
            address = stack.enter_context(scheduler(tmp_path))
            for _ in range(width):
                stack.enter_context(worker(tmp_path, address))
            client = stack.enter_context(started(tmp_path, "tests/machine/cluster_client.py", address, width, 2 * JOBS))
            said, _ = client.communicate(timeout=120)
            lines = [json.loads(line) for line in said.splitlines()[1:]]
        assert len(lines) == 2 * JOBS
        seconds[width] = lines[-1]["seconds"]
    assert seconds[1] / seconds[2] >= 1.8, f"{seconds} on {os.cpu_count()} cores, {sys.version}"
