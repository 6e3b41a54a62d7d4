"""What comes from elsewhere reaches no terminal, page or spreadsheet as anything but text."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asgi_anatomy.documents.document import Column, Document, Table
from asgi_anatomy.documents.words import cell, markdown, paragraph, plain, to_type
from asgi_anatomy.suite.layers import ROOT

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


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", " =x", "\t=x", "\r=x", "\n=x", "\u00a0@x", "\tx"])
def test_csv_gets_no_formula(text: str) -> None:
    _, (name, decay) = csv.reader(io.StringIO(document(text).render("csv")))
    assert name == f"'{cell(text)}"
    assert decay == "-5.3", "figures are not text"


def test_what_is_harmless_stays_as_it_is() -> None:
    assert markdown("x86_64 in servers/run_it.py") == "x86_64 in servers/run_it.py"
    assert plain("µs ≥ ±1 😀") == "µs ≥ ±1 😀"


def test_a_paragraph_is_no_heading_list_or_code() -> None:
    shown = ["\\# x", "\\- x", "1\\. x", "\\---", "+1,234 (2%)", "x"]
    assert [*map(paragraph, ["# x", " - x", "1. x", "---", "  +1,234 (2%)", "    x"])] == shown
    assert paragraph("for @octocat: $x$") == "for @\u2060octocat: \\$x\\$"


def test_a_command_to_repeat_does_what_it_says_and_no_more(tmp_path: Path) -> None:
    """Whatever its values are: neither the shell nor make finds a command in them."""
    value = "a'; touch pwned; $(shell touch pwned) `touch pwned` $$x #y"
    (tmp_path / "Makefile").write_text("versus:\n\t@printenv A\n")
    done = subprocess.run(to_type("versus", {"A": value}), shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{value}\n")
    assert [each.name for each in tmp_path.iterdir()] == ["Makefile"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "iso-8859-9"])
def test_every_encoding_prints(encoding: str) -> None:
    """What it lacks is in plain characters; so is what a run shows while it goes on, as that is printed by the same."""
    done = subprocess.run(
        [sys.executable, "-m", "asgi_anatomy", "table", "--record", ROOT / "results" / "published.json"],
        env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=True,
    )  # fmt: skip
    assert not done.stderr
    said = done.stdout.decode(encoding)
    assert "\n-----" in said
    assert "+ uvicorn" in said
    assert "?" not in said
