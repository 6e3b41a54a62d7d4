"""Signals at random moments: what had been measured can be shown, and nothing is left behind.

FAULTS says how many (200; `make test` has 2). Each says its SEED, by which it is repeated:
`make test-faults ONLY=tests/test_faults.py SEED=... FAULTS=1`.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from asgi_anatomy.documents.store import read_record
from asgi_anatomy.kinds import KINDS
from asgi_anatomy.machine.server import free_port
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.record import Kind
from tests.conftest import Bench, default_signals, processes, wait_for

pytestmark = pytest.mark.faults
QUICK, ALL, PARTS = 2, 200, 8
HOST = "127.0.0.1"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL)
TO = ("make", "the group", "the harness")
COUNTED = ("PACKAGE=anyio", "A=4.15.0", "B=4.16.0", "LAYERS=starlette")
OWN = ROOT / "results" / "reference" / "default"
COMMANDS: dict[tuple[str, ...], float] = {
    ("bench", "LAYERS=asyncio uvicorn", "BUDGET=60"): 12,
    ("bench-starlette", "BUDGET=60"): 6,
    ("serve-asyncio",): 4,
    ("serve-fastapi",): 4,
    ("pair", "A=asyncio", "B=uvicorn", "BUDGET=60"): 12,
    ("anatomy", "LAYERS=asyncio uvicorn"): 12,
    ("sweep", "LAYERS=asyncio uvicorn", "CONNECTIONS=1 16 64", "SECONDS=1"): 8,
    ("versus", *COUNTED, "BUDGET=60"): 15,
    ("versus", *COUNTED, "ONLY=counts"): 15,
    ("history", "PACKAGE=anyio", "SINCE=4.14", "LAYERS=starlette"): 15,
    ("workloads", "MEASURE=1", "WORKLOAD=short fresh", "BUDGET=4"): 12,
    ("machines", f"RECORD={OWN}"): 1,
    ("clients", "LAYERS=asyncio", "BUDGET=60"): 8,
    ("sensitivity", "SIZES=0 5", "RUNS=2", "BUDGET=3"): 12,
    ("check-layer", "LAYER=uvicorn"): 2,
    ("report", f"RECORD={OWN}"): 3,
}
"""What runs for a while, and until when it is signalled, in seconds."""
SHORT = 3.0
NO_SET_UP = ("bench", "serve", "pair", "anatomy")
"""Commands that `make test` signals, within SHORT."""
END = 20  # seconds


def seeds(count: int) -> range:
    """One for each fault."""
    first = int(os.environ.get("SEED") or random.randrange(2**32))
    return range(first, first + int(os.environ.get("FAULTS") or count))


def campaign(folder: Path, each: range, tell: Callable[[str], None], show: Bench, quick: bool = False) -> None:
    """Start and signal a command for each seed."""
    for seed in each:
        luck = random.Random(seed)
        commands = {each: min(SHORT, latest) for each, latest in COMMANDS.items() if each[0].startswith(NO_SET_UP)}
        command, latest = luck.choice([*(commands if quick else COMMANDS).items()])
        which, to, moment = luck.choice(SIGNALS), luck.choice(TO), luck.uniform(0, latest)
        what = f"SEED={seed}: {which.name} to {to} of `make {' '.join(command)}` after {moment:.3f} s"
        tell(what)
        one(folder / str(seed), command, which, to, moment, what, show)


def one(
    folder: Path, command: tuple[str, ...], which: signal.Signals, to: str, moment: float, what: str, show: Bench
) -> None:
    """Signal one command at one moment, and look at what is left."""
    results, temporary, port = folder / "results", folder / "temporary", free_port(HOST)
    for each in (results, temporary):
        each.mkdir(parents=True)
    words = [f"OUT={results}"] if command[0] == "report" else [f"RESULTS={results}"]
    words = [f"PORT={port}"] if command[0].startswith("serve") else words
    words = [] if command[0] in ("machines", "check-layer") else words
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        make = subprocess.Popen(
            ["make", *command, *words], cwd=ROOT, env={**os.environ, "TMPDIR": str(temporary)}, stdout=out, stderr=err,
            start_new_session=True, preexec_fn=default_signals,
        )  # fmt: skip
    with contextlib.suppress(subprocess.TimeoutExpired):
        make.wait(moment)
    over = make.poll() is not None
    if not over:
        send(make.pid, which, to)
    begin = time.monotonic()
    try:
        code = make.wait(END)
    except subprocess.TimeoutExpired:
        make.kill()
        raise
    assert wait_for(lambda: not processes(temporary), END), f"{what}: processes {processes(temporary)}"
    said = (folder / "err").read_text()
    assert time.monotonic() - begin < END, f"{what}: it went on"
    killed = [] if to == "the harness" else [1 if which == signal.SIGQUIT else -which]  # make itself
    assert code in ([0, 2] if over or to == "the harness" else [2, *killed]), f"{what}: exit code {code}: {said}"
    assert "Traceback" not in said, f"{what}: {said}"
    wait_for(lambda: not [*temporary.iterdir()], 2)
    assert [*temporary.rglob("*")] == [], what
    socket.create_server((HOST, port)).close()
    for path in results.rglob("*.json*"):
        counted = command[0] == "history"
        shown_by = "history" if counted else KINDS[read_record(path, Kind).kind].shown_by
        shown = show(shown_by, "--record", path)
        assert shown.returncode == 0, f"{what}: {shown.stderr}"
        assert shown.stdout, what


def send(make: int, which: signal.Signals, to: str) -> None:
    """Send a signal to make, to all that it started in its group, or to what it runs at the moment alone."""
    if to == "the group":
        return os.killpg(make, which)
    with contextlib.suppress(psutil.Error, IndexError):
        return os.kill(make if to == "make" else psutil.Process(make).children()[0].pid, which)


def test_some_signals_at_random_moments(quick_bench: Bench, tmp_path: Path) -> None:
    campaign(tmp_path, seeds(QUICK), print, quick_bench, quick=True)


@pytest.mark.all
@pytest.mark.parametrize("part", range(PARTS))
def test_many_signals_at_random_moments(
    capsys: pytest.CaptureFixture[str], quick_bench: Bench, tmp_path: Path, part: int
) -> None:
    def tell(what: str) -> None:
        with capsys.disabled():
            print(what, flush=True)

    campaign(tmp_path, seeds(ALL)[part::PARTS], tell, quick_bench)
