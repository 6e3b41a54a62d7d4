"""Jobs side by side, in threads and in processes that somebody else started: faults stay with their jobs."""

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest

import asgi_anatomy.counts.jobs
from asgi_anatomy.anatomy.run import dissect
from asgi_anatomy.counts import instructions
from asgi_anatomy.counts.instructions import NO_SYMBOLS
from asgi_anatomy.counts.jobs import Job, Result, Task, count, longest_first, merge, take
from asgi_anatomy.errors import ServerKilled
from asgi_anatomy.machine.children import guard
from asgi_anatomy.machine.executor import Cores
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT, Layer
from asgi_anatomy.turns.plan import select
from asgi_anatomy.turns.record import Anatomy, Counts, Frame
from tests.conftest import CATALOGUE, Quiet, family_of, processes, require_tool, wait_for

BROKEN = Layer(name="broken", adds="", command="{python} -c 'exit(3)'")
PYTHON: Task = "calls and bytecodes"


def test_jobs_and_results_can_be_pickled(contract: Contract) -> None:
    job = Job(CATALOGUE.layers["uvicorn"], contract, "instructions")
    assert pickle.loads(pickle.dumps(job)) == job
    tree = Frame("", "", 0, 0, [Frame("a", "f", 1, 10)])
    result = Result(counts=Counts(layer="uvicorn", instructions=[{"libc": 1.5}], tree=tree), fault="broke", seconds=2)
    assert pickle.loads(pickle.dumps(result)) == result
    fault = pickle.loads(pickle.dumps(ServerKilled("uvicorn", "died")))
    assert (type(fault), fault.layer, fault.what, fault.message) == (ServerKilled, "uvicorn", "died", "uvicorn died")


def test_the_longest_are_begun_first(contract: Contract) -> None:
    low, high = (CATALOGUE.layers[name] for name in ("asyncio", "fastapi"))
    tasks: tuple[Task, ...] = (PYTHON, "instructions")
    jobs = [Job(layer, contract, task) for layer in (low, high) for task in tasks]
    assert longest_first(jobs) == [jobs[3], jobs[1], jobs[2], jobs[0]]


def test_parts_become_one() -> None:
    parts = [Result(counts=Counts(layer="a", calls={"a": 1}, notes=["x"])), Result(counts=Counts(layer="a"))]
    parts.append(Result(counts=Counts(layer="a", syscalls={"read": 1}, notes=["y"])))
    assert merge("a", parts) == Counts(layer="a", calls={"a": 1}, syscalls={"read": 1}, notes=["x", "y"])


