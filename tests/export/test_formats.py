"""Exports: each read by the tool that it is for, or held to that tool's description of its format."""

import json
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from statistics import fmean

import jsonschema
import pytest
from click.testing import CliRunner, Result

from asgi_anatomy.counts.figures import lines, total
from asgi_anatomy.documents.store import encode, latest, read_record
from asgi_anatomy.documents.trees import speedscope
from asgi_anatomy.export.command import command
from asgi_anatomy.export.formats import bencher, github_action_benchmark, pyperf
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.decay import figures
from asgi_anatomy.turns.record import Anatomy, Kind
from tests.conftest import Bench, require_tool
from tests.records import BEFORE, LADDER, by_turns, ladder

DEFAULT = ROOT / "results" / "reference" / "default"
ANATOMY = latest("anatomy", DEFAULT)
OTHER = latest("anatomy", DEFAULT.with_name("transport"))
RUN = ladder()
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
        (tmp_path / f"{name}.json").write_text(pyperf([by_turns(1, {**BEFORE, "high": high})]))
    done = subprocess.run(
        [sys.executable, "-m", "pyperf", "compare_to", "--verbose", "before.json", "after.json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert re.search(r"high/cpu\n=+\n\nMean .*: \[before\] 60\.0 us .* 66\.\d us .*: 1\.10x slower", done.stdout)
    assert "no change\nNot significant" in done.stdout
    assert not done.stderr


def test_pyperf_reads_a_run(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(pyperf([RUN]))
    shown = subprocess.run(
        [sys.executable, "-m", "pyperf", "show", "--metadata", path],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    for row in figures(RUN):
        assert re.search(rf"^{row.layer}/cpu$", shown, re.M)
    assert "- description: CPU seconds per request, one value per turn that counts" in shown
    assert "- cpu_model_name: " in shown


def test_values_are_of_turns_that_count() -> None:
    """Their scatter is then that of turns and servers, not of the neighbours; their mean is the table's figure."""
    made = ladder(4, rounds=12, two_speeds=True)
    turns = sum(len(each.turns) for each in made.rounds)
    found = {each["metadata"]["name"]: each["runs"] for each in json.loads(pyperf([made]))["benchmarks"]}
    assert [*found] == [f"{name}/cpu" for name in LADDER]
    for row in figures(made):
        values = [value for run in found[f"{row.layer}/cpu"] for value in run["values"]]
        assert len(values) < 0.9 * turns / len(LADDER), "slow turns are left out"
        assert fmean(values) == pytest.approx(1e-6 * row.cpu_us, rel=0.02)  # type: ignore[operator]
        assert max(values) < 1.3 * min(values)


def test_github_action_benchmark() -> None:
    records: list[Kind] = [RUN, read_record(ANATOMY, Kind)]
    entries = {each.pop("name"): each for each in json.loads(github_action_benchmark(records))}
    names = [row.layer for row in figures(RUN)]
    assert [*entries] == [f"{name}/{what}" for what in ("cpu", "instructions") for name in names]
    for entry in entries.values():
        assert {*entry} == {"unit", "value", "range", "extra"}
        assert isinstance(entry["value"], float)
        assert float(entry["range"].removeprefix("± ")) < entry["value"] / 5, "the action reads a number after the sign"
    assert entries["fastapi/instructions"]["unit"] == "instructions/request"
    for line in lines(read_record(ANATOMY, Anatomy)):
        assert entries[f"{line.layer}/instructions"]["value"] == pytest.approx(line.instructions)
    for row in figures(RUN):
        assert entries[f"{row.layer}/cpu"]["value"] == pytest.approx(row.cpu_us, abs=1e-3)


def test_bencher() -> None:
    found = json.loads(bencher([RUN, read_record(ANATOMY, Kind)]))
    jsonschema.validate(found, BMF)
    for row in figures(RUN):
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


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Two records of times and two of counts of the same layers, and a record of one turn."""
    folder = tmp_path / "records"
    folder.mkdir()
    for name in ("run", "again"):
        (folder / f"{name}.json").write_bytes(encode(RUN))
    shutil.copy(ANATOMY, folder / "counts.json")
    shutil.copy(OTHER, folder / "others.json")
    short = by_turns(1, BEFORE, rounds=1)
    short.rounds[0].turns = short.rounds[0].turns[:1]
    (folder / "short.json").write_bytes(encode(short))
    return folder


@pytest.mark.parametrize(
    ("form", "records", "out", "said"),
    [
        ("pyperf", "counts", "", "is a record of `make anatomy`: FORMAT=pyperf needs one of"),
        ("pyperf", "short", "", "no layer has two values by turns, as pyperf needs"),
        ("pyperf", "run again", "", "asyncio/cpu is in two of these records"),
        ("speedscope", "run", "", "FORMAT=speedscope needs one of `make anatomy`"),
        ("speedscope", "counts others", "", "the call tree of asyncio is in two"),
        ("bencher", "run again", "", "asyncio/cpu is in two of these records"),
        ("bencher", "run", "/dev/null", "OUT=/dev/null is not a regular file"),
        ("bencher", "run", "/none/x", "cannot write OUT=/none/x: No such file"),
    ],
)
def test_what_cannot_be_exported(here: Path, form: str, records: str, out: str, said: str) -> None:
    named = " ".join(f"{here}/{each}.json" for each in records.split())
    refused(export("--format", form, "--record", named, *(["--out", out] if out else [])), said)


def test_a_folder_without_a_record() -> None:
    refused(export("--format", "speedscope", "--record", ROOT / "tests"), "no record of `make anatomy` in ")


def refused(done: Result, said: str) -> None:
    """One line that says why."""
    assert done.exit_code == 2
    assert done.output.startswith("error: ")
    assert done.output.count("\n") == 1
    assert said in done.output


def test_out_is_written_whole(here: Path, tmp_path: Path) -> None:
    out, run = tmp_path / "out.json", here / "run.json"
    out.write_text("old")
    assert export("--format", "pyperf", "--record", run, "--out", here).exit_code == 2
    assert export("--format", "pyperf", "--record", run, "--out", out).exit_code == 0
    assert out.read_text() == export("--format", "pyperf", "--record", run).output
    assert {*tmp_path.iterdir()} == {out, here}


def test_the_command(quick_bench: Bench) -> None:
    unknown = quick_bench("export", "--format", "csv")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith(
        "error: FORMAT (--format): 'csv' is not one of 'pyperf', 'github-action-benchmark'"
    )
