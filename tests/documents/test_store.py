"""Records: read, written whole or not at all, and true to their schema."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import msgspec
import pytest

from asgi_anatomy.documents.store import Keeper, encode, latest, newest_in, read_record, require_folder, schema
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.record import VERSION, Instance, Kind, Load, Round, Row, Turn, Window
from asgi_anatomy.turns.record import Bench as Record

PUBLISHED = ROOT / "results" / "published.json"
BEGUN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TRUE = jsonschema.Draft202012Validator(schema())
RECORDS = [PUBLISHED, *sorted((ROOT / "results" / "reference").rglob("2*.json"))]


def record(turns: int = 2, **changed: object) -> Record:
    """A record of a round with so many turns of one layer, `[low`, and a plain window of 1 request."""
    name = "[low"
    every = [Turn(name, each, 100 * each, 90, 100, 60_000, 1270, 30_000, 1, 2) for each in range(turns)]
    made = Round(start=BEGUN, seconds=1.5, instances=[Instance(layer=name, requests=10)], turns=every)
    windows = [Window(layer=name, round=0, requests=1, duration_us=1_000_000)]
    whole = Record(made=BEGUN, load=Load(), layers=[Row(name=name)], rounds=[made], windows=windows)
    return msgspec.structs.replace(whole, **changed)


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


def test_the_committed_schema_is_the_present_one() -> None:
    assert (ROOT / "docs" / "record.schema.json").read_bytes() == encode(schema()), "type `make schema`"


def test_there_and_back(tmp_path: Path) -> None:
    before = record()
    path = Keeper(before, tmp_path).finish()
    assert read_record(path, Record) == before
    assert [*tmp_path.iterdir()] == [path]


def test_a_turn_is_a_line() -> None:
    """So is any array of plain values, whatever its strings have in them."""
    whole = record()
    whole.layers[0].command = ["a [", ']"', "\n[\n1\n]", "\\"]
    text = encode(whole).decode()
    assert text.count('\n    ["[low", ') == 2
    assert '    ["[low", 1, 100, 90, 100, 60000, 1270, 30000, 1, 2]\n' in text
    assert json.loads(text) == json.loads(msgspec.json.encode(whole))
    assert len(encode(record(600))) < 60_000


def test_what_cannot_be_read_is_not_written(tmp_path: Path) -> None:
    """A line says why, and what was kept before stays."""
    whole = record(3, seconds=2.0)
    keeper = Keeper(whole, tmp_path)
    keeper.save()
    whole.rounds[0].turns.append(msgspec.structs.replace(whole.rounds[0].turns[1], sleeps=-1))
    with pytest.raises(Fault, match=r"could not be read again: .*turns\[3\].* has what was measured before") as fault:
        keeper.finish()
    assert keeper.path
    assert str(keeper.path) in fault.value.message
    assert [turn.cycle for turn in read_record(keeper.path, Record).rounds[0].turns] == [0, 1, 2]


def test_what_contradicts_itself_is_not_written(tmp_path: Path) -> None:
    whole = record()
    whole.windows[0].layer = "high"
    with pytest.raises(Fault, match="could not be read again: a plain window is of 'high'"):
        Keeper(whole, tmp_path).finish()
    assert not [*tmp_path.iterdir()]


def test_the_newest_record_that_can_be_read(tmp_path: Path) -> None:
    path = Keeper(record(), tmp_path).finish()
    broken = tmp_path / "20990101-000000-bench.json"
    broken.write_text('{"schema": 2}')
    said: list[str] = []
    assert newest_in(tmp_path, "bench", said.append) == path
    assert len(said) == 1
    assert "skipped" in said[0]
    assert str(broken) in said[0]
    with pytest.raises(BadInput, match="version 2"):
        latest("bench", tmp_path)
    with pytest.raises(BadInput, match="no record of `make pair` in .*: `make pair` makes one"):
        latest("pair", tmp_path)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "is not a record"),
        (b"hello", "is not a record"),
        (b"[]", "is not a record"),
        (b"{}", "is not a record.*schema"),
        (b'{"schema": "1"}', "is not a record"),
        (b'{"schema": 2, "command": "bench"}', f"version 2, this suite reads version {VERSION}: measure again"),
        (b'{"schema": 99}', f"version 99, this suite reads version {VERSION}: update the suite"),
        (b'{"schema": 3, "command": "power"}', "is not a record: Invalid value 'power'"),
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
        Keeper(record(), Path("/proc")).finish()
    kept = Path(fault.value.message.rpartition(" ")[2])
    assert read_record(kept, Record).windows[0].requests == 1


def test_a_full_disk_leaves_no_part_of_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = record(200)
    assert len(msgspec.json.encode(large)) > 4096
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # a write past it fails as on a full disk
        with pytest.raises(Fault, match="cannot write"):
            Keeper(large, tmp_path / ".").finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [*tmp_path.iterdir()] == []
