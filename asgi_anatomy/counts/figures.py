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


def total(counts: Counts | None) -> float | None:
    """Instructions per request of a layer: the median over its repeats."""
    repeats = counts.instructions if counts else []
    return median(sum(repeat.values()) for repeat in repeats) if repeats else None


def spread(counts: Counts) -> float:
    """(largest - smallest) / median of a layer's instructions over the repeats, in percent."""
    totals = [sum(repeat.values()) for repeat in counts.instructions]
    return 100 * (max(totals) - min(totals)) / median(totals) if totals else 0.0


def components(counts: Counts) -> dict[str, float]:
    """Instructions per request of each component: the median over its repeats.

    Where the collector's were counted they are a component of their own instead of the interpreter's, which includes
    what it calls in extension modules.
    """
    names = dict.fromkeys(name for repeat in counts.instructions for name in repeat)
    medians = {name: median(repeat.get(name, 0) for repeat in counts.instructions) for name in names}
    collector = counts.memory.get(COLLECTOR, 0.0)
    if 0 < collector < medians.get(INTERPRETER, 0.0):
        medians[INTERPRETER] -= collector
        medians["garbage collector"] = collector
    return medians


def lines(record: Anatomy) -> list[Line]:
    """A row for each layer of an anatomy."""
    counts = {each.layer: each for each in record.anatomy}
    useful = total(record.endpoint)
    return [_line(row.name, row.on, counts, useful) for row in record.layers]


def _line(layer: str, on: str | None, by_layer: dict[str, Counts], useful: float | None) -> Line:
    counts, below = (by_layer.get(name, Counts(layer=name)) for name in (layer, on or ""))
    instructions, ground = total(counts), total(below)
    if max(spread(counts), spread(below)) > UNSURE:
        ground = None
    return Line(
        layer=layer,
        on=on,
        instructions=instructions,
        spread=spread(counts) if instructions else None,
        decay=100 * (1 - ground / instructions) if instructions and ground else None,
        added=instructions - ground if instructions and ground else None,
        calls=sum(counts.calls.values()) if counts.calls else None,
        bytecodes=sum(counts.bytecodes.values()) if counts.bytecodes else None,
        syscalls=sum(counts.syscalls.values()) if counts.syscalls else None,
        useful_share=100 * useful / instructions if instructions and useful else None,
    )


def units(counts: Counts) -> dict[str, dict[str, float]]:
    """What was counted of a layer, by unit."""
    return {
        "instructions": components(counts),
        "bytecodes": counts.bytecodes,
        "calls": counts.calls,
        "syscalls": counts.syscalls,
        "memory": counts.memory,
    }
