"""What layers need is set up before they start; if that fails, their row says so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from asgi_anatomy.packages.environments import build, missing
from asgi_anatomy.suite.layers import ROOT, Build, Catalogue, Layer
from tests.conftest import Bench, require

MAKE_READY = """
from asgi_anatomy.cli import python_of
from asgi_anatomy.packages.environments import build
from asgi_anatomy.suite.layers import read_catalogue

build(read_catalogue().layers.values(), print)
for group in ("report", "cluster"):
    python_of(group)
"""


@pytest.mark.timeout(600)
def test_what_tests_use_is_made_ready() -> None:
    """Before other tests need it, at a low priority; those that need what could not be built say why."""
    done = subprocess.run(["nice", sys.executable, "-c", MAKE_READY], cwd=ROOT, capture_output=True, check=False)
    require(done.stderr.decode() if done.returncode else "")


def test_each_thing_once(tmp_path: Path) -> None:
    command = f"sh -c 'echo made >> {tmp_path}/made'"
    told: list[str] = []
    layers = [Layer(name=name, adds="", build=Build(command)) for name in ("one", "two")]
    assert build([*layers, Layer(name="plain", adds="")], told.append) == {}
    assert (tmp_path / "made").read_text() == "made\n"
    assert told == [f"set-up for one: {command}"]


def test_minutes_are_announced_and_not_begun_in_a_shorter_run(tmp_path: Path) -> None:
    program = tmp_path / "program"
    slow = Build(f"touch {program}", program=str(program), seconds=600)
    told: list[str] = []
    layer = Layer(name="slow", adds="", build=slow)
    refused = build([layer], told.append, 60)["slow"]
    assert "compiling slow takes 10 min, BUDGET=60 is shorter: type `make build ONLY=slow` first" in refused
    assert not told
    assert not program.exists()
    assert build([layer], told.append, 900) == {}
    assert told == [f"set-up for slow (once, about 10 min): touch {program}"]
    assert build([layer], told.append, 60) == {}, "it is there now"


NO_TOOLCHAIN = """#!/bin/sh
echo 'error: rustup could not choose a version of cargo to run, because one was not specified explicitly.' >&2
echo "help: run 'rustup default stable' to download the latest stable release of Rust." >&2
exit 1
"""


def test_a_rustup_without_a_toolchain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "cargo").write_text(NO_TOOLCHAIN)
    (tmp_path / "cargo").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    axum = catalogue.layers["axum"]
    why = missing(axum)
    assert why.startswith("it needs `cargo --version`, which fails: error: rustup could not choose a version of cargo")
    assert why.endswith("if rustup has no toolchain yet, type: rustup default stable")
    assert why.isprintable()
    told: list[str] = []
    assert build([axum], told.append) == {"axum": f"set-up failed: {why}"}
    assert not told, "nothing was begun"


def test_what_a_build_needs(catalogue: Catalogue) -> None:
    def needs(command: str, hint: str = "") -> str:
        return missing(Layer(name="odd", adds="", build=Build("true", needs=("true", command), hint=hint)))

    assert needs("true") == ""
    assert missing(catalogue.layers["asyncio"]) == ""
    assert needs("no-such-cargo -V", "install it") == (
        "it needs no-such-cargo, which cannot be run here (No such file or directory): install it"
    )
    long = needs("sh -c 'yes no | head -1000; printf \"\\033[2J\"; exit 3'")
    assert "which fails: no no no" in long
    assert long.isprintable()
    assert len(long) < 500


def test_what_cannot_be_made_ready_is_a_row_that_says_so(bench: Bench, tmp_path: Path) -> None:
    catalogue = tmp_path / "layers.toml"
    sound = (ROOT / "layers.toml").read_text().partition("[layers.uvicorn]")[0]
    odd = "\n".join(
        f"[builds.{name}]\ncommand = {json.dumps(command)}\n"
        f'[layers.{name}]\nadds = ""\ncommand = "true"\nbuild = "{name}"\n'
        for name, command in (("lacking", "no-such-cargo build"), ("failing", "sh -c 'echo no crates; exit 101'"))
    )
    catalogue.write_text(f'{sound}{odd}[ladders.default]\nadds = ""\nlayers = ["asyncio", "lacking", "failing"]\n')
    options = ("--budget", 1, "--results", tmp_path / "results")
    done = bench("--catalogue", catalogue, "bench", *options)
    assert done.returncode == 1
    assert "no CPU time for lacking, failing" in done.stderr
    said = " ".join(done.stdout.split())
    assert "lacking: set-up failed: it needs no-such-cargo, which cannot be run here" in said
    error = "failed with exit code 101; its last lines:\n    no crates"
    assert f"failing: set-up failed: `sh -c 'echo no crates; exit 101'` {' '.join(error.split())}" in said
    pair = bench("--catalogue", catalogue, "pair", "--a", "asyncio", "--b", "failing", *options)
    assert pair.returncode == 1
    assert error in pair.stderr
    served = bench("--catalogue", catalogue, "serve", "failing", "--port", 0)
    assert served.returncode == 1
    assert error in served.stderr
