"""Exports: each read by the tool that it is for, or held to that tool's description of its format."""

import json
import re
import shutil
import statistics
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from bench.commands.export import command
from bench.data.layers import ROOT
from bench.data.record import Anatomy, Kind, Windows
from bench.data.store import encode, latest, read_record
from bench.report.export.bencher import bencher
from bench.report.export.github_action_benchmark import github_action_benchmark
from bench.report.export.pyperf import pyperf
from bench.report.export.speedscope import speedscope
from bench.stats.calm import costs
from bench.stats.counts import lines, total
from bench.stats.decay import figures
from tests.conftest import Bench, require_tool
from tests.stats.neighbours import COSTS, run
from tests.stats.test_comparison import BEFORE, record

DEFAULT = ROOT / "results" / "reference" / "default"
BENCH, ANATOMY = latest("bench", DEFAULT), latest("anatomy", DEFAULT)
OTHERS = [latest(kind, DEFAULT.with_name("transport")) for kind in ("bench", "anatomy")]
BMF = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "type": "object",
            "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
            "required": ["value"],
            "additionalProperties": False,
        },
    },
}
"""As https://bencher.dev/docs/reference/bencher-metric-format/ has it, with nothing optional but the bounds."""


def export(*arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments)])


def test_pyperf_finds_the_layer_that_changed(tmp_path: Path) -> None:
    for name, high in (("before", 60.0), ("after", 66.0)):
        (tmp_path / f"{name}.json").write_text(pyperf([record(1, {**BEFORE, "high": high})]))
    done = subprocess.run(
        [sys.executable, "-m", "pyperf", "compare_to", "--verbose", "before.json", "after.json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert re.search(r"high/cpu\n=+\n\nMean .*: \[before\] 60\.0 us .* 66\.\d us .*: 1\.10x slower", done.stdout)
    assert "no change\nNot significant" in done.stdout
    assert not done.stderr


def test_pyperf_reads_a_run(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(pyperf([read_record(BENCH, Windows)]))
    shown = subprocess.run(
        [sys.executable, "-m", "pyperf", "show", "--metadata", path],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    for row in figures(read_record(BENCH, Windows)):
        assert re.search(rf"^{row.layer}/cpu$", shown, re.M)
    assert "- description: CPU seconds per request, one value per solo window, read at an undisturbed core" in shown
    assert "- cpu_model_name: " in shown


def test_values_are_of_an_undisturbed_core() -> None:
    """Their scatter is then that of windows and servers, not of the neighbours; their mean is the table's figure."""
    disturbed = run(4, rounds=12, busy=0.5)
    for found in costs(disturbed):
        values = [each.cpu_us for each in found.values]
        raw = [each.window.cpu_us or 0 for each in found.values]
        assert (found.windows, found.calm, len(values)) == ("solo", True, 12)
        assert statistics.fmean(values) == pytest.approx(COSTS[found.layer], rel=0.03)
        assert statistics.stdev(values) < statistics.stdev(raw) / 3
    quiet = run(4, busy=0.0)
    assert [each.cpu_us for found in costs(quiet) for each in found.values] == [
        each.window.cpu_us for found in costs(quiet) for each in found.values
    ]
    (old, *_) = costs(record(1, BEFORE))
    assert (old.windows, old.calm) == ("paired", False)


def test_github_action_benchmark() -> None:
    records: list[Kind] = [read_record(BENCH, Kind), read_record(ANATOMY, Kind)]
    entries = {each.pop("name"): each for each in json.loads(github_action_benchmark(records))}
    names = [row.layer for row in figures(read_record(BENCH, Windows))]
    assert [*entries] == [f"{name}/{what}" for what in ("cpu", "instructions") for name in names]
    for entry in entries.values():
        assert {*entry} == {"unit", "value", "range", "extra"}
        assert isinstance(entry["value"], float)
        assert float(entry["range"].removeprefix("± ")) < entry["value"] / 5, "the action reads a number after the sign"
    assert entries["fastapi/instructions"]["unit"] == "instructions/request"
    for line in lines(read_record(ANATOMY, Anatomy)):
        assert entries[f"{line.layer}/instructions"]["value"] == pytest.approx(line.instructions)
    for row in figures(read_record(BENCH, Windows)):
        assert entries[f"{row.layer}/cpu"]["value"] == pytest.approx(row.cpu_us, abs=1e-3)


def test_bencher() -> None:
    found = json.loads(bencher([read_record(BENCH, Kind), read_record(ANATOMY, Kind)]))
    jsonschema.validate(found, BMF)
    for row in figures(read_record(BENCH, Windows)):
        assert row.cpu_us
        cpu = found[row.layer]["cpu-ns-per-request"]
        assert cpu["value"] == pytest.approx(1e3 * row.cpu_us, rel=1e-3)
        assert cpu["lower_value"] < cpu["value"] < cpu["upper_value"]
    for counts in read_record(ANATOMY, Anatomy).anatomy:
        assert found[counts.layer]["instructions"]["value"] == pytest.approx(total(counts), abs=0.1)


def test_speedscope() -> None:
    anatomy = read_record(ANATOMY, Anatomy)
    found = json.loads(speedscope([anatomy]))
    frames = [frame["name"] for frame in found["shared"]["frames"]]
    assert len({*frames}) == len(frames)
    assert "share.py:endpoint" in frames
    for counts, profile in zip(anatomy.anatomy, found["profiles"], strict=True):
        assert profile["name"].startswith(counts.layer)
        assert len(profile["samples"]) == len(profile["weights"])
        assert {place for sample in profile["samples"] for place in sample} <= {*range(len(frames))}
        assert sum(profile["weights"]) == pytest.approx(sum(counts.bytecodes.values()))


@pytest.mark.all
def test_speedscope_opens_it(tmp_path: Path) -> None:
    """The program itself, as its command line opens a file in a browser, and its published schema."""
    require_tool("npm")
    require_tool("chromium")
    subprocess.run(["npm", "pack", "--silent", "speedscope@1.25.0"], cwd=tmp_path, check=True, timeout=120)
    shutil.unpack_archive(next(tmp_path.glob("*.tgz")), tmp_path, filter="data")
    release = tmp_path / "package" / "dist" / "release"
    text = speedscope([read_record(ANATOMY, Anatomy)])
    jsonschema.validate(json.loads(text), json.loads((release / "file-format-schema.json").read_text()))
    index, load = (release / "index.html").as_uri(), tmp_path / "load.js"
    load.write_text(f"speedscope.loadFileFromBase64('it.json', '{b64encode(text.encode()).decode()}')")
    page = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"),
            *("--virtual-time-budget=20000", "--dump-dom", f"{index}#localProfilePath={load}"),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    assert "<title>asyncio: bytecodes per request" in page
    assert "(1/5)" in page, "a profile per layer"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "pyperf", "--record", ANATOMY], "is a record of `make anatomy`: FORMAT=pyperf needs one of"),
        (["--format", "speedscope", "--record", BENCH], "FORMAT=speedscope needs one of `make anatomy`"),
        (["--format", "speedscope", "--record", ROOT / "tests"], "no record of `make anatomy` in "),
        (["--format", "bencher", "--record", f"{DEFAULT} {OTHERS[0]}"], "asyncio/cpu is in two of these records"),
        (["--format", "pyperf", "--record", f"{BENCH} {OTHERS[0]}"], "asyncio/cpu is in two of these records"),
        (["--format", "speedscope", "--record", f"{ANATOMY} {OTHERS[1]}"], "the call tree of asyncio is in two"),
        (["--format", "bencher", "--record", BENCH, "--out", "/dev/null"], "OUT=/dev/null is not a regular file"),
        (["--format", "bencher", "--record", BENCH, "--out", "/none/x"], "cannot write OUT=/none/x: No such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported(arguments: list[object], said: str) -> None:
    done = export(*arguments)
    assert done.exit_code == 2
    assert done.output.startswith("error: ")
    assert done.output.count("\n") == 1
    assert said in done.output


def test_a_single_window_is_no_distribution(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(encode(record(1, BEFORE, rounds=1)))
    done = export("--format", "pyperf", "--record", path)
    assert done.exit_code == 2
    assert "no layer has two windows with CPU times" in done.output


def test_out_is_written_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_text("old")
    assert export("--format", "pyperf", "--record", BENCH, "--out", tmp_path).exit_code == 2
    assert export("--format", "pyperf", "--record", DEFAULT, "--out", out).exit_code == 0
    assert out.read_text() == export("--format", "pyperf", "--record", BENCH).output
    assert [*tmp_path.iterdir()] == [out]


def test_the_command(quick_bench: Bench) -> None:
    unknown = quick_bench("export", "--format", "csv")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith(
        "error: FORMAT (--format): 'csv' is not one of 'pyperf', 'github-action-benchmark'"
    )
