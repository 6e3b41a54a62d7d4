"""Signals at random moments: what had been measured can be shown, and nothing is left behind.

FAULTS says how many (200; `make test` has 2), SEED repeats a campaign.
"""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import Bench, processes, spawn, wait_for

QUICK, ALL = 2, 200
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL)
COMMANDS = (
    ("bench", "--layers", "asyncio uvicorn", "--budget", 60),
    ("pair", "--a", "asyncio", "--b", "uvicorn", "--budget", 60),
    ("anatomy", "--layers", "asyncio uvicorn"),
)

pytestmark = pytest.mark.faults
SOON, LATE = 4.0, 12.0  # seconds: within the first round; within the second or the third, or under valgrind


def campaign(bench: Bench, folder: Path, count: int, latest: float) -> None:
    """Start and signal so many runs."""
    seed = int(os.environ.get("SEED") or random.randrange(2**32))
    print(f"SEED={seed} repeats this")
    luck = random.Random(seed)
    for number in range(count):
        command, which = luck.choice(COMMANDS), luck.choice(SIGNALS)
        moment = luck.uniform(0, latest)
        what = f"SEED={seed}, {number + 1}. fault: {command[0]}, {which.name} after {moment:.3f} s"
        print(what)
        one(bench, folder / str(number), command, which, moment, what)


def one(
    bench: Bench, folder: Path, command: tuple[object, ...], which: signal.Signals, moment: float, what: str
) -> None:
    """Signal one run at one moment, and look at what is left."""
    results = folder / "results"
    results.mkdir(parents=True)
    with spawn(folder, *command, "--results", results) as run:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(moment)
        run.send_signal(which)
        begin = time.monotonic()
        _, err = run.communicate(timeout=30)
    assert time.monotonic() - begin < 15, f"{what}: it went on"
    assert run.returncode in (-which, 128 + which), f"{what}: exit code {run.returncode}: {err}"
    assert "Traceback" not in err, f"{what}: {err}"
    assert wait_for(lambda: not processes(folder), 10), f"{what}: processes {processes(folder)}"
    wait_for(lambda: [*folder.iterdir()] == [results], 2)
    left = [path for path in folder.rglob("*") if results not in (path, *path.parents)]
    assert left == [], f"{what}: {left}"
    for path in results.glob("2*.json"):
        shown = bench("anatomy" if command[0] == "anatomy" else "table", "--record", path)
        assert shown.returncode == 0, f"{what}: {shown.stderr}"
        assert "asyncio" in shown.stdout, what


def test_some_signals_at_random_moments(bench: Bench, tmp_path: Path) -> None:
    campaign(bench, tmp_path, int(os.environ.get("FAULTS") or QUICK), SOON)


@pytest.mark.all
def test_many_signals_at_random_moments(bench: Bench, tmp_path: Path) -> None:
    campaign(bench, tmp_path, int(os.environ.get("FAULTS") or ALL), LATE)
