"""`make sweep`, from its options to its record, on real servers."""

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from asgi_anatomy.documents.store import read_record, schema
from asgi_anatomy.machine.connections import Limit, limits, obstacle
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.sweep.record import Sweep
from asgi_anatomy.sweep.text import sweep_document
from tests.conftest import Bench, called, processes, spawn, wait_for

QUICK = ("sweep", "--layers", "asyncio", "--seconds", 1)


def few_files() -> None:
    """As where a system allows few open files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))


def test_more_and_more_connections(tmp_path: Path, bench: Bench) -> None:
    """Without an error; with what a connection takes, and what many requests leave behind."""
    done = bench(*QUICK, "--connections", "256 2", "--results", tmp_path, "--format", "json")
    assert done.returncode == 0, done.stderr
    few, many = json.loads(done.stdout)
    assert (few["connections"], many["connections"]) == (2, 256)
    for row in (few, many):
        assert row["kept"] == row["opened"] == row["connections"]
        assert row["errors"] == row["read_errors"] == 0
        assert row["rps"] > 500
        assert row["p50_us"] <= row["p99_us"]
        assert row["end_requests"] >= 100_000
        assert 0 < row["start_bytes"] < row["end_bytes"] * 1.1
    assert 1_000 < many["connection_bytes"] < 200_000
    (path,) = tmp_path.glob("*-sweep.json")
    jsonschema.validate(json.loads(path.read_bytes()), schema())
    record = read_record(path, Sweep)
    text = sweep_document(record).render("text")
    assert " ".join(text.split()).startswith(
        "Requests/s with 256 connections, in percent of each layer's highest in this table: asyncio"
    )
    assert max(map(len, text.splitlines())) <= 80
    assert not processes(tmp_path)
    again = bench("sweep", "--record", path)
    assert again.returncode == 0
    assert "\nasyncio  " in again.stdout


def test_what_a_limit_does_not_allow(tmp_path: Path) -> None:
    """It is a row and a line that names the limit; where it allows nothing, an error before anything is measured."""

    def limited(connections: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "asgi_anatomy", *map(str, QUICK), "--connections", connections, "--budget", "1",
             "--results", str(tmp_path)],
            cwd=ROOT, preexec_fn=few_files, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    why = "a process may have 300 open files (`ulimit -Hn`), which allows 236 connections: try a higher LimitNOFILE="
    none = limited("1000")
    assert none.returncode == 2
    assert f"1,000 connections are not possible here: {why}" in none.stderr
    some = limited("4 1000")
    assert some.returncode == 0, some.stderr
    said = " ".join(some.stdout.split())
    assert f"Not measured: 1,000 connections (asyncio): {why}" in said


def test_obstacles() -> None:
    known = [Limit(100, "one thing", "this"), Limit(50, "another", "that")]
    assert obstacle(50, known) == ""
    assert obstacle(51, known) == "another, which allows 50 connections: try that"
    assert obstacle(10**6, limits()), "no system has a million local ports"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--connections", "many"), "CONNECTIONS must be numbers"),
        (("--rate", "fast"), "RATE must be percentages"),
        (("--rate", "100", "--connections", "1 2"), "RATE= takes one number of connections"),
        (("--layers", "endpoint"), "none of these layers has connections"),
        (("--rate", "100", "--workload", "pipelined"), "which is not the workload pipelined"),
        (("--threads", "64", "--rate", "100", "--connections", "2"), "64 threads need at least as many connections"),
    ],
)
def test_bad_input(quick_bench: Bench, tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    done = quick_bench("sweep", "--results", tmp_path, *arguments)
    assert done.returncode == 2
    assert why in done.stderr


@pytest.mark.all
def test_a_signal_keeps_what_was_measured(tmp_path: Path) -> None:
    results = tmp_path / "results"
    running = spawn(tmp_path, *QUICK, "--connections", "1 2 4 8 16", "--results", results)
    assert wait_for(lambda: [*results.glob("*-sweep.json")], 30)
    assert wait_for(lambda: called("wrk", tmp_path))
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    out, error = running.communicate(timeout=30)
    assert running.returncode == 128 + signal.SIGINT, error
    assert "This run ended early: stopped by SIGINT." in out
    (path,) = results.glob("*-sweep.json")
    assert read_record(path, Sweep).windows
    assert not processes(tmp_path)
