"""Nothing is written that its reader would refuse: what contradicts itself, or does not fit its types."""

import re
from typing import Any

import msgspec

from bench.data.errors import Fault
from bench.data.kinds import Record
from bench.data.record import Kind, Layers, Measured
from bench.data.versus import Versus

STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")
MOST = 10_000
"""So many pieces are left out at most: each costs a check of the whole record."""


class Unsound(Fault):
    """The reader would refuse a record, whatever is left out of it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"nothing is kept except what is printed: the record could not be read again: {why}")


def sound(record: Kind) -> tuple[Kind, list[str]]:
    """A record as its reader will see it, and why each piece was left out that the reader would refuse.

    A piece is the item of a list, such as a turn, or where there is no list, a key. Raises Unsound.
    """
    found, left_out = _fitting(record)
    if why := contradiction(found):
        raise Unsound(why)
    return found, left_out


def _fitting(record: Kind) -> tuple[Kind, list[str]]:
    """Without what does not fit its types."""
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


def contradiction(record: Kind) -> str:
    """How a record contradicts itself, or an empty string."""
    if isinstance(record, Versus):
        return next(filter(None, (contradiction(row.pair) for row in record.layers if row.pair)), "")
    if not isinstance(record, Layers):
        return ""
    names = [row.name for row in record.layers]
    if twice := {name for name in names if names.count(name) > 1}:
        return f"it has the layer {min(twice)!r} twice"
    on = {row.name: row.on for row in record.layers}
    for name in names:
        seen, below = {name}, on[name]
        while below is not None:
            if below in seen:
                return f"`on` of the layer {name!r} goes in a circle"
            if below not in on:
                return f"the layer {name!r} stands on {below!r}, which is not in it"
            seen.add(below)
            below = on[below]
    for window in record.windows if isinstance(record, Measured) else ():
        if window.layer not in on:
            return f"a plain window is of {window.layer!r}, but there is no row for it"
    for made in record.rounds if isinstance(record, Measured) else ():
        for name in (*(turn.layer for turn in made.turns), *(each.layer for each in made.instances)):
            if name not in on:
                return f"a turn is of {name!r}, but there is no row for it"
    return ""


def _cut(plain: Any, path: str) -> bool:
    """Remove the piece that a path, such as `$.rounds[3].turns[17][9]`, leads to; returns whether there is one."""
    places: list[tuple[Any, Any]] = []
    value = plain
    for step in _steps(path):
        if isinstance(value, list) or (isinstance(value, dict) and step in value):
            places.append((value, step))
            value = value[step]
    items = [each for each in places if isinstance(each[0], list)]
    whole = [(parent, step) for parent, step in items if isinstance(parent[step], dict | list)]
    if not places:
        return False
    parent, step = (whole or items or places)[-1]  # what is in an array, such as a turn, belongs together
    del parent[step]
    return True


def _steps(path: str) -> list[Any]:
    """The keys and indices of a path, up to one that it does not name, `[...]`."""
    found: list[Any] = []
    for match in STEP.finditer(path if path.startswith("$") else ""):
        if not match[1] and not match[2]:
            break
        found.append(match[1] or int(match[2]))
    return found
