"""A release as a job: what is wrong with it is its result, what is wrong with the worker is not."""

from pathlib import Path

import pytest

from asgi_anatomy.counts import instructions
from asgi_anatomy.history import run as release
from asgi_anatomy.history.record import ReleaseSpec
from asgi_anatomy.history.run import ReleaseJob, count_release, flat
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.turns.record import Frame
from tests.conftest import CATALOGUE, require_tool


def job(contract: Contract, version: str) -> ReleaseJob:
    wanted = ReleaseSpec(
        package="httptools", version=version, layer="httptools", deps="held", python="", lock="", served="", contract=""
    )
    return ReleaseJob(wanted, CATALOGUE.layers["httptools"], CATALOGUE.layers["protocol"], contract)


def test_a_missing_release_is_a_gap_and_the_anchor_is_counted_once(
    contract: Contract, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    require_tool("valgrind")
    for name, less in (("WARM_UP", 100), ("IDLE", 0.5), ("BATCH", 100), ("BATCHES", 2)):
        monkeypatch.setattr(instructions, name, less)
    monkeypatch.setattr(release, "ANCHORS", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    found = [count_release(job(contract, version)) for version in ("0.0.98", "0.0.99")]
    assert [each.gap for each in found] == [
        "no versions fit: Because httptools was not found in the provided package locations and you require"
        f" httptools=={version}, we can conclude that your requirements are unsatisfiable."
        for version in ("0.0.98", "0.0.99")
    ]
    assert found[0].host.anchor > 10_000
    assert found[0].host == found[1].host
    assert not found[0].counts.bytecodes


def test_a_tree_becomes_a_list_of_functions() -> None:
    inner = Frame("a", "f", 1, 10, [Frame("b", "g", 2, 5)])
    tree = Frame("", "", 0, 0, [inner, Frame("b", "g", 1, 50, [Frame("a", "f", 1, 1)])])
    assert flat(tree).children == [Frame("b", "g", 3, 55), Frame("a", "f", 2, 11)]
