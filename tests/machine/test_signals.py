"""The end: signals to make reach what it runs, and closed standard streams end nothing."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from asgi_anatomy.suite.layers import ROOT
from tests.conftest import default_signals, processes, running, wait_for

pytestmark = pytest.mark.faults
SERVE = ("make", "serve-protocol", "PORT=0")


@contextmanager
def serving(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A make that serves a layer."""
    make = subprocess.Popen(
        SERVE, cwd=ROOT, env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True, preexec_fn=default_signals,
    )  # fmt: skip
    try:
        assert make.stderr
        assert "protocol on http" in make.stderr.readline()
        yield make
    finally:
        make.kill()
        make.communicate(timeout=20)


@pytest.mark.parametrize(
    "number",
    [
        *(signal.SIGTERM, signal.SIGINT, signal.SIGKILL),
        *(pytest.param(number, marks=pytest.mark.all) for number in (signal.SIGHUP, signal.SIGQUIT)),
    ],
)
def test_a_signal_to_make_alone_ends_what_it_runs(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as make:
        (harness,) = psutil.Process(make.pid).children()
        opened = [each.resolve() for each in Path(f"/proc/{harness.pid}/fd").iterdir()]
        assert ROOT / ".venvs" in opened, "locked, so that `make clean` leaves it alone"
        os.kill(make.pid, number)
        _, err = make.communicate(timeout=10)
    assert [line for line in err.splitlines() if not line.startswith(("error: stopped by SIG", "make: *** "))] == []
    assert wait_for(lambda: not processes(tmp_path), 5)
    assert [*tmp_path.iterdir()] == []


def test_a_signal_that_make_got_before_is_heard(tmp_path: Path) -> None:
    """While what it runs begins, and cannot follow it yet."""
    make = subprocess.Popen(
        SERVE, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.DEVNULL,
        start_new_session=True, preexec_fn=default_signals,
    )  # fmt: skip
    assert wait_for(lambda: running(tmp_path, "asgi_anatomy"))
    os.kill(make.pid, signal.SIGINT)
    assert make.wait(10) == -signal.SIGINT
    assert wait_for(lambda: not processes(tmp_path), 5)


@pytest.mark.parametrize(
    "closed",
    [
        "<&- >&- 2>&-",
        pytest.param("2>&-", marks=pytest.mark.all),
        pytest.param(">&-", marks=pytest.mark.all),
        pytest.param("<&-", marks=pytest.mark.all),
    ],
)
def test_closed_standard_streams_end_no_run(tmp_path: Path, closed: str) -> None:
    results = tmp_path / "results"
    bench = ["make", "bench", "LAYERS=protocol", "BUDGET=1", f"RESULTS={results}"]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *bench], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert len([*results.glob("*-bench.json")]) == 1
