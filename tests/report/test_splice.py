"""README.md says what the records and the contract say."""

import pytest

from bench.data.catalogue import read_catalogue
from bench.data.errors import BadInput
from bench.data.layers import ROOT, Ladder
from bench.report.splice import ladder_part, splice
from tests.conftest import Bench


def test_the_tables_are_those_of_the_records(quick_bench: Bench) -> None:
    assert quick_bench("readme", "--check").returncode == 0, "type `make readme`"
    assert "fastapi " in (ROOT / "README.md").read_text()


def test_a_ladder_without_reference_records() -> None:
    """Its part of the page says how to make them, and lists the layers."""
    found = read_catalogue()
    found.ladders["new"] = Ladder(name="new", adds="what is new", layers=["uvicorn", "starlette"])
    text = ladder_part(found, "new")
    assert text.startswith("### new\n\nWhat is new.\n\n| layer ")
    assert "starlette | routing by path" in text
    assert "`make walk LADDER=new`" in text


def test_splicing() -> None:
    text = "a\n<!-- x -->\nold\n<!-- end x -->\nb\n"
    assert splice(text, {"x": "new"}) == "a\n<!-- x -->\n\nnew\n\n<!-- end x -->\nb\n"
    assert splice(splice(text, {"x": "new"}), {"x": "new"}) == splice(text, {"x": "new"})
    with pytest.raises(BadInput, match="<!-- y -->"):
        splice(text, {"y": "new"})
