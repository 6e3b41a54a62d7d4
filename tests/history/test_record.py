"""Counts of releases as files: one for what was asked, found again whatever the month."""

import os
from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.errors import BadInput
from asgi_anatomy.history.record import is_counted, keep, kept, matching, read_all
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


def test_what_is_no_count_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = keep(release("1.0", 1000), tmp_path)
    (tmp_path / "20261128-100000-bench.json").write_text("{}")
    assert len(kept(tmp_path)) == 1
    assert capsys.readouterr().err == ""
    mine.write_text(mine.read_text()[:-9])
    assert kept(tmp_path) == []
    assert "note: passed over: " in capsys.readouterr().err


def test_what_is_no_file_of_counts_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "deep").write_text("[" * 3_000_000)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(5 * 2**30)
    for name, why in (("fifo", "regular file"), ("large", "larger than"), ("deep", ""), ("none", "No such file")):
        assert not is_counted(tmp_path / name)
        with pytest.raises(BadInput, match=f"{name}.*{why}"):
            read_all(tmp_path / name)
    with pytest.raises(BadInput, match="regular file"):
        read_all(Path("/dev/zero"))
