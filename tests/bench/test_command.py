"""Whole runs as a user starts them: real servers, real wrk, and everything that can go wrong in between."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asgi_anatomy.documents.store import read_record
from asgi_anatomy.machine.cores import lane
from asgi_anatomy.machine.machine import Lane, read_python
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.record import Bench as Record
from tests.conftest import Bench, default_signals, processes, spawn

QUICK = ("--budget", 1)


def only_record(folder: Path) -> Record:
    (path,) = (folder / "results").glob("*.json")
    return read_record(path, Record)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A layers.toml with a layer that is sound, and others that go wrong."""
    sound = (ROOT / "layers.toml").read_text().partition("[layers.uvicorn]")[0]
    bad = "\n".join(
        f'[layers.{name}]\non = "asyncio"\nadds = ""\n'
        f'command = "{{python}} -m tests.bad_server {what} {after} {{port}}"\n'
        f"differs = {{ chunked = {501 if name != 'unruly' else 200} }}"
        for name, what, after in (
            ("stillborn", "exit", 0),
            ("mortal", "die", 2000),
            ("failing", "fail", 2000),
            ("lying", "lie", 2000),
            ("liar", "lie", 0),
            ("unruly", "none", 0),
        )
    )
    path = tmp_path / "layers.toml"
    path.write_text(f'{sound}{bad}\n[ladders.default]\nadds = ""\nlayers = ["asyncio"]\n')
    return path


def test_the_whole_ladder(bench: Bench, tmp_path: Path) -> None:
    done = bench("bench", *QUICK, "--format", "json", "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    rows = {row["layer"]: row for row in json.loads(done.stdout)}
    assert [*rows] == ["asyncio", "uvicorn", "starlette", "dumproute", "fastapi"]
    rates = [rows[name]["rps_per_core"] for name in ("asyncio", "uvicorn", "fastapi")]
    assert rates[0] > rates[1] > rates[2] > 100
    record = only_record(tmp_path)
    slowed = {row.name for row in record.layers if row.plain}  # where the machine is busy, an answer may take too long
    turning = {name: row for name, row in rows.items() if name not in slowed}
    assert len(turning) > 2
    assert all(row["turns"] >= row["rounds"] == 1 for row in turning.values())
    assert slowed or all(row["plain_rps"] is None for row in rows.values()), "there was no time for plain windows"
    assert 10 * 2**20 < rows["asyncio"]["rss_start"] < rows["fastapi"]["rss_start"] <= rows["fastapi"]["rss_end"] * 1.1
    assert rows["fastapi"]["rss_requests"] > 100
    assert "round 1: " in done.stderr
    (made,) = record.rounds
    assert record.turn_ms == 100
    assert made.throttled is not None
    assert {turn.layer for turn in made.turns} >= {*turning}
    for turn in made.turns:
        assert turn.cpu_ns
        assert turn.client_cpu_ns
        assert turn.bytes
    for instance in made.instances:
        assert not instance.fault
        assert instance.requests
        assert instance.errors
        assert instance.end_bytes
        assert instance.end_bytes > 10 * 2**20
    assert record.machine
    assert record.python
    assert record.packages["starlette"]
    assert not processes(tmp_path)

    path = next((tmp_path / "results").glob("*.json"))
    again = bench("table", "--record", path, "--format", "json")
    assert again.stdout == done.stdout


def test_a_layer_that_goes_wrong_is_a_row_that_says_so(bench: Bench, odd: Path, tmp_path: Path) -> None:
    names = "asyncio stillborn mortal failing lying liar unruly"
    done = bench("--catalogue", odd, "bench", "--layers", names, *QUICK, "--results", tmp_path / "results")
    assert done.returncode == 1
    assert "no CPU time for stillborn, mortal, failing, lying, liar, unruly" in done.stderr
    lines = done.stdout.replace("\n  ", " ").splitlines()
    notes = dict(line.split(": ", 1) for line in lines if line.partition(":")[0] in names.split())
    assert "asyncio" not in notes
    assert "exit code 1" in notes["stillborn"]
    assert "no database here" in done.stdout
    assert "died" in notes["mortal"]
    assert "out of luck" in done.stdout
    assert "status" in notes["failing"] or "500" in notes["failing"]
    assert "Bob" in notes["lying"]
    assert "Bob" in notes["liar"]
    assert "contract: chunked" in notes["unruly"]
    (made,) = only_record(tmp_path).rounds
    assert {each.layer for each in made.instances if not each.fault} >= {"asyncio"}
    assert "Traceback" not in done.stderr
    assert not processes(tmp_path)


def test_a_core_that_others_take_does_not_make_a_layer_slow(bench: Bench, tmp_path: Path) -> None:
    """It gets a third of the core, and could do with more: its turns count, if only as slow ones."""
    here = lane()
    assert here
    loop = f"import os; os.sched_setaffinity(0, [{here.server}])\nwhile True: pass"
    others = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(2)]
    try:
        done = bench("bench", *QUICK, "--layers", "asyncio uvicorn", "--results", tmp_path / "results")
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert done.returncode == 0, done.stderr
    assert [row.plain for row in only_record(tmp_path).layers] == ["", ""]


