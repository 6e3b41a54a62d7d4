"""What layers need is made ready before they are started, and what cannot be had is a row that says so."""

import json
from pathlib import Path

import pytest

from bench.data.layers import ROOT, Build, Layer
from bench.host.environments import build
from tests.conftest import Bench


def test_each_thing_once(tmp_path: Path) -> None:
    command = f"sh -c 'echo made >> {tmp_path}/made'"
    told: list[str] = []
    layers = [Layer(name=name, adds="", build=Build(command)) for name in ("one", "two")]
    assert build([*layers, Layer(name="plain", adds="")], told.append) == {}
    assert (tmp_path / "made").read_text() == "made\n"
    assert told == [f"set-up for one: {command}"]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("no-such-cargo build", "it needs no-such-cargo, which is not to be had here"),
        ("sh -c 'echo no crates; exit 101'", "failed with exit code 101; its last lines:\n    no crates"),
    ],
)
def test_what_cannot_be_made_ready_is_a_row_that_says_so(
    bench: Bench, tmp_path: Path, command: str, error: str
) -> None:
    catalogue = tmp_path / "layers.toml"
    sound = (ROOT / "layers.toml").read_text().partition("[layers.uvicorn]")[0]
    odd = f'[builds.odd]\ncommand = {json.dumps(command)}\n[layers.odd]\nadds = ""\ncommand = "true"\nbuild = "odd"\n'
    catalogue.write_text(f'{sound}{odd}[ladders.default]\nadds = ""\nlayers = ["asyncio", "odd"]\n')
    options = ("--budget", 1, "--seconds", 1, "--results", tmp_path / "results")
    done = bench("--catalogue", catalogue, "bench", *options)
    assert done.returncode == 1
    assert "odd: cannot be made ready: " in done.stdout
    assert error in done.stdout
    assert "no figure for odd" in done.stderr
    pair = bench("--catalogue", catalogue, "pair", "--a", "asyncio", "--b", "odd", *options)
    assert pair.returncode == 1
    assert error in pair.stderr
    served = bench("--catalogue", catalogue, "serve", "odd", "--port", 0)
    assert served.returncode == 1
    assert error in served.stderr
