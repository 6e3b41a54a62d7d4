"""The sensor's process: it reads, it costs next to nothing, and it ends with whoever started it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.data.layers import ROOT
from bench.data.record import Bench as Record
from bench.data.store import read_record
from bench.host import quota
from bench.host.sensor import EVERY_MS, LOOP, sensor
from tests.conftest import Bench


def sensors(parent: int) -> list[psutil.Process]:
    """Those among a process's children."""
    found = []
    for each in psutil.Process(parent).children():
        with contextlib.suppress(psutil.Error):  # another child may have ended by now
            found += [each] if str(LOOP) in each.cmdline() else []
    return found


def test_it_reads_and_ends() -> None:
    core = min(os.sched_getaffinity(0))
    with sensor(core) as found:
        assert found
        (process,) = sensors(os.getpid())
        while not found.count():
            time.sleep(0.01)
        before = found.count()
        time.sleep(1)
        readings = found.since(before)
        assert 0.5 * 1000 / EVERY_MS < len(readings) <= 1000 / EVERY_MS + 2
        assert all(10 < reading < 100_000 for reading in readings)
        assert process.cpu_affinity() == [core]
        used = process.cpu_times().user + process.cpu_times().system
        assert used < 0.1, "start-up, and about 1% of a second"
    assert not process.is_running()


def test_without_a_core_there_is_none() -> None:
    with sensor(None) as found:
        assert found is None


def test_without_room_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: (_ for _ in ()).throw(OSError("no space")))
    with sensor(0) as found:
        assert found is None


def test_it_does_not_outlive_who_started_it() -> None:
    code = "import time; from bench.host.sensor import sensor\nwith sensor(0): print('up', flush=True); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout
    parent.stdout.readline()
    (process,) = sensors(parent.pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        process.wait(5)
    assert not process.is_running()


def test_a_run_keeps_its_readings(bench: Bench, tmp_path: Path) -> None:
    done = bench("bench", "--layers", "asyncio uvicorn", "--seconds", 1, "--budget", 1, "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.json")
    record = read_record(path, Record)
    assert record.sensor_ms == EVERY_MS
    assert {take.number for take in record.takes} == {window.take for window in record.windows}
    assert all(len(take.readings) > 20 for take in record.takes)
    assert "% disturbed" in done.stdout
    assert all(window.throttled is not None for window in record.windows)


def test_a_quota(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    group = tmp_path / "fs" / "box" / "inner"
    group.mkdir(parents=True)
    own.write_text("0::/box/inner\n")
    assert quota.quota(tmp_path / "fs", own) is None
    for folder, most in ((group, "max 100000"), (group.parent, "150000 100000")):
        (folder / "cpu.max").write_text(most + "\n")
        (folder / "cpu.stat").write_text("usage_usec 5\nnr_periods 9\nnr_throttled 3\n")
    assert quota.quota(tmp_path / "fs", own) == 1.5
    assert quota.throttled(tmp_path / "fs", own) == 6


def test_a_quota_of_version_1(tmp_path: Path) -> None:
    own, group = tmp_path / "cgroup", tmp_path / "fs" / "cpu" / "box"
    group.mkdir(parents=True)
    own.write_text("5:memory:/box\n3:cpu:/box\n")
    (group / "cpu.cfs_quota_us").write_text("50000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    (group / "cpu.stat").write_text("nr_throttled 2\n")
    assert quota.quota(tmp_path / "fs", own) == 0.5
    assert quota.throttled(tmp_path / "fs", own) == 2
    (group / "cpu.cfs_quota_us").write_text("-1\n")
    assert quota.quota(tmp_path / "fs", own) is None


def test_no_groups(tmp_path: Path) -> None:
    assert quota.quota(tmp_path, tmp_path / "none") is None
    assert quota.throttled(tmp_path, tmp_path / "none") == 0
