"""`make history` on counts that are there, and what it refuses before it counts."""

import json

import pytest

from asgi_anatomy.suite.layers import ROOT
from tests.conftest import Bench

REFERENCE = ROOT / "results" / "reference" / "history" / "fastapi.json"


def test_counts_that_are_there_are_printed(bench: Bench) -> None:
    done = bench("history", "--record", REFERENCE, "--format", "json")
    rows = [row for row in json.loads(done.stdout) if row["layer"] == "dumproute"]
    steps = [(row["release"], row["own_percent"]) for row in rows if row["step"]]
    assert steps == [("0.164.0", 2.8463), ("0.165.0", 3.321)]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "name a package: expected something like PACKAGE=fastapi"),
        (["--package", "flit"], "no layer serves with flit: expected one of "),
        (["--package", "starlette", "--layers", "httptools"], "httptools does not serve with starlette: starlette "),
        (["--out", "x"], "OUT= draws a file of counted releases: name it"),
        (["--record", ROOT / "Makefile"], "Makefile is not a file of counted releases"),
    ],
)
def test_what_makes_no_sense(bench: Bench, arguments: list[str], error: str) -> None:
    done = bench("history", *arguments)
    assert done.returncode == 2
    assert error in done.stderr
