"""Figures in words with their units, text escaped for where it is shown, and printing.

A reader that is gone (a closed pipe or terminal) must not end a command or lose a record.
"""

import contextlib
import html
import os
import re
import sys

import click

from asgi_anatomy.suite.layers import IS_CLONE

NBSP = "\u00a0"
"""A space at which no line is broken."""


def micro(value: float) -> str:
    """Microseconds, to three or four digits."""
    return f"{value:,.{2 if value < 10 else 1 if value < 1000 else 0}f}{NBSP}µs"


def span(value: float) -> str:
    """Microseconds as people say them: 840 µs, 12.3 ms, 1.2 s."""
    if value < 1000:
        return f"{value:.0f}{NBSP}µs"
    return f"{value / 1e3:.3g}{NBSP}ms" if value < 1e6 else f"{value / 1e6:.3g}{NBSP}s"


def counted(count: int, what: str) -> str:
    """A count with its noun."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def thousands(value: float) -> str:
    """A count: 650, 24,100, 575k, 1.32M."""
    if value < 99_950:
        return f"{value:,.0f}"
    return f"{value / 1e3:,.0f}k" if value < 999_500 else f"{value / 1e6:,.2f}M"


def percent(value: float, margin: float | None) -> str:
    """A percentage with its margin in points, where that is known."""
    return f"{value:.1f}%" if margin is None else f"{value:.1f} ±{margin:.1f}%"


MINUS = "\u2212"


def minus(value: float, digits: int) -> str:
    """A number with a sign that is as wide as a plus."""
    return f"{value:+.{digits}f}".replace("-", MINUS)


def than(own: float, other: float) -> str:
    """How one amount compares with another: more than, as much as, half of what."""
    if not other:
        return "more than"
    ratio = own / other
    if ratio >= 1.95:
        return f"{ratio:.1f} times what"
    return "more than" if ratio > 1.05 else "as much as" if ratio > 0.95 else f"{100 * ratio:.0f}% of what"


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


def typed(text: str) -> str:
    """Text whose hints say what to type here: `make bench` in a clone, `asgi-anatomy bench` where that is installed."""
    if IS_CLONE:
        return text
    from asgi_anatomy.cli import PLACES

    text = re.sub(r"\bmake help-([a-z-]+)", r"asgi-anatomy \1 --help", text).replace("make help", "asgi-anatomy --help")
    return re.sub(rf"\bmake (?=(?:{'|'.join(PLACES)})\b)", "asgi-anatomy ", text)


def show(text: str) -> None:
    """Print a result on standard output."""
    try:
        click.echo(typed(text))
        sys.stdout.flush()
    except OSError:  # a closed pipe or terminal: discard what is left in the buffer
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(what: str) -> None:
    """Print a line on standard error, escaped: it may quote a server, pip or another machine."""
    with contextlib.suppress(OSError):
        click.echo(typed(plain(what)), err=True)
