"""Text from a record, a catalogue or a server, escaped for the output format."""

import html
import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters other than tab and line feed, and those that change the writing direction."""
FORMULA = re.compile(r"[=+\-@\t\r]")
MARKED = re.compile(r"([\\`*\[\]|~]|\b_(?!\w)|(?<!\w)_)")


def plain(text: str) -> str:
    """For a terminal: control characters are escaped."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def cell(text: str) -> str:
    """For a table cell on a terminal: one line."""
    return plain(text).replace("\n", "\\n").replace("\t", " ")


def markdown(text: str) -> str:
    """For Markdown: no mark-up, one line."""
    return MARKED.sub(r"\\\1", html.escape(plain(text), quote=False)).replace("\n", " ").replace("\t", " ")


def csv_cell(value: object) -> object:
    """For CSV: text that a spreadsheet would treat as a formula is quoted; numbers are left alone."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
