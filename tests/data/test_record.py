"""Records: read, written whole or not at all, and true to their schema."""

import json
import re
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest

from bench.data.errors import BadInput, Fault
from bench.data.kinds import schema
from bench.data.layers import ROOT
from bench.data.record import VERSION, Kind
from bench.data.record import Bench as Record
from bench.data.store import Keeper, encode, read_record, require_folder
from tests.stats.test_decay import PUBLISHED, record

MACHINES = sorted((ROOT / "results" / "machines").iterdir())
TRUE = jsonschema.Draft202012Validator(schema())
RECORDS = [PUBLISHED, *sorted((ROOT / "results" / "reference").rglob("2*.json")), *MACHINES]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_committed_records_are_true_to_the_schema(path: Path) -> None:
    assert len(RECORDS) > 1
    sys.setrecursionlimit(20_000)  # a call tree is as deep as the calls were, and jsonschema calls many times a level
    found = read_record(path, Kind)
    written, again = json.loads(path.read_bytes()), json.loads(encode(found))
    TRUE.validate(again)
    if written.get("schema") == VERSION and written != again:
        TRUE.validate(written)
    assert found.source or found.machine


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_records_of_machines_are_named_by_rule(path: Path) -> None:
    """As CONTRIBUTING.md has it: make machines labels a machine by its file's name."""
    kind = read_record(path, Kind).kind
    assert kind in ("bench", "anatomy")
    assert re.fullmatch(rf"[a-z0-9][a-z0-9.-]+-{kind}\.json", path.name)


def test_the_committed_schema_is_the_present_one() -> None:
    assert (ROOT / "docs" / "record.schema.json").read_bytes() == encode(schema()), "type `make schema`"


def test_there_and_back(tmp_path: Path) -> None:
    before = record(low=[100], high=[50])
    path = Keeper(before, tmp_path).finish()
    assert read_record(path, Record) == before
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "is not a record"),
        (b"hello", "is not a record"),
        (b"[]", "is not a record"),
        (b"{}", "is not a record.*schema"),
        (b'{"schema": "1"}', "is not a record"),
        (b'{"schema": 0}', "is not a record"),
        (b'{"schema": 1}', "is not a record"),
        (b'{"schema": 99}', f"version 99, this suite reads up to {VERSION}"),
        (b"\xff", "is not a record"),
    ],
)
def test_what_is_no_record(tmp_path: Path, text: bytes, error: str) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(text)
    with pytest.raises(BadInput, match=error):
        read_record(path, Kind)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        read_record(tmp_path / "none.json", Kind)
    with pytest.raises(BadInput, match="Is a directory"):
        read_record(tmp_path, Kind)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(BadInput, match="cannot write to .*RESULTS="):
        require_folder(tmp_path / "results")
    with pytest.raises(BadInput, match="cannot write to .*RESULTS="):
        require_folder(Path("/proc/results"))


def test_what_cannot_be_written_there_is_kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with pytest.raises(Fault, match="the record is in") as fault:
        Keeper(record(low=[1]), Path("/proc")).finish()
    kept = Path(fault.value.message.rpartition(" ")[2])
    assert read_record(kept, Record).windows[0].requests == 1


def test_a_full_disk_leaves_no_part_of_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = record(low=[1] * 100)
    assert len(msgspec.json.encode(large)) > 4096
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # a write past it fails as on a full disk
        with pytest.raises(Fault, match="cannot write"):
            Keeper(large, tmp_path / ".").finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [*tmp_path.iterdir()] == []
