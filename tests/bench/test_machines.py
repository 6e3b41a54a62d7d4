"""One table of several machines."""

import json
from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.bench.machines import pool, sites
from asgi_anatomy.documents.store import encode
from asgi_anatomy.machine.machine import Machine
from asgi_anatomy.turns.estimate import Estimate
from asgi_anatomy.turns.record import Bench as Record
from tests.conftest import Bench
from tests.records import BEFORE, PYTHON, XEON
from tests.records import by_turns as record

EPYC = msgspec.structs.replace(XEON, cpu="EPYC")


def made(seed: int, machine: Machine, high: float = 60.0) -> Record:
    found = record(seed, {**BEFORE, "high": high})
    found.machine = machine
    return found


def test_records_of_one_machine_are_pooled() -> None:
    other = made(4, msgspec.structs.replace(XEON, load=[1.5]))
    built = made(5, XEON)
    built.python = msgspec.structs.replace(PYTHON, optimised=False)
    unknown = record(6, BEFORE)
    found = sites({"a": made(1, XEON), "b": made(2, EPYC), "c": other, "d": built, "e": unknown})
    assert [(site.label, len(site.records)) for site in found] == [("a", 2), ("b", 1), ("d", 1)]


def test_pooling() -> None:
    a, b = Estimate(-0.50, 0.01, 6), Estimate(-0.51, 0.01, 6)
    both = pool([a, b])
    assert both.mean == pytest.approx(-0.505)
    assert both.error == pytest.approx(0.01 / 2**0.5)
    assert both.rounds == 12
    apart = pool([a, Estimate(-0.60, 0.01, 6)])
    assert apart.error == pytest.approx(0.05), "runs that contradict each other"
    assert pool([a]) == a


def test_the_table(quick_bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "machines"
    folder.mkdir()
    (folder / "my-xeon.json").write_bytes(encode(made(1, XEON)))
    (folder / "my-xeon-again.json").write_bytes(encode(made(3, XEON)))
    (folder / "exported.json").write_text('{"benchmarks": []}')
    single = tmp_path / "epyc.json"
    single.write_bytes(encode(made(2, EPYC, high=70.0)))
    done = quick_bench("machines", "--record", f"{folder} {single}")
    assert done.returncode == 0, done.stderr
    assert f"note: skipped: {folder}/exported.json is not a record" in done.stderr
    assert "2 records" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if line.startswith(" ")) <= 80
    rows = json.loads(quick_bench("machines", "--record", f"{folder} {single}", "--format", "json").stdout)
    assert [(row["layer"], row["machine"]) for row in rows] == [
        (layer, machine) for layer in ("middle", "high") for machine in ("my-xeon", "epyc")
    ]
    high = [row for row in rows if row["layer"] == "high"]
    assert [row["decay"] for row in high] == pytest.approx([58.3, 64.3], abs=0.5)
    assert high[0]["differ"] == pytest.approx(6, abs=0.5)
    assert (high[0]["beyond"], rows[0]["beyond"]) == (True, False)
    assert (high[0]["records"], high[1]["records"]) == (2, 1)


def test_nothing_to_show(quick_bench: Bench, tmp_path: Path) -> None:
    done = quick_bench("machines", "--record", tmp_path)
    assert done.returncode == 2
    assert "no record of `make bench`" in done.stderr
    assert "RECORD= names their files" in done.stderr
    assert quick_bench("machines", "--record", tmp_path / "none.json").returncode == 2
