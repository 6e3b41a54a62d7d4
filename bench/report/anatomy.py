"""An anatomy: the table of all layers, the splits by component, package and name, and the diff of two call trees."""

import msgspec

from bench.data.errors import BadInput
from bench.data.record import Anatomy
from bench.report.document import Column, Document, Table, Values
from bench.report.notes import terms
from bench.report.origin import origin
from bench.report.workload import named
from bench.stats.counts import UNSURE, lines, spread, total, units
from bench.stats.trees import difference

COLUMNS = (
    Column("layer", "layer", left=True),
    Column("on", "on", left=True),
    Column("instructions", "instructions", "", "{instructions:,.0f}"),
    Column("spread", "spread", "%", "{spread:.3f}"),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("added", "added", "", "{added:+,.0f}"),
    Column("calls", "Python calls", "", "{calls:,.10g}"),
    Column("bytecodes", "bytecodes", "", "{bytecodes:,.10g}"),
    Column("syscalls", "system calls", "", "{syscalls:.1f}"),
    Column("useful_share", "useful share", "%", "{useful_share:.1f}"),
)
SPLIT = (Column("layer", "layer"), Column("component", "component"), Column("unit", "unit"), Column("count", "count"))
DIFFERENCE = ("function", "calls_a", "bytecodes_a", "calls_b", "bytecodes_b", "added")
LEAST = 0.005  # tables omit packages below this share of a layer's bytecodes
MOST = 40  # functions listed in a table


def anatomy_table(record: Anatomy) -> Table:
    """A row for each layer."""
    return Table(COLUMNS, [msgspec.structs.asdict(line) for line in lines(record)])


def anatomy_document(record: Anatomy, split: bool = False) -> Document:
    """The table and the splits; with `split`, CSV and JSON get the rows of the splits instead of the table."""
    table = anatomy_table(record)
    parts: list[str | Table] = [table]
    for unit, title in (
        ("instructions", "Instructions per request, by component"),
        ("bytecodes", "Bytecodes per request, by package"),
        ("syscalls", "System calls per request, by name"),
        ("memory", "Memory, per request where nothing else is said; the collector is part of the instructions above"),
    ):
        if counts := _split(record, unit):
            parts += ["", f"{title}:", counts]
    rows: list[Values] = [
        {"layer": found.layer, "component": name, "unit": unit, "count": count}
        for found in record.anatomy
        for unit, counts in units(found).items()
        for name, count in counts.items()
    ]
    return Document([*parts, "", *_below(record)], Table(SPLIT, rows) if split else table)


def _split(record: Anatomy, unit: str) -> Table | None:
    """A column for each layer and a row for each component, the largest first."""
    layers = {found.layer: counts for found in record.anatomy if (counts := units(found)[unit])}
    if not layers:
        return None
    largest: dict[str, float] = {}
    for counts in layers.values():
        for name, count in counts.items():
            if unit != "bytecodes" or count / sum(counts.values()) >= LEAST:
                largest[name] = max(largest.get(name, 0), count)
    rows: list[Values] = [
        {"": name, **{str(place): counts.get(name) for place, counts in enumerate(layers.values())}}
        for name in sorted(largest, key=lambda name: -largest[name])
    ]
    rest = [sum(count for name, count in counts.items() if name not in largest) for counts in layers.values()]
    if unit == "bytecodes" and any(rest):
        rows.append({"": f"each under {LEAST:.1%}", **{str(place): count for place, count in enumerate(rest)}})
    pattern = {"instructions": ",.0f", "memory": ",.1f"}.get(unit, ",.10g")

    def column(place: int, name: str) -> Column:
        key = str(place)
        return Column(key, name, show=lambda row: "-" if row[key] is None else format(row[key], pattern))

    return Table(
        [Column("", "", show=lambda row: str(row[""]), left=True), *map(column, range(len(layers)), layers)], rows
    )


def _below(record: Anatomy) -> list[str]:
    said = [
        "instructions: in user space, the median of repeats on one connection under valgrind, minus what the server"
        " does while idle; spread: between the repeats. Python calls and bytecodes: by sys.monitoring, with the garbage"
        " collector off. System calls: by strace. Quote instructions to 0.2% on one machine, to 0.5% across machines.",
    ]
    if useful := total(record.endpoint):
        said.append(f"useful share: share.endpoint alone, {useful:,.0f} instructions, in percent of the layer's.")
    if record.seconds is not None:
        said.append(f"Counted in {record.seconds:.0f} s, {record.jobs or 1} at a time.")
    counted = [*([record.endpoint] if record.endpoint else []), *record.anatomy]
    said += [f"{each.layer}: {note}" for each in counted for note in each.notes]
    said += [
        f"{each.layer}: its repeats differ by {spread(each):.0f}%, as with a JIT: do not quote or compare its figures"
        for each in record.anatomy
        if spread(each) > UNSURE
    ]
    for row in record.layers:
        said += [f"{row.name}: {each}" for each in row.faults or [terms(row)] if each]
    return [*named(record), *said, *origin(record)]


def difference_document(record: Anatomy, a: str, b: str, source: str = "this record") -> Document:
    """The functions that cost more or less in layer b than in layer a; raises BadInput if one has no tree."""
    trees = {found.layer: found.tree for found in record.anatomy if found.tree}
    if missing := [repr(name) for name in (a, b) if name not in trees]:
        has = ", ".join(trees) or "no layer"
        raise BadInput(
            f"no call tree of {' and '.join(missing)} in {source}, only of {has}: type `make anatomy`, or set RECORD="
        )
    found = difference(trees[a], trees[b])
    rows: list[Values] = [dict(zip(DIFFERENCE, (*row, row[4] - row[2]), strict=True)) for row in found]
    columns = (
        Column("function", "function", left=True),
        Column("calls_a", f"calls in {a}", "", "{calls_a:,.10g}"),
        Column("bytecodes_a", "bytecodes", "", "{bytecodes_a:,.10g}"),
        Column("calls_b", f"calls in {b}", "", "{calls_b:,.10g}"),
        Column("bytecodes_b", "bytecodes", "", "{bytecodes_b:,.10g}"),
        Column("added", "added bytecodes", "", "{added:+,.10g}"),
    )
    rest = [f"{len(rows) - MOST} more functions differ: FORMAT=csv lists them all."] if len(rows) > MOST else []
    bytecodes, calls = sum(row[4] - row[2] for row in found), sum(row[3] - row[1] for row in found)
    sums = f"total: {bytecodes:+,.10g} bytecodes, {calls:+,.10g} calls."
    said = [*rest, sums, f"From {source}.", *origin(record)]
    return Document([Table(columns, rows[:MOST]), *said], Table(columns, rows))
