"""The anatomy of a ladder, and its bench if there is one -> its part of docs/LADDERS.md, with the reasons for what its
layers cost.

A `why` of a ladder in layers.toml is a template that is filled in from the anatomy, so a sentence that names a package
or a component the layer does not have is an error. The fields compare a layer with the one it stands on:
`{share[h11]}` and `{part[ld.so]}` are a package's share of the added bytecodes and a component's share of the added
instructions, in percent; `{bytecodes[h11]}` and `{instructions[ld.so]}` are the numbers added; `{calls}` the added
Python calls; `{gone[h11]}` the bytecodes or instructions removed; `{syscalls[futex]}` the layer's own system calls.
"""

from collections.abc import Mapping

import msgspec

from bench.data.errors import BadInput
from bench.data.layers import BAD_TEMPLATE, Catalogue
from bench.data.record import Anatomy, Bench, Counts
from bench.report.decay_table import decay_table
from bench.report.document import Column, Table, Values
from bench.report.escape import markdown
from bench.report.notes import terms
from bench.report.origin import origin
from bench.stats.counts import components, lines

SHOWN = ("layer", "decay %", "+ µs/req", "CPU µs", "req/s per core", "rounds")
BUDGET = 60
"""Seconds: the default of make bench."""
ALONE = (Column("layer", "layer", left=True, tree="on"),)
"""The columns before those of COUNTED where there are no times."""
COUNTED = (
    Column("instructions", "instructions", "", "{instructions:,.0f}"),
    Column("added", "added", "", "{added:+,.0f}"),
    Column("bytecodes", "bytecodes", "", "{bytecodes:,.0f}"),
    Column("syscalls", "system calls", "", "{syscalls:.1f}"),
)


class Figures(dict[str, float]):
    """Counts by name; an unknown name is a mistake in layers.toml."""

    def __missing__(self, name: str) -> float:
        raise KeyError(f"{name!r} is not one of {', '.join(self) or 'nothing'}")


def title(catalogue: Catalogue, ladder: str) -> str:
    """The heading of a ladder, and what it shows."""
    adds = catalogue.ladders[ladder].adds
    return f"### {ladder}\n\n{adds[:1].upper()}{adds[1:]}."


def part(catalogue: Catalogue, ladder: str, measured: Bench | None, counted: Anatomy) -> str:
    """One ladder's part of the page, as Markdown: counts, and times where they were measured."""
    nothing = dict.fromkeys(column.keys for column in COUNTED)
    counts = {line.layer: msgspec.structs.asdict(line) for line in lines(counted)}
    times = decay_table(measured, SHOWN) if measured else Table(ALONE, _alone(counted))
    rows = [{**row, **{key: counts.get(row["layer"], nothing)[key] for key in nothing}} for row in times.rows]
    why = catalogue.ladders[ladder].why
    ground = {row.name: row.on for row in counted.layers}
    names = [row["layer"] for row in rows]
    reasons = [reason(name, why[name], ground.get(name), counted) for name in names if name in why]
    parts = (
        title(catalogue, ladder),
        Table([*times.columns, *COUNTED], rows).for_people("markdown", wide=True),
        "\n".join(reasons),
        "\n".join(f"- {row['layer']}: {markdown(row['note'])}." for row in rows if row["note"]),
        f"Produced by {' and '.join(_commands(ladder, measured))}.",
        " ".join(map(markdown, origin(measured or counted, wide=True))),
    )
    return "\n\n".join(filter(None, parts))


def _alone(counted: Anatomy) -> list[Values]:
    """Rows of counts without times."""
    notes = {row.name: "; ".join(filter(None, [*row.faults, terms(row)])) for row in counted.layers}
    return [{"layer": row.name, "on": row.on, "note": notes[row.name]} for row in counted.layers]


def _commands(ladder: str, measured: Bench | None) -> list[str]:
    """What to type for a ladder's part."""
    counts = f"`make anatomy LADDER={ladder}`"
    if not measured:
        return [counts]
    budget = "" if measured.budget in (None, BUDGET) else f" BUDGET={measured.budget:.0f}"
    return [f"`make bench LADDER={ladder}{budget}`", counts]


def reason(layer: str, why: str, on: str | None, counted: Anatomy) -> str:
    """Why a layer costs what it does, with figures; raises BadInput if the anatomy lacks one of them."""
    found = {each.layer: each for each in counted.anatomy}
    own, below = found.get(layer, Counts(layer=layer)), found.get(on or "", Counts(layer=""))
    bytecodes, instructions = _less(own.bytecodes, below.bytecodes), _less(components(own), components(below))
    try:
        text = why.format(
            bytecodes=Figures(bytecodes),
            share=Figures(_percent(bytecodes)),
            instructions=Figures(instructions),
            gone=Figures({name: -count for name, count in (instructions | bytecodes).items()}),
            part=Figures(_percent(instructions)),
            calls=sum(own.calls.values()) - sum(below.calls.values()),
            syscalls=Figures(own.syscalls),
        )
    except BAD_TEMPLATE as error:
        raise BadInput(f"layers.toml: the `why` of {layer!r} cannot be filled in: {error}") from None
    return f"- **{layer}**{f' on {on}' if on else ''}: {text}"


def _less(own: Mapping[str, float], below: Mapping[str, float]) -> dict[str, float]:
    return {
        name: own.get(name, 0) - below.get(name, 0) for name in (*own, *(each for each in below if each not in own))
    }


def _percent(counts: Mapping[str, float]) -> dict[str, float]:
    """Each count in percent of everything added; what is gone is not subtracted from that."""
    total = sum(count for count in counts.values() if count > 0)
    return {name: 100 * count / total if total else 0.0 for name, count in counts.items()}
