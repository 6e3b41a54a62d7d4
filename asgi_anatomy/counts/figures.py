"""An anatomy -> what a table says of each layer: totals, spreads, and what each adds to the layer below."""

from statistics import median

import msgspec

from asgi_anatomy.turns.record import COLLECTOR, Anatomy, Counts

UNSURE = 2.0  # percent that repeats may differ by, for their median to be compared with another's


INTERPRETER = "interpreter"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the anatomy: counts per request, None where they could not be had."""

    layer: str
    on: str | None
    instructions: float | None
    spread: float | None
    """(largest - smallest) / median over the repeats, in percent."""
    decay: float | None
    """1 - instructions(on) / instructions(layer), in percent."""
    added: float | None
    calls: float | None
    bytecodes: float | None
    syscalls: float | None
    useful_share: float | None
    """Instructions of share.endpoint / instructions of the layer, in percent."""


def total(found: Counts | None) -> float | None:
    """The median over its repeats of a layer's instructions per request."""
    return median(sum(each.values()) for each in found.instructions) if found and found.instructions else None


def spread(found: Counts) -> float:
    """(largest - smallest) / median of a layer's instructions over the repeats, in percent."""
    totals = [sum(each.values()) for each in found.instructions]
    return 100 * (max(totals) - min(totals)) / median(totals) if totals else 0.0


def components(found: Counts) -> dict[str, float]:
    """The median over its repeats of each component's instructions per request.

    Where the collector's were counted they are a component of their own instead of the interpreter's, which includes
    what it calls in extension modules.
    """
    names = dict.fromkeys(name for each in found.instructions for name in each)
    medians = {name: median(each.get(name, 0) for each in found.instructions) for name in names}
    collector = found.memory.get(COLLECTOR, 0.0)
    if 0 < collector < medians.get(INTERPRETER, 0.0):
        medians[INTERPRETER] -= collector
        medians["garbage collector"] = collector
    return medians


def lines(record: Anatomy) -> list[Line]:
    """A row for each layer of an anatomy."""
    by_name = {found.layer: found for found in record.anatomy}
    useful = total(record.endpoint)
    rows = []
    for row in record.layers:
        found, below = (by_name.get(name, Counts(layer=name)) for name in (row.name, row.on or ""))
        own, under = total(found), total(below)
        sure = spread(found) <= UNSURE and spread(below) <= UNSURE
        rows.append(
            Line(
                layer=row.name,
                on=row.on,
                instructions=own,
                spread=spread(found) if own else None,
                decay=100 * (1 - under / own) if own and under and sure else None,
                added=own - under if own and under and sure else None,
                calls=sum(found.calls.values()) if found.calls else None,
                bytecodes=sum(found.bytecodes.values()) if found.bytecodes else None,
                syscalls=sum(found.syscalls.values()) if found.syscalls else None,
                useful_share=100 * useful / own if own and useful else None,
            )
        )
    return rows


def units(found: Counts) -> dict[str, dict[str, float]]:
    """What was counted of a layer, by unit."""
    return {
        "instructions": components(found),
        "bytecodes": found.bytecodes,
        "calls": found.calls,
        "syscalls": found.syscalls,
        "memory": found.memory,
    }