def test_an_interpreter_without_symbols_can_be_counted(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note says what is not known of it, which is no failure: history and bisections need the instructions alone."""
    require_tool("valgrind")
    monkeypatch.setattr(asgi_anatomy.counts.jobs, "count_instructions", lambda *_: ([{"interpreter": 100.0}], {}))
    result = count(Job(CATALOGUE.layers["uvicorn"], contract, "instructions"))
    assert (result.failed, result.counts.notes) == ("", [NO_SYMBOLS])


def test_a_second_count_that_fails_leaves_the_first(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    require_tool("valgrind")
    found = iter([([{"libc": 100.0}, {"libc": 300.0}], {"allocations": 1.0})])

    def count_once(*_: object) -> tuple[list[dict[str, float]], dict[str, float]]:
        for each in found:
            return each
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(asgi_anatomy.counts.jobs, "count_instructions", count_once)
    result = count(Job(CATALOGUE.layers["uvicorn"], contract, "instructions"))
    assert (result.failed, result.counts.instructions) == ("", [{"libc": 100.0}, {"libc": 300.0}])


def test_two_layers_under_valgrind_and_one_that_does_not_start(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_tool("valgrind")
    for name, less in (("WARM_UP", 100), ("IDLE", 0.5), ("BATCH", 100), ("BATCHES", 2)):
        monkeypatch.setattr(instructions, name, less)
    jobs = [Job(CATALOGUE.layers[name], contract, "instructions") for name in ("asyncio", "httptools")]
    with Cores() as cores:
        begin = time.monotonic()
        results = {job.layer.name: result for job, result in take([*jobs, Job(BROKEN, contract, "contract")], cores)}
        took = time.monotonic() - begin
    assert results["broken"].fault == "did not start (exit code 3)"
    totals = {
        name: [sum(each.values()) for each in results[name].counts.instructions] for name in ("asyncio", "httptools")
    }
    for found in totals.values():
        assert max(found) / min(found) < 1.01
    assert totals["asyncio"][0] > totals["httptools"][0] > 10_000
    if cores.width > 1:
        assert took < 0.8 * sum(each.seconds for each in results.values())


def test_a_layer_that_does_not_start_is_a_row_and_others_go_on(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    selection = select(CATALOGUE, contract, names="asyncio protocol")
    selection.layers.append(BROKEN)
    selection.on["broken"] = None
    record = Anatomy(layers=selection.rows())
    with Cores() as cores:
        dissect(selection, record, Quiet(), cores, cores.width)
    assert [row.faults for row in record.layers] == [[], [], ["did not start (exit code 3)"]]
    assert [each.layer for each in record.anatomy] == [row.name for row in record.layers]
    assert [bool(each.bytecodes) for each in record.anatomy] == [True, True, False]
    assert record.seconds


def test_a_tool_that_is_missing(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    tasks: tuple[tuple[Task, str], ...] = (("system calls", "strace"), ("instructions", "valgrind"))
    for task, tool in tasks:
        result = count(Job(CATALOGUE.layers["httptools"], contract, task))
        assert result.lacks == tool
        assert result.counts.notes == [f"no {task}: {tool} is not installed here (on Linux, type `make tools`)"]


def test_a_job_in_a_worker_of_somebody_else(contract: Contract) -> None:
    """As a scheduler's: it has none of our signal handlers, and all goes through pickle."""
    job = Job(CATALOGUE.layers["protocol"], contract, PYTHON)
    guard()  # that of this process must not be taken for its own by a worker that is a fork
    for method in ("spawn", "fork"):
        with ProcessPoolExecutor(1, get_context(method)) as pool:
            result = pool.submit(count, job).result(30)
        assert result.counts.notes == []
        assert result.counts.calls
    assert guard().start(["true"]).wait(5) == 0


def test_a_worker_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    code = "from asgi_anatomy.counts.jobs import *; from asgi_anatomy.suite.layers import *;"
    code += "from asgi_anatomy.suite.contract import *;"
    code += "from concurrent.futures import ThreadPoolExecutor as T; layer = read_catalogue().layers['asyncio'];"
    code += f"T(1).submit(count, Job(layer, read_contract(), {PYTHON!r})).result()"
    worker = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert wait_for(lambda: [each for each in family_of(tmp_path) if "servers.asyncio_server" in each.cmdline()])
    worker.kill()
    worker.wait(5)
    assert wait_for(lambda: not processes(tmp_path) and not [*tmp_path.iterdir()], 10), family_of(tmp_path)


def test_what_is_left_by_an_exception_ends_at_once(contract: Contract) -> None:
    started: list[Server] = []

    def serve() -> None:
        with Server(CATALOGUE.layers["asyncio"], contract) as server:
            started.append(server)
            server.process.wait(60)
            server.require_alive("died")

    begin = time.monotonic()
    with contextlib.suppress(KeyError), Cores() as cores:
        futures = [cores.submit(serve) for _ in range(cores.width + 1)]
        assert wait_for(lambda: len(started) == cores.width)
        raise KeyError
    assert time.monotonic() - begin < 10
    assert all(future.done() for future in futures)
    assert not any(psutil.pid_exists(server.process.pid) for server in started)
    assert not any(each.name.startswith("cores") for each in threading.enumerate())


def test_every_job_has_a_core_of_its_own() -> None:
    with Cores() as cores:
        barrier = threading.Barrier(cores.width)

        def where() -> set[int]:
            barrier.wait(10)
            return os.sched_getaffinity(0)

        found = [each.result() for each in [cores.submit(where) for _ in range(cores.width)]]
    assert sorted(core for each in found for core in each) == sorted(cores.cores[: cores.width])


def test_a_guardian_that_is_killed_costs_one_job(contract: Contract) -> None:
    job = Job(CATALOGUE.layers["protocol"], contract, PYTHON)

    def both() -> tuple[Result, Result]:
        own = guard()

        def kill() -> None:
            wait_for(lambda: own.children)  # the server of the first job
            own.process.kill()

        threading.Thread(target=kill).start()
        return count(job), count(job)

    with Cores() as cores:
        first, second = cores.submit(both).result()
    assert "asgi_anatomy.machine.guardian" in first.counts.notes[0]
    assert (second.counts.notes, bool(second.counts.calls)) == ([], True)
