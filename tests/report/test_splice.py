"""README.md says what the records and the contract say."""

import pytest

from bench.data.errors import BadInput
from bench.data.layers import ROOT
from bench.report.splice import splice
from tests.conftest import Bench


def test_the_tables_are_those_of_the_records(bench: Bench) -> None:
    assert bench("readme", "--check").returncode == 0, "type `make readme`"
    assert "| fastapi " in (ROOT / "README.md").read_text()


def test_splicing() -> None:
    text = "a\n<!-- x -->\nold\n<!-- end x -->\nb\n"
    assert splice(text, {"x": "new"}) == "a\n<!-- x -->\n\nnew\n\n<!-- end x -->\nb\n"
    assert splice(splice(text, {"x": "new"}), {"x": "new"}) == splice(text, {"x": "new"})
    with pytest.raises(BadInput, match="<!-- y -->"):
        splice(text, {"y": "new"})
