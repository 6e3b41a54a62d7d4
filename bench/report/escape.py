"""What comes from a record, a catalogue or a server, made harmless for the format that shows it."""

import html
import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and what turns the direction of writing."""
FORMULA = re.compile(r"[=+\-@\t\r]")
MARKED = re.compile(r"([\\`*\[\]|~]|\b_(?!\w)|(?<!\w)_)")


def plain(text: str) -> str:
    """For a terminal: control characters are written out, so that none reaches it."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def cell(text: str) -> str:
    """For a cell of a table on a terminal: on one line."""
    return plain(text).replace("\n", "\\n").replace("\t", " ")


def markdown(text: str) -> str:
    """For Markdown: no mark-up, on one line."""
    return MARKED.sub(r"\\\1", html.escape(plain(text), quote=False)).replace("\n", " ").replace("\t", " ")


def csv_cell(value: object) -> object:
    """For CSV: a text that a spreadsheet would take for a formula is quoted; figures stay as they are."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
