"""Figures in words with their units, text escaped for where it is shown, and printing.

Whatever a record, a catalogue or a server says goes through the function of its destination: `plain` or `cell` for a
terminal and a chart, `markdown` or `paragraph`, `csv_cell`, `as_json`, and for a page those of part.py.
A reader that is gone (a closed pipe or terminal) must not end a command or lose a record.
"""

import codecs
import contextlib
import html
import io
import json
import math
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len

from asgi_anatomy.suite.layers import IS_CLONE

NBSP = "\u00a0"
"""A space at which no line is broken."""


OWN_US = 1000.0
"""CPU time of a reader's own code in a request that ours is put beside, in microseconds."""


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


CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
"""Control characters other than tab and line feed, those that change the writing direction, and halves of others."""
FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
MARKED = re.compile(r"([\\`*\[\]|~$]|\b_(?!\w)|(?<!\w)_)")
MENTION = re.compile(r"@(?=\w)")
BLOCK = re.compile(r"\s*(\d*)([#=+.)-])(?![^\s#=+-])")
"""What begins a heading, a list or a rule."""
JOINER = "\u2060"
"""Takes no room, and ends a word: GitHub notifies nobody of a name after it."""
UNFIT = re.compile(r"[^\w.-]")
"""What does not go into the name of a file or into a comment."""


def plain(text: str) -> str:
    """For a terminal: control characters are escaped."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def cell(text: str) -> str:
    """For a table cell on a terminal: one line."""
    return plain(text).replace("\n", "\\n").replace("\t", " ")


def markdown(text: str) -> str:
    """For Markdown: no mark-up, no mention of a user, one line."""
    escaped = MARKED.sub(r"\\\1", html.escape(plain(text), quote=False)).replace("\n", " ").replace("\t", " ")
    return MENTION.sub(f"@{JOINER}", escaped)


def paragraph(text: str) -> str:
    """For a paragraph of Markdown, which is no heading, list or code either."""
    return BLOCK.sub(r"\1\\\2", markdown(text).strip(), count=1) if BLOCK.match(text) else markdown(text).strip()


def to_type(command: str, options: Mapping[str, object]) -> str:
    """A make command on one line, whose values a shell takes as they are; make itself takes `$$` for a dollar sign."""
    words = [f"{name}={shlex.quote(cell(str(value)))}" for name, value in options.items()]
    line = " ".join(["make", command, *words])
    return line.replace("$", "$$") if IS_CLONE else line


def csv_cell(value: object) -> object:
    """For CSV: one line, quoted if a spreadsheet would treat it as a formula; numbers are left alone."""
    if not isinstance(value, str):
        return value
    return f"'{cell(value)}" if FORMULA.match(value) else cell(value)


def as_json(value: object, indent: int | None = 1) -> str:
    """For JSON: in ASCII, so that any terminal can show it, and no control character is in it as it is."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def rounded(value: Any) -> Any:
    """A value for programs: figures with four decimals at most, null for what is beyond them all."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def plain_in[T](value: T) -> T:
    """A value whose texts are all as `plain` has them, keys too."""
    found: Any = value
    if isinstance(value, dict):
        found = {plain_in(key): plain_in(inner) for key, inner in value.items()}
    elif isinstance(value, list | tuple):
        found = [plain_in(inner) for inner in value]
    elif isinstance(value, str):
        found = plain(value)
    same: T = found
    return same


STAND_INS = str.maketrans(
    {
        **dict.fromkeys("─━╸╺\u2212\u2013", "-"),
        **dict.fromkeys("│┃▏▎▍▕", "|"),
        **dict.fromkeys("├└┌┐┘┼", "+"),
        **dict.fromkeys("█▉▊▋▌▐", "#"),
        "░": ".",
        "µ": "u",
        "±": "+-",
        "…": "~",
        NBSP: " ",
        JOINER: "",
    }
)
"""Plain characters for those that an encoding may lack, one for one where they form lines."""
STANDING_IN = "asgi-anatomy"


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(STAND_INS)
    return text.encode("ascii", "replace").decode("ascii"), error.end


codecs.register_error(STANDING_IN, _stand_in)


def print_anywhere() -> None:
    """From now on, what the encoding of standard output or standard error lacks is printed in plain characters."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it is closed
            stream.reconfigure(errors=STANDING_IN)


def typed(text: str) -> str:
    """Text whose hints say what to type here: `make bench` in a clone, `asgi-anatomy bench` where that is installed."""
    if IS_CLONE:
        return text
    from asgi_anatomy.cli import PLACES

    text = re.sub(r"\bmake help-([a-z-]+)", r"asgi-anatomy \1 --help", text).replace("make help", "asgi-anatomy --help")
    return re.sub(rf"\bmake (?=(?:{'|'.join(PLACES)})\b)", "asgi-anatomy ", text)


def wrap(text: str, width: int) -> str:
    """Prose in lines of this width; what a line continues is indented. No word, such as a path, is broken."""
    lines = []
    for line in text.split("\n"):
        lines.append("")
        for word in re.findall(r"\s*\S+", line):
            fits = cell_len(lines[-1]) + cell_len(word) <= width
            if fits or not lines[-1].strip() or cell_len(word.lstrip()) + 2 > width:  # too long for any line
                lines[-1] += word
            else:
                lines.append(f"  {word.lstrip()}")
    return "\n".join(lines)


def show(text: str) -> None:
    """Print a result on standard output."""
    try:
        print(typed(text), flush=True)  # click would print UTF-8 where the encoding is ASCII
    except OSError:  # a closed pipe or terminal: discard what is left in the buffer
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(what: str) -> None:
    """Print a line on standard error, escaped: it may quote a server, pip or another machine."""
    text = typed(plain(what))
    with contextlib.suppress(OSError):
        if sys.stderr:  # None where it is closed
            shown = wrap(text, shutil.get_terminal_size().columns) if sys.stderr.isatty() else text
            print(shown, file=sys.stderr, flush=True)
