"""A ladder's records, measured and counted -> its part of docs/LAYERS.md, and why its layers cost what they cost.

A `why` of a ladder in layers.toml is a template. Its figures are put in from the anatomy, so that a sentence which
names a package or a component that the layer does not have is found out. What it may say, of a layer against the one
that it stands on: `{share[h11]}` and `{part[ld.so]}` are a package's share of the added bytecodes and a component's of
the added instructions, in percent; `{bytecodes[h11]}`, `{instructions[ld.so]}` what is added in them; `{calls}` the
added Python calls; `{gone[h11]}` what is no longer there of either; `{syscalls[futex]}` the layer's own system calls.
"""

from collections.abc import Mapping

from bench.data.errors import BadInput
from bench.data.layers import BAD_TEMPLATE, Catalogue
from bench.data.record import Anatomy, Record
from bench.report import decay_table as render
from bench.report.anatomy import Line, components, lines
from bench.report.decay_table import cell, grid, origin, people
from bench.stats.decay import figures

HEADINGS = (
    *("layer", "on", "decay %", "95% interval", "cost µs", "added µs", "requests/s", "windows", "restarts"),
    *("instructions", "added", "bytecodes", "system calls"),
)
MEASURED = 9
"""How many of HEADINGS are those of the decay table."""


class Counts(dict[str, float]):
    """Counts by name; a name that is not there is a mistake in layers.toml."""

    def __missing__(self, name: str) -> float:
        raise KeyError(f"{name!r} is none of {', '.join(self) or 'nothing'}")


def part(catalogue: Catalogue, ladder: str, measured: Record, counted: Record) -> str:
    """One ladder's part of the page, as Markdown."""
    by_name = {line.layer: line for line in lines(counted)}
    rows = figures(measured)
    cells = []
    for row in rows:
        told = dict(zip(render.HEADINGS, people(row), strict=True))
        cells.append([*(told[name] for name in HEADINGS[:MEASURED]), *_counted(by_name.get(row.layer))])
    why = catalogue.ladders[ladder].why
    ground = {row.name: row.on for row in counted.layers}
    reasons = [reason(row.layer, why[row.layer], ground.get(row.layer), counted) for row in rows if row.layer in why]
    budget = "" if not measured.budget or measured.budget == 90 else f" BUDGET={measured.budget:.0f}"
    parts = (
        f"### {ladder}",
        f"{catalogue.ladders[ladder].adds[:1].upper()}{catalogue.ladders[ladder].adds[1:]}.",
        grid(HEADINGS, cells, "markdown"),
        "\n".join(reasons),
        "\n".join(f"- {row.layer}: {row.note}." for row in rows if row.note),
        f"Made by `make bench LADDER={ladder}{budget}` and `make anatomy LADDER={ladder}`.",
        " ".join(origin(measured)),
    )
    return "\n\n".join(filter(None, parts))


def _counted(line: Line | None) -> list[str]:
    if not line:
        return ["-"] * 4
    return [
        cell("{:,.0f}", line.instructions),
        cell("{:+,.0f}", line.added),
        cell("{:,.0f}", line.bytecodes),
        cell("{:.1f}", line.syscalls),
    ]


def reason(layer: str, why: str, on: str | None, counted: Record) -> str:
    """Why a layer costs what it costs, with its figures; raises BadInput where the anatomy has none such."""
    found = {each.layer: each for each in counted.anatomy}
    own, below = found.get(layer, Anatomy(layer=layer)), found.get(on or "", Anatomy(layer=""))
    bytecodes, instructions = _less(own.bytecodes, below.bytecodes), _less(components(own), components(below))
    try:
        text = why.format(
            bytecodes=Counts(bytecodes),
            share=Counts(_percent(bytecodes)),
            instructions=Counts(instructions),
            gone=Counts({name: -count for name, count in (instructions | bytecodes).items()}),
            part=Counts(_percent(instructions)),
            calls=sum(own.calls.values()) - sum(below.calls.values()),
            syscalls=Counts(own.syscalls),
        )
    except BAD_TEMPLATE as error:
        raise BadInput(f"layers.toml: the `why` of {layer!r} cannot be filled in: {error}") from None
    return f"- **{layer}**{f' on {on}' if on else ''}: {text}"


def _less(own: Mapping[str, float], below: Mapping[str, float]) -> dict[str, float]:
    return {
        name: own.get(name, 0) - below.get(name, 0) for name in (*own, *(each for each in below if each not in own))
    }


def _percent(counts: Mapping[str, float]) -> dict[str, float]:
    """Each count in percent of all that is added; what is gone is not set off against that."""
    total = sum(count for count in counts.values() if count > 0)
    return {name: 100 * count / total if total else 0.0 for name, count in counts.items()}
