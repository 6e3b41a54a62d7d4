"""Nothing is written that its reader would refuse: a record without what does not fit its types."""

import re
from typing import Any

import msgspec

from bench.data.kinds import Record
from bench.data.record import Kind

STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")
MOST = 10_000
"""So many pieces are left out at most: each costs a check of the whole record."""


class Unsound(Exception):
    """The reader would refuse it, whatever is left out."""


def sound(record: Kind) -> tuple[Kind, list[str]]:
    """A record as its reader will see it, and why each piece was left out that the reader would refuse.

    A piece is the item of a list, such as a turn, or where there is no list, a key. Raises Unsound.
    """
    data = msgspec.json.encode(record)
    try:
        msgspec.json.decode(data, type=Record)
        return record, []
    except msgspec.ValidationError:
        plain = msgspec.json.decode(data)
    left_out: list[str] = []
    while len(left_out) < MOST:
        try:
            found: Kind = msgspec.convert(plain, Record)
            return found, left_out
        except msgspec.ValidationError as error:
            if not _cut(plain, str(error).rpartition(" - at `")[2]):
                raise Unsound(str(error)) from None
            left_out.append(str(error))
    raise Unsound(left_out[-1])


def _cut(plain: Any, path: str) -> bool:
    """Remove the piece that a path, such as `$.rounds[3].turns[17][9]`, leads to; returns whether there is one."""
    places: list[tuple[Any, str | int]] = []
    value = plain
    for match in STEP.finditer(path if path.startswith("$") else ""):
        step: str | int = match[1] or int(match[2] or -1)
        if step == -1 or not isinstance(value, dict | list):
            break  # `[...]`, some key of a mapping
        places.append((value, step))
        value = value[step] if isinstance(value, list) or step in value else None
    items = [each for each in places if isinstance(each[0], list) and isinstance(each[1], int)]
    parent, step = (_of_objects(items) or items or places or [(None, "")])[-1]
    if not isinstance(parent, dict | list) or (isinstance(parent, dict) and step not in parent):
        return False
    del parent[step]
    return True


def _of_objects(items: list[tuple[Any, str | int]]) -> list[tuple[Any, str | int]]:
    """Those that are objects or arrays themselves, such as turns: what is in an array belongs together."""
    return [each for each in items if isinstance(each[0][each[1]], dict | list)]
