"""Nothing is written that its reader would refuse: what contradicts itself, or does not fit its types."""

import msgspec

from bench.data.errors import Fault
from bench.data.kinds import Record
from bench.data.record import Kind, Layers, Measured
from bench.data.versus import Versus


class Unsound(Fault):
    """The reader would refuse a record."""


def require_sound(record: Kind) -> None:
    """Raise Unsound unless a record can be read again."""
    try:
        msgspec.json.decode(msgspec.json.encode(record), type=Record)
        why = contradiction(record)
    except msgspec.ValidationError as error:
        why = str(error)
    if why:
        raise Unsound(f"the record could not be read again: {why}")


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
