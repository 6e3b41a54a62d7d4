"""What comes from elsewhere reaches no terminal, page or spreadsheet as anything but text."""

import csv
import io

import pytest

from asgi_anatomy.documents.document import Column, Document, Table
from asgi_anatomy.documents.words import markdown, plain

pytestmark = pytest.mark.faults

EVIL = "a\x1b[2J\x1b]0;x\x07|b\n<script>`*c*`\u202e"


def document(text: str) -> Document:
    table = Table(
        [Column("name", "name"), Column("decay", "decay", "%", "{decay:.1f}")], [{"name": text, "decay": -5.3}]
    )
    return Document([f"{text}: said", table], table)


def test_a_terminal_gets_no_control_characters() -> None:
    text = document(EVIL).render("text")
    assert not [each for each in text if ord(each) < 32 and each != "\n"]
    assert "\u202e" not in text
    assert "\\x1b[2J" in text
    assert len(text.splitlines()) == 2 + 3, "the paragraph has its line end, the cell has none"


def test_markdown_gets_no_mark_up() -> None:
    *_, row = document(EVIL).render("markdown").splitlines()
    assert row.count("|") - row.count("\\|") == 3, "one row of two cells"
    assert "<script>" not in row
    assert "\\`\\*c\\*\\`" in row


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "\t=x"])
def test_csv_gets_no_formula(text: str) -> None:
    _, (name, decay) = csv.reader(io.StringIO(document(text).render("csv")))
    assert name == f"'{text}"
    assert decay == "-5.3", "figures are not text"


def test_what_is_harmless_stays_as_it_is() -> None:
    assert markdown("x86_64 in servers/run_it.py") == "x86_64 in servers/run_it.py"
    assert plain("µs ≥ ±1 😀") == "µs ≥ ±1 😀"
