"""What was measured is kept: in the face of a dead terminal, a pipe that nobody reads, SIGKILL, a full disk, a twin."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from asgi_anatomy.documents.store import RUNNING, Keeper, latest, read_record
from asgi_anatomy.errors import BadInput
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.record import VERSION, Kind, Writer
from asgi_anatomy.turns.record import Bench as Record
from tests.conftest import Bench, default_signals, processes, require_tool, spawn, wait_for
from tests.records import MADE
from tests.records import plain as record

pytestmark = pytest.mark.faults

LONG = ("bench", "--layers", "asyncio uvicorn", "--budget", 60, "--precision", 0.01)
SHORT = ("bench", "--layers", "asyncio", "--budget", 1)


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "results").glob("2*.json"))


def test_a_terminal_that_closes(tmp_path: Path) -> None:
    """As when ssh drops: a run that was told nothing but that nobody is there any more keeps its record."""
    master, slave = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "asgi_anatomy", *map(str, LONG), "--results", str(tmp_path / "results")],
        cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True, preexec_fn=default_signals,
    )  # fmt: skip
    os.close(slave)
    assert wait_for(lambda: kept(tmp_path), 30), "the record appears with the first round"
    os.close(master)
    if wait_for(lambda: run.poll() is not None, 3) is False:  # no terminal was its own, so nothing told it
        run.send_signal(signal.SIGHUP)
    assert run.wait(20) == 128 + signal.SIGHUP
    (path,) = kept(tmp_path)
    found = read_record(path, Record)
    assert found.stopped == "stopped by SIGHUP"
    assert found.rounds
    assert not processes(tmp_path)


def test_a_pipe_that_nobody_reads(tmp_path: Path) -> None:
    """As `make bench 2>&1 >/dev/null | head -1`: nothing that a display raises may end the run."""
    require_tool("head")
    command = (
        f"{sys.executable} -m asgi_anatomy {' '.join(map(repr, map(str, SHORT)))} --results {tmp_path / 'results'}"
    )
    subprocess.run(f"{command} 2>&1 >/dev/null | head -1", shell=True, cwd=ROOT, timeout=60, check=True)
    (path,) = kept(tmp_path)
    found = read_record(path, Record)
    assert (found.stopped, len(found.rounds)) == ("", 1)


def test_a_table_that_nobody_reads_to_its_end(tmp_path: Path) -> None:
    path = Keeper(record(low=[100], high=[50]), tmp_path).finish()
    command = f"{sys.executable} -m asgi_anatomy table --wide --record {path} | true"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_after_sigkill_the_rounds_until_then_are_there(bench: Bench, tmp_path: Path) -> None:
    with spawn(tmp_path, *LONG, "--results", tmp_path / "results") as run:
        assert wait_for(lambda: kept(tmp_path), 30)
        (path,) = kept(tmp_path)
        live = read_record(path, Record)
        assert live.stopped == RUNNING
        assert live.rounds
        with pytest.raises(BadInput, match="no record of `make bench`"):
            latest("bench", tmp_path / "results")
        assert "is still in progress" in bench("table", "--record", path).stdout
        run.kill()
        run.communicate(timeout=20)
    assert wait_for(lambda: not processes(tmp_path), 20)
    assert latest("bench", tmp_path / "results") == path
    shown = bench("table", "--record", path)
    assert shown.returncode == 0
    assert "was cut off" in shown.stdout
    assert "uvicorn" in shown.stdout


def test_one_that_took_the_number_of_the_writer_is_not_it() -> None:
    mine = psutil.Process()
    live = msgspec.structs.replace(record(low=[1]), stopped=RUNNING, writer=Writer(mine.pid, mine.create_time()))
    other = msgspec.structs.replace(live, writer=Writer(mine.pid, mine.create_time() - 100))
    from asgi_anatomy.documents.store import is_live

    assert (is_live(live), is_live(other), is_live(record(low=[1]))) == (True, False, False)


def test_runs_of_the_same_second(tmp_path: Path) -> None:
    made = record(low=[1])
    made.made = MADE
    twins = [msgspec.structs.replace(made, source=str(number)) for number in range(3)]
    paths = [Keeper(each, tmp_path).finish() for each in twins]
    assert len({*paths}) == len(kept_in(tmp_path)) == 3
    assert [path.name for path in paths] == [f"20260101-000000{number}-bench.json" for number in ("", "-2", "-3")]
    assert read_record(latest("bench", tmp_path), Record).source == "2", "the newest is the one begun last"


def kept_in(folder: Path) -> list[Path]:
    return [*folder.iterdir()]


def test_a_disk_that_fills_up_while_it_grows(tmp_path: Path) -> None:
    keeper = Keeper(record(low=[1]), tmp_path / "none")
    keeper.save()  # no folder: as good as no room; the run goes on
    (tmp_path / "none").mkdir()
    path = keeper.finish()
    assert read_record(path, Record).stopped == ""
    assert read_record(path, Record).writer is None


def test_an_anatomy_on_a_full_disk_is_printed_and_says_what_was_lost(tmp_path: Path) -> None:
    arguments = ("anatomy", "--layers", "asyncio", "--results", tmp_path / "results")
    with spawn(tmp_path, *arguments, PATH="/nowhere") as run:
        psutil.Process(run.pid).cpu_affinity([min(os.sched_getaffinity(0))])  # one job at a time, one guardian for all
        assert run.stderr
        for line in run.stderr:
            if "calls and bytecodes" in line:
                break
        psutil.Process(run.pid).rlimit(psutil.RLIMIT_FSIZE, (200, 200))  # what it writes fails, as on a full disk
        out, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "bytecodes by package" in out
    assert "error: cannot write a record to" in err
    assert "nothing is kept except what is printed" in err
    assert "warning: cannot write the call trees" in err
    assert "Traceback" not in err
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("bench", "--layers", ","), "',' names no layer"),
        (("bench", "--budget", "nan"), "BUDGET (--budget): expected a number from 1 to 1,000,000, not nan"),
        (("bench", "--precision", "nan"), "PRECISION (--precision): expected a number from 0 to 100, not nan"),
        (("bench", "--turn", "two"), "TURN (--turn): expected a number from 5 to 10,000, not two"),
        (
            ("pair", "--a", "uvicorn", "--b", "uvicorn", "--threshold", "inf"),
            "THRESHOLD (--threshold): expected a number from 0.01 to 50, not inf",
        ),
        (("table", "--format", "pdf"), "FORMAT (--format): 'pdf' is not one of"),
    ],
)
def test_input_that_used_to_get_through(quick_bench: Bench, arguments: tuple[str, ...], error: str) -> None:
    done = quick_bench(*arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {error}")


def test_a_ladder_of_no_layers(quick_bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "layers.toml"
    path.write_text((ROOT / "layers.toml").read_text() + '\n[ladders.none]\nadds = ""\nlayers = []\n')
    done = quick_bench("--catalogue", path, "bench", "--ladder", "none", "--results", tmp_path / "results")
    assert done.returncode == 2
    assert "none" in done.stderr
    assert not kept(tmp_path)


def bench_of(layers: list[dict[str, object]], **changes: object) -> str:
    return json.dumps({"schema": VERSION, "command": "bench", "load": {}, "layers": layers, **changes})


def window_of(**changes: object) -> str:
    window = {"layer": "low", "round": 0, "requests": 1, "duration_us": 1, **changes}
    return bench_of([{"name": "low"}], windows=[window])


def round_of(**changes: object) -> str:
    return bench_of([{"name": "low"}], rounds=[{"start": "2026-01-01T00:00:00Z", "seconds": 1, **changes}])


TURN = ["low", 0, 0, 100_000, 100_000, 90_000_000, 1000, 10_000_000, 5, 5]
MACHINE = {"cpu": "", "cores": 1, "memory_gib": 1, "system": "", "load": []}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[" * 100_000, "nested too deep|not a record"),
        (bench_of([{"name": "a", "on": "a"}]), "circle"),
        (bench_of([{"name": "a", "on": "b"}, {"name": "b", "on": "a"}]), "circle"),
        (bench_of([{"name": "a"}, {"name": "a"}]), "twice"),
        (bench_of([{"name": "a", "on": "b"}]), "is not in it"),
        (bench_of([{"name": "a"}], schema=1, machine=MACHINE), "is a record of version 1, this suite reads"),
        (window_of(requests=-5), "not a record"),
        (window_of(requests=1e30), "not a record"),
        (window_of(server_cpu_ns=-1), "not a record"),
        (window_of(layer="high"), "no row"),
        (round_of(turns=[["high", *TURN[1:]]]), "no row"),
        (round_of(turns=[[*TURN[:5], -1, *TURN[6:]]]), "not a record"),
        (round_of(instances=[{"layer": "high"}]), "no row"),
        (round_of(instances=[{"layer": "low", "requests": -1}]), "not a record"),
    ],
)
def test_records_that_contradict_themselves(quick_bench: Bench, tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "some.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=error) as raised:
        read_record(path, Kind)
    assert "\n" not in raised.value.message
    done = quick_bench("table", "--record", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_record_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BadInput, match="it is not a regular file"):
        read_record(tmp_path / "fifo", Kind)


def test_a_record_names_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    made = record(low=[1])
    made.layers[0].faults = ["/home/ada/mine/app.py is broken, /home/adam is not"]
    text = Keeper(made, tmp_path).finish().read_text()
    assert "~/mine/app.py is broken, /home/adam is not" in text


def test_little_memory() -> None:
    limited = (
        "import resource as r, os, sys; r.setrlimit(r.RLIMIT_AS, (300 << 20,) * 2); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", limited, sys.executable, "-m", "asgi_anatomy", "table"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1
    assert done.returncode == 0 or "memory" in done.stderr.lower()
