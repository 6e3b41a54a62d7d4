"""README.md says what the records and the contract say."""

import json
import re
from pathlib import Path

import pytest

import asgi_anatomy.pages.readme
from asgi_anatomy.documents.store import REFERENCE, latest, write_whole
from asgi_anatomy.errors import BadInput
from asgi_anatomy.history.record import write_all
from asgi_anatomy.pages.readme import ladder_part, pages, splice
from asgi_anatomy.suite.contract import read_contract
from asgi_anatomy.suite.layers import ROOT, Ladder, read_catalogue
from tests.conftest import Bench
from tests.records import release


def test_the_tables_are_those_of_the_records(quick_bench: Bench) -> None:
    assert quick_bench("readme", "--check").returncode == 0, "type `make readme`"
    assert "fastapi " in (ROOT / "README.md").read_text()


def test_each_page_says_for_whom_it_is() -> None:
    lacking = [
        path.name
        for path in (ROOT / "docs").glob("*.md")
        if not re.match(r"# .+\n\n\*For .+\.\*\n\n", path.read_text(encoding="utf-8"))
    ]
    assert not lacking


def test_the_first_screen_needs_no_glossary() -> None:
    """The answer, what to type, the picture and a table of four rows, in words that are explained there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## ")[0]
    assert text.index("<!-- answer -->") < text.index("make bench ") < text.index("cost-light.svg")
    assert text.index("cost-light.svg") < text.index("<!-- table -->") < text.index("| you want to know |")
    said = re.sub(r"`[^`]*`|<[^>]*>", "", text)
    assert not re.findall(r"\b(?:pp|solo|ladders?|dumproute|turns slow|target)\b", said)
    table = text.partition("<!-- table -->")[2].partition("<!-- end table -->")[0].strip().splitlines()
    assert [line.split()[1] for line in table[2:]] == ["asyncio", "uvicorn", "starlette", "fastapi"]


def test_a_ladder_that_was_timed_and_not_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its times are shown, and what to type for counts."""
    (tmp_path / "default").mkdir()
    timed = latest("bench", REFERENCE / "default")
    (tmp_path / "default" / timed.name).symlink_to(timed)
    monkeypatch.setattr(asgi_anatomy.pages.readme, "REFERENCE", tmp_path)
    text = ladder_part(read_catalogue(), "default")
    assert "| CPU µs |" in text
    assert text.endswith("`make anatomy LADDER=default`.")


def test_a_ladder_without_reference_records() -> None:
    """Its part of the page says how to make them, and lists the layers."""
    found = read_catalogue()
    found.ladders["new"] = Ladder(name="new", adds="what is new", layers=["uvicorn", "starlette"])
    text = ladder_part(found, "new")
    assert text.startswith("### new\n\nWhat is new.\n\n| layer ")
    assert "starlette | routing by path" in text
    assert "`make walk LADDER=new`" in text


def test_a_ladder_of_counts_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its table has no times, nor any heading for them, and its part says what to type for counts."""
    (tmp_path / "frameworks").mkdir()
    counted = latest("anatomy", REFERENCE / "frameworks")
    (tmp_path / "frameworks" / counted.name).symlink_to(counted)
    monkeypatch.setattr(asgi_anatomy.pages.readme, "REFERENCE", tmp_path)
    text = ladder_part(read_catalogue(), "frameworks")
    heading = next(line for line in text.split("\n") if line.startswith("| layer"))
    assert re.split(r"[\s|]+", heading)[1:-1] == ["layer", "instructions", "added", "bytecodes", "system", "calls"]
    assert "- falcon: held to contract.toml, its answer equal as JSON" in text
    assert "Produced by `make anatomy LADDER=frameworks`." in text


def test_without_any_reference_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every page says what to type."""
    monkeypatch.setattr(asgi_anatomy.pages.readme, "REFERENCE", tmp_path)
    found = pages(read_catalogue(), read_contract())
    front = found[ROOT / "README.md"]
    assert {*front.values()} == {"Not among the reference records yet: `make walk LADDER=default`."}
    assert "make sensitivity" in found[ROOT / "docs" / "METHOD.md"]["sensitivity"]
    assert "make anatomy" in found[ROOT / "docs" / "ANATOMY.md"]["anatomy"]
    assert "make workloads MEASURE=1 LADDER=arena" in found[ROOT / "docs" / "WORKLOADS.md"]["arena-matrix"]


@pytest.mark.all
def test_new_files_among_the_reference_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are enough: docs/HISTORY.md has one part for all packages, and docs/WORKLOADS.md has a heat map."""
    for name in ("fastapi", "uvicorn"):
        every = [release("1.0", 1000, package=name), release("1.1", 1100, package=name)]
        write_all(every, tmp_path / "history" / f"{name}.json")
    for path in REFERENCE.glob("*"):
        if path.name not in ("history", "workloads"):
            (tmp_path / path.name).symlink_to(path)
    other = json.loads(latest("bench", REFERENCE / "default").read_text()) | {"workload": "pipelined"}
    write_whole(json.dumps(other).encode(), tmp_path / "workloads" / "1-bench.json")
    monkeypatch.setattr(asgi_anatomy.pages.readme, "REFERENCE", tmp_path)
    found = pages(read_catalogue(), read_contract())
    text = found[ROOT / "docs" / "HISTORY.md"]["history"]
    assert re.findall("^## (.*)", text, re.MULTILINE) == ["fastapi", "uvicorn"]
    assert 'src="charts/history-uvicorn-light.svg"' in text
    assert "Most was added by uvicorn 1.1: +100 bytecodes (+10.0%), get +100." in text
    assert 'src="charts/matrix-default-light.svg"' in found[ROOT / "docs" / "WORKLOADS.md"]["matrix"]
    (tmp_path / "history" / "fastapi.json").unlink()
    (tmp_path / "history" / "uvicorn.json").unlink()
    assert (
        "Not among the reference records yet: `make history"
        in pages(read_catalogue(), read_contract())[ROOT / "docs" / "HISTORY.md"]["history"]
    )


def test_splicing() -> None:
    text = "a\n<!-- x -->\nold\n<!-- end x -->\nb\n"
    assert splice(text, {"x": "new"}) == "a\n<!-- x -->\n\nnew\n\n<!-- end x -->\nb\n"
    assert splice(splice(text, {"x": "new"}), {"x": "new"}) == splice(text, {"x": "new"})
    with pytest.raises(BadInput, match="<!-- y -->"):
        splice(text, {"y": "new"})
