"""Which record is taken where none was named."""

import shutil
from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.anatomy import command as diff
from asgi_anatomy.bench.workloads import newest
from asgi_anatomy.documents.store import REFERENCE, latest, read_record
from asgi_anatomy.turns.record import Bench


def test_a_diff_is_of_the_newest_anatomy_that_has_both_layers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for place, ladder in enumerate(("default", "transport")):
        shutil.copy(latest("anatomy", REFERENCE / ladder), tmp_path / f"2026010{place + 1}-000000-anatomy.json")
    monkeypatch.setattr(diff, "RESULTS", tmp_path)
    assert diff._newest({"starlette", "fastapi"})[0].name == "20260101-000000-anatomy.json"
    assert diff._newest({"protocol", "httptools"})[0].name == "20260102-000000-anatomy.json"


def test_a_run_that_was_stopped_does_not_displace_a_whole_one() -> None:
    whole = read_record(latest("bench", REFERENCE / "default"), Bench)
    assert whole.made
    after = whole.made.replace(year=2030)
    for later in (
        msgspec.structs.replace(whole, made=after, stopped="stopped by SIGINT"),
        msgspec.structs.replace(whole, made=after, layers=whole.layers[:2]),
    ):
        assert newest({Path("whole"): whole, Path("later"): later}, "default")["user"].path == Path("whole")
