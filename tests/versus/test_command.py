"""`versus` end to end, on a small package of its own: no network, and bytecodes only where that is quicker."""

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import msgspec
import pytest

from asgi_anatomy.documents.store import read_record, schema
from asgi_anatomy.machine.versions import read_packages
from asgi_anatomy.packages.uv import VENVS
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT, Catalogue
from asgi_anatomy.suite.workloads import read_workload
from asgi_anatomy.versus.record import Compared, ServedSide, Versus
from asgi_anatomy.versus.run import ask_both
from asgi_anatomy.versus.text import versus_document
from tests.conftest import Bench, Quiet, require_tool
from tests.machine.cluster import scheduler, worker
from tests.packages import tiny
from tests.packages.tiny import APP, LAYERS, MORE, WORK, commit


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout whose last commit is the base; what is made of it goes at the end. git is the only program on PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(shutil.which("git") or "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    tiny.wheel(tmp_path, "msgspec", read_packages(names=["msgspec"])["msgspec"])  # all that uv knows
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    made = ("*side-*", "wheels/*")
    before = {path for each in made for path in VENVS.glob(each)}
    folder = tiny.checkout(tmp_path)
    tiny.git(folder, "reset", "--hard", "--quiet", "HEAD~1")
    commit(folder, "app", "app.py", APP)
    commit(folder, "work", "work.py", WORK)
    tiny.git(folder, "push", "--quiet", "--force", "origin", "HEAD:refs/heads/trunk2")
    (tmp_path / "layers.toml").write_text(LAYERS)
    yield folder
    for path in {path for each in made for path in VENVS.glob(each)} - before:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def versus(clone: Path, *more: object) -> tuple[int, str, str]:
    """It may install and build, so it has longer than other commands."""
    layers, results = clone.parent / "layers.toml", clone.parent / "results"
    measured = [] if "--record" in more else ["--package", "tiny-side", "--results", results]
    command = ["--catalogue", layers, "versus", *measured, *more]
    done = subprocess.run(
        [sys.executable, "-m", "asgi_anatomy", *map(str, command)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_one_call_more_is_found_and_named(clone: Path) -> None:
    (clone / "tiny_side" / "work.py").write_text(MORE + WORK.replace("return sum", "helper()\n    return sum"))
    before = tiny.state(clone)
    code, out, err = versus(clone, "--a", "git:HEAD", "--b", clone, "--only", "counts")
    assert code == 3, err
    assert tiny.state(clone) == before
    lines = out.splitlines()
    assert lines[0].startswith("slower: tiny-side")
    assert "more bytecodes per User request" in " ".join(out.split())
    assert re.search(r"^tiny_side:helper +0 -> 1 +0 -> \d+", out, re.MULTILINE)
    assert "plain" not in out, "only layers that use it"
    assert "Both sides answer the User request to the byte." in out
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80

    (path,) = (clone.parent / "results").glob("*-versus.json")
    jsonschema.validate(json.loads(path.read_bytes()), schema())
    record = read_record(path, Versus)
    assert record.floor
    assert record.layers[0].a.counts
    assert record.floor.bytecodes == record.layers[0].a.counts.bytecodes
    assert versus(clone, "--record", path)[1] == out
    data = json.loads(versus(clone, "--record", path, "--format", "json")[1])
    assert (data["schema"], data["verdict"]) == (1, "slower")
    metric = data["layers"][0]["metrics"]["bytecodes"]
    assert metric["delta"] == metric["b"] - metric["a"] == metric["low"] == metric["high"] > 0
    assert {each["name"] for each in data["functions"]} == {"tiny_side:helper", "tiny_side:work"}
    shown = versus(clone, "--record", path, "--format", "markdown")[1]
    assert shown.startswith("<!-- asgi-anatomy versus: tiny-side -->\n\n**slower: ")
    assert shown.index("<details>") < shown.index("helper") < shown.index("make versus PACKAGE=tiny-side A=git:HEAD")


def test_what_nothing_uses_is_bad_input(bench: Bench, tmp_path: Path) -> None:
    done = bench("versus", "--package", "numpy", "--a", "1.0", "--b", "2.0", "--results", tmp_path)
    assert (done.returncode, "no layer of the ladder default uses numpy" in done.stderr) == (2, True)


def test_what_cannot_be_asked_is_a_row(contract: Contract, catalogue: Catalogue) -> None:
    endpoint = catalogue.layers["endpoint"]
    wrong = msgspec.structs.replace(contract, workload=read_workload("wrong", contract))
    row = Compared(layer="endpoint", a=ServedSide(), b=ServedSide())
    record = Versus(limit=0.2, threshold=1.0, workload="wrong", layers=[row])
    with ThreadPoolExecutor(1) as executor:
        ask_both({"endpoint": (endpoint, endpoint)}, record, wrong, Quiet(), executor)
    assert row.faults == ["cannot run the workload wrong: it calls the endpoint with one body"]
    said = versus_document(record).render("text")
    assert "Workload: wrong" in said
    assert "endpoint: cannot run the workload wrong" in said


@pytest.mark.all
def test_what_fails_is_never_slower(clone: Path) -> None:
    code, _, err = versus(clone, "--a", "1.0", "--b", "2.0", "--only", "counts")
    assert code in (1, 2), err
    assert err.splitlines()[-1].startswith("error: ")
    (clone / "broken").touch()
    code, _, err = versus(clone, "--a", "git:HEAD", "--b", clone, "--only", "counts")
    assert (code, "no compiler for broken" in err) == (1, True), err
    (clone / "broken").unlink()
    (clone / "tiny_side" / "app.py").write_text("raise SystemExit('no app today')")
    code, out, err = versus(clone, "--a", "git:HEAD", "--b", clone, "--only", "counts")
    assert (code, "side B did not start" in out) == (1, True), err


@pytest.mark.all
def test_a_bisection_names_commits(clone: Path) -> None:
    for subject, text in (
        ("docs", WORK + "# more\n"),
        ("slower", MORE + WORK.replace("return sum", "helper()\n    return sum")),
        ("broken", WORK),
        ("docs again", MORE + WORK.replace("return sum", "helper()\n    return sum") + "# more\n"),
        ("faster", WORK),
    ):
        if subject == "broken":
            (clone / "broken").touch()
        commit(clone, subject, "work.py", text)
        if subject == "broken":
            (clone / "broken").unlink()
    both = ("--a", "git:HEAD~5", "--b", "git:HEAD", "--repo", clone, "--bisect")
    code, out, err = versus(clone, *both)
    assert code == 4, (out, err)
    assert "none: " in out
    code, out, err = versus(clone, "--a", "git:HEAD~5", "--b", "git:HEAD~1", "--repo", clone, "--bisect")
    assert code == 0, (out, err)
    assert " slower" in out
    assert "1 of the 4 versions" in out


@pytest.mark.all
def test_a_release_against_itself_in_time(bench: Bench, tmp_path: Path) -> None:
    require_tool("wrk")
    options = (
        "--layers",
        "uvicorn",
        "--workload",
        "headers",
        "--only",
        "time",
        "--budget",
        25,
        "--threshold",
        30,
    )
    version = packages_version()
    done = bench("versus", "--package", "uvicorn", "--a", version, "--b", version, *options, "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"same: uvicorn {version} and uvicorn {version} differ by less than 30%")
    assert "req/CPU-s" in done.stdout
    assert "Workload: headers" in done.stdout


def packages_version() -> str:
    """The version of uvicorn in the lock."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return next(line for line in lines if line.startswith("uvicorn==")).split("==")[1].split()[0].rstrip("\\")


@pytest.mark.all
def test_workers_of_a_scheduler_count_the_same(clone: Path) -> None:
    """Sides are installed there, counts are those that are made here, and the record says where it was counted."""
    commit(clone, "more", "work.py", MORE + WORK.replace("range(300)", "range(600)"))
    question = ["--a", "git:HEAD~1", "--b", clone, "--only", "counts", "--layers", "tiny", "--format", "json"]
    code, _, said = versus(clone, *question)
    assert code == 3, said
    folder = clone.parent / "cluster"
    folder.mkdir()
    with scheduler(folder) as address, worker(folder, address), worker(folder, address):
        code, there, said = versus(clone, *question, "--scheduler", address)
        assert code == 3, said + there
        refused, _, why = versus(clone, "--b", clone, "--only", "time", "--scheduler", address)
    local, remote = (read_record(path, Versus) for path in sorted((clone.parent / "results").glob("*.json")))
    assert (local.counted_on, remote.counted_on) == ([], [socket.gethostname()])
    for a, b in ((local.layers[0].a, remote.layers[0].a), (local.layers[0].b, remote.layers[0].b)):
        assert a.counts
        assert b.counts
        assert {name: round(count) for name, count in a.counts.bytecodes.items()} == {
            name: round(count) for name, count in b.counts.bytecodes.items()
        }
    assert (refused, "SCHEDULER= is for counts" in why) == (2, True)
