"""Servers as users have them: what they wait for, how they end and what they answer costs no figure."""

import json
from pathlib import Path

import pytest

from asgi_anatomy.packages.environments import OHA_BUILD
from asgi_anatomy.suite.layers import ROOT
from tests.conftest import Bench

pytestmark = pytest.mark.all
APPS = ROOT / "tests" / "reports"
SERVE = "{{python}} -m tests.mortal_server {} {{port}}"


def test_a_head_that_varies_costs_no_verdict(bench: Bench, tmp_path: Path) -> None:
    served = ("--serve", SERVE.format("varying"), "--name", "varying")
    done = bench("pair", "--a", "fastapi", *served, "--budget", 20, "--results", tmp_path / "results")
    assert done.returncode in (0, 3), done.stderr
    assert "answered wrongly" not in done.stdout + done.stderr
    assert done.stdout.startswith(("slower: ", "faster: ", "same: "))


@pytest.mark.parametrize("kind", ["forking", "replacing", "threads", "calling"])
def test_workers_that_are_replaced_take_no_cpu_time_with_them(bench: Bench, tmp_path: Path, kind: str) -> None:
    """Nor does the record become one that cannot be read."""
    served = ("--serve", SERVE.format(kind), "--on", "asyncio", "--layers", "asyncio", "--name", "mine")
    done = bench("bench", *served, "--budget", 10, "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results").glob("*-bench.json")
    again = bench("table", "--record", path, "--format", "json")
    assert again.returncode == 0, again.stderr
    asyncio, mine = json.loads(again.stdout)
    assert mine["cpu_us"] > 1.5 * asyncio["cpu_us"]


@pytest.mark.parametrize(
    ("app", "wait", "connections", "budget"),
    [("waiting", 2, 100, 30), ("waiting", 0.5, 10, 15), ("blocking", 0.1, 100, 60)],
)
def test_slow_endpoints_have_a_row(
    bench: Bench, tmp_path: Path, app: str, wait: float, connections: int, budget: int
) -> None:
    """However many requests wait, and whether they wait for each other."""
    options = ("--app", f"tests.odd_app:{app}", "--layers", "uvicorn", "--connections", connections, "--budget", budget)
    done = bench("bench", *options, "--format", "json", "--results", tmp_path / "results", WAIT=str(wait))
    assert done.returncode == 0, done.stderr
    _, slow = json.loads(done.stdout)
    assert 20 < slow["cpu_us"] < 5000


def test_answers_that_are_new_each_time(bench: Bench, tmp_path: Path) -> None:
    options = ("--layers-file", APPS, "--layers", "uvicorn created nothing", "--budget", 10)
    done = bench("bench", *options, "--format", "json", "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    uvicorn, created, nothing = json.loads(done.stdout)
    assert created["cpu_us"] > uvicorn["cpu_us"]
    assert nothing["cpu_us"] > uvicorn["cpu_us"]


def test_two_releases_with_an_app_of_ones_own(bench: Bench, tmp_path: Path) -> None:
    """Included routers were copied until 0.136 and are searched since."""
    options = ("--package", "fastapi", "--a", "0.136.3", "--b", "0.139.0", "--only", "counts")
    done = bench("versus", *options, "--app", f"{APPS}/apps:included", "--results", tmp_path / "results")
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("slower: fastapi 0.139.0 takes")
    assert "on apps:included" in " ".join(done.stdout.split())
    assert "fastapi:_IncludedRouter" in done.stdout


def test_pauses_of_a_collector_with_a_large_heap(bench: Bench, tmp_path: Path) -> None:
    if not (ROOT / OHA_BUILD.program).is_file():
        pytest.skip("oha is not built here: make build ONLY=oha")
    options = ("--layers-file", APPS, "--layers", "heap frozen", "--rate", "50%", "--seconds", 10)
    done = bench("sweep", *options, "--format", "json", "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    rows = {row["layer"]: row for row in json.loads(done.stdout)}
    assert rows["heap"]["p99_us"] > 0
    assert rows["frozen"]["p99_us"] > 0
