"""Counts of releases as files: one for what was asked, found again whatever the month."""

from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.errors import BadInput
from asgi_anatomy.history.record import keep, kept, matching
from tests.records import release


def test_a_file_is_named_after_what_was_asked(tmp_path: Path) -> None:
    first = release("1.0", 1000)
    paths = {keep(each, tmp_path) for each in (first, release("1.0", 2000), release("1.1", 1000))}
    assert len(paths) == 2
    assert [*tmp_path.glob("*")] == [*tmp_path.glob("*.json")]
    assert {each.wanted.version: each.counts.bytecodes["fastapi"] for each in kept(tmp_path)} == {
        "1.0": 2000,
        "1.1": 1000,
    }


def test_a_release_of_an_earlier_month_is_not_counted_again() -> None:
    old, new = (release("1.0", 1000, when=f"2026-{month}") for month in (9, 10))
    asked = msgspec.structs.replace(new.wanted, when="2026-11")
    every = [release("1.0", 1000, when="2026-08"), release("1.0", 1000, when="2026-12"), release("1.1", 1000)]
    assert [each.wanted.when for each in matching(asked, every)] == ["2026-08"]
    every += [release("1.0", 1000, when="2026-10")]
    assert [each.wanted.when for each in matching(asked, every)] == ["2026-10"]
    assert matching(msgspec.structs.replace(asked, copy=1), every) == []
    assert matching(msgspec.structs.replace(asked, deps="dated"), [old, new]) == []


def test_another_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(BadInput, match="x.json is not a count of a release: .*: delete it"):
        kept(tmp_path)