@pytest.mark.all  # test_display.py's run ends before its own, and that of the whole ladder after one round
def test_it_ends_with_the_budget_and_says_what_it_did_not_reach(bench: Bench, tmp_path: Path) -> None:
    options = ("--layers", "asyncio uvicorn", "--precision", 0.001, "--budget", 9)
    done = bench("bench", *options, "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    assert "pp (target ±0.001)" in done.stdout
    seconds = only_record(tmp_path).seconds
    assert seconds
    assert seconds <= 11


def test_one_core_is_enough_for_turns(tmp_path: Path) -> None:
    one = ("import os, sys; os.sched_setaffinity(0, {0}); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])",)
    command = [sys.executable, "-c", *one, "-m", "asgi_anatomy"]
    options = ["--layers", "asyncio uvicorn", "--budget", "1", "--results", str(tmp_path / "results")]
    done = subprocess.run(
        [*command, "bench", *options], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    assert record.cores == Lane(0, None)
    slow = {row.name for row in record.layers if row.plain}  # neighbours may make a layer too slow for turns
    assert {window.layer for window in record.windows} <= slow, "a plain wrk needs a core of its own"
    assert {turn.layer for made in record.rounds for turn in made.turns if turn.cpu_ns} == {"asyncio", "uvicorn"} - slow


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(each, marks=pytest.mark.all) for each in (signal.SIGTERM, signal.SIGQUIT))],
)
def test_a_signal_keeps_what_was_measured(tmp_path: Path, number: signal.Signals) -> None:
    arguments = ["bench", "--layers", "asyncio uvicorn", "--results", str(tmp_path / "results")]
    run = spawn(tmp_path, *arguments)
    assert run.stderr
    for line in run.stderr:  # one is done when the second begins
        if "round 2: turns" in line:
            break
    time.sleep(0.3)
    run.send_signal(number)
    out, err = run.communicate(timeout=20)
    assert run.returncode == 128 + number
    assert err.splitlines()[-1] == f"error: stopped by {number.name}"
    assert "asyncio" in out
    record = only_record(tmp_path)
    assert len(record.rounds) == 1
    assert record.stopped == f"stopped by {number.name}"
    assert not processes(tmp_path)
    assert [*tmp_path.iterdir()] == [tmp_path / "results"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("bench", "--layers", "starlet"), "unknown layer 'starlet' (did you mean starlette?)"),
        (("bench", "--ladder", "rope"), "unknown ladder 'rope'"),
        (("bench", "--results", "/proc/none"), "cannot write to /proc/none"),
        (("bench", "--threads", "9", "--connections", "4"), "9 threads need at least as many connections"),
        (("bench", "--turn", "4"), "error: TURN (--turn): expected a number from 5 to 10,000, not 4"),
        (("sweep", "--seconds", "0"), "error: SECONDS (--seconds): expected a whole number from "),
        (("bench", "--port", "70000"), "PORT (--port): expected a whole number from 0 to 65,535, not 70000"),
        (("serve", "nothing"), "unknown layer 'nothing'"),
        (("table", "--record", "README.md"), "README.md is not a record"),
        (("table", "--record", "none.json"), "No such file"),
        (("--catalogue", "README.md", "bench"), "README.md is not TOML"),
    ],
)
def test_bad_input(quick_bench: Bench, arguments: tuple[str, ...], error: str) -> None:
    done = quick_bench(*arguments)
    assert done.returncode == 2
    assert error in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_port_in_use(bench: Bench, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for command in (("serve", "asyncio"), ("bench", "--layers", "asyncio", "--results", tmp_path)):
            done = bench(*command, "--port", port)
            assert done.returncode == 2
            assert f"port {port} on 127.0.0.1 cannot be used" in done.stderr


def test_wrk_missing(bench: Bench, tmp_path: Path) -> None:
    done = bench("bench", "--results", tmp_path / "results", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "wrk not found, nor apt-get, dnf, pacman or brew to install it: install it by hand" in done.stderr


@pytest.mark.parametrize(
    ("limit", "code", "error"),
    [
        (("NOFILE", 100), 2, "64 connections need 128 open files, 100 are allowed"),
        (("FSIZE", 4096), 1, "cannot write"),  # a write past 4 KiB fails, as on a full disk
    ],
)
def test_limits(tmp_path: Path, limit: tuple[str, int], code: int, error: str) -> None:
    name, most = limit
    limited = (
        f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_{name}, ({most}, {most}));"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    bench = ["-m", "asgi_anatomy", "bench", "--budget", "1"]
    done = subprocess.run(
        [sys.executable, "-c", limited, *bench, "--results", tmp_path / "results"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == code
    assert error in done.stderr
    assert "Traceback" not in done.stderr
    assert ("asyncio" in done.stdout) == (code == 1), "what was measured is printed all the same"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_serve(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open(tmp_path / "said", "wb") as said:  # noqa: PTH123
        server = subprocess.Popen(
            [sys.executable, "-m", "asgi_anatomy", "serve", "starlette", "--port", str(port)], cwd=ROOT, stderr=said,
            preexec_fn=default_signals,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        curl = ["curl", "-s", "-X", "POST", f"http://127.0.0.1:{port}", "-H", "content-type: application/json"]
        body = '{"id":1,"name":"Ada","email":"a@b"}'
        assert subprocess.run([*curl, "-d", body], capture_output=True, text=True, check=True).stdout == body
        script = str(ROOT / "scripts" / "post.lua")
        wrk = subprocess.run(
            ["wrk", "-d1s", "-c4", "-t1", f"http://127.0.0.1:{port}", "-s", script],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "Requests/sec" in wrk.stdout
        assert "Non-2xx" not in wrk.stdout
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 130
    assert f"starlette on http://127.0.0.1:{port}" in (tmp_path / "said").read_text()


def test_a_ladder_under_several_pythons(bench: Bench, quick_bench: Bench, tmp_path: Path) -> None:
    """One record each; what is not here, or is too old, ends it before anything is measured."""
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    old = tmp_path / "python2.7"
    said = {"path": "/old", "version": "2.7.18", "implementation": "CPython", "number": [2, 7], "threaded": False}
    old.write_text(f"#!/bin/sh\necho '{json.dumps(said)}'\n")
    old.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    options = ("--layers", "asyncio uvicorn", "--pythons", own, "--results", tmp_path / "results")
    done = bench("bench", *QUICK, *options, "--format", "json", PATH=path)
    assert done.returncode == 0, done.stderr
    rows = {(row["layer"], row["python"]): row for row in json.loads(done.stdout)}
    assert [*rows] == [("asyncio", own), ("uvicorn", own)]
    assert rows["uvicorn", own]["cpu_us"] > 0
    assert only_record(tmp_path).python == read_python()
    for pythons, says in {
        f"{own} 9.9": "no Python 9.9 here: ",
        "2.7": "2.7 is Python 2.7.18: 3.12 or newer is needed",
        "/etc/passwd": "no Python /etc/passwd here: ",
        "/bin/true": "no Python /bin/true here: ",
        ",": "PYTHONS=, names none",
    }.items():
        refused = quick_bench("bench", "--pythons", pythons, PATH=path)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert refused.stderr.startswith(f"error: {says}"), refused.stderr
