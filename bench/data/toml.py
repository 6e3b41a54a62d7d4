"""A TOML file -> tables and structs, or one line that says what is wrong with it."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from bench.data.errors import BadInput

MOST = 2**20  # bytes: the largest file that is read


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises BadInput that names it."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise BadInput(f"cannot read {path}: it is not a regular file")
        if found.st_size > MOST:
            raise BadInput(f"{path.name} has {found.st_size:,} bytes: expected {MOST:,} at most")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except RecursionError:
        raise BadInput(f"{path.name} is nested too deep") from None
    except ValueError as error:  # also for a number with more digits than Python reads
        raise BadInput(f"{path.name} is not TOML: {short(str(error), 200)}") from None


def convert[T](value: Any, kind: type[T], where: str) -> T:
    """Convert values from a file to a struct; raises BadInput that says where and what was expected."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where}: {short(str(error), 200)}") from None


def short(text: str, most: int = 80) -> str:
    """A text for use in a one-line error: cut to length, with control characters escaped."""
    text = text if len(text) <= most else f"{text[: most - 3]}..."
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
