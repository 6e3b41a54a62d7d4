"""An anatomy as text: a sentence, the table of all layers, where their counts go, and what two layers differ in."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from asgi_anatomy.counts.changes import FunctionChange, compare_functions
from asgi_anatomy.counts.figures import UNSURE, Line, lines, spread, total, units
from asgi_anatomy.documents.document import WIDTH, Column, Document, Table, Values, branches
from asgi_anatomy.documents.notes import terms
from asgi_anatomy.documents.origin import described, named
from asgi_anatomy.errors import BadInput
from asgi_anatomy.turns.record import COLLECTOR, Anatomy

COLUMNS = (
    Column("layer", "layer", left=True, tree="on"),
    Column("on", "on", left=True, wide=True),
    Column("instructions", "instructions", "", "{instructions:,.0f}"),
    Column("spread", "spread", "%", "{spread:.3f}", wide=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("added", "added", "", "{added:+,.0f}"),
    Column("calls", "Python calls", "", "{calls:,.10g}"),
    Column("bytecodes", "bytecodes", "", "{bytecodes:,.10g}"),
    Column("syscalls", "system calls", "", "{syscalls:.1f}"),
    Column("useful_share", "useful share", "%", "{useful_share:.1f}", wide=True),
)
SPLIT = (Column("layer", "layer"), Column("component", "component"), Column("unit", "unit"), Column("count", "count"))
UNITS = {
    "instructions": "instructions by component",
    "bytecodes": "bytecodes by package",
    "syscalls": "system calls by name",
    "memory": "allocations, and the garbage collector",
}
LEAST = 0.005  # tables omit packages below this share of a layer's bytecodes
REST = "the rest"  # so the counts call what has no name of its own
GAP = 2  # columns between those of a table
QUOTABLE: dict[str, Callable[[Line], float | None]] = {
    "instructions": lambda line: line.instructions if (line.spread or 0) <= UNSURE else None,
    "bytecodes": lambda line: line.bytecodes,
    "system calls": lambda line: line.syscalls,
}
"""What the sentence may be about: the first that is known of a layer."""


def anatomy_table(record: Anatomy) -> Table:
    """A row for each layer."""
    return Table(COLUMNS, [msgspec.structs.asdict(line) for line in lines(record)])


def anatomy_document(record: Anatomy, split: bool = False, wide: bool = False, at: str = "results") -> Document:
    """A sentence, the table and the splits; with `split`, CSV and JSON get the rows of the splits instead of it."""
    table = anatomy_table(record)
    parts: list[str | Table] = [sentence(record), "", table]
    for unit, title in UNITS.items():
        if wide and (counts := _split(record, unit)):
            parts += ["", f"Per request, {title}:", counts]
        elif not wide and unit != "memory" and (shares := _shares(record, unit, title)):
            parts += ["", shares]
    rows: list[Values] = [
        {"layer": counts.layer, "component": name, "unit": unit, "count": count}
        for counts in record.anatomy
        for unit, by_name in units(counts).items()
        for name, count in by_name.items()
    ]
    return Document([*parts, "", *_notes(record, wide, at)], Table(SPLIT, rows) if split else table)


def sentence(record: Anatomy) -> str:
    """What the heaviest of its layers takes, against the lowest below it and the one that it stands on."""
    rows = lines(record)
    for unit, count_of in QUOTABLE.items():
        if counts := {line.layer: count for line in rows if (count := count_of(line))}:
            return _sentence(unit, counts, {line.layer: line.on for line in rows})
    return "Nothing could be counted well enough to be quoted: the lines below say why."


def _sentence(unit: str, counts: Mapping[str, float], on: Mapping[str, str | None]) -> str:
    stack = [max(counts, key=lambda name: counts[name])]
    while (below := on[stack[-1]]) and below in counts and below not in stack:
        stack.append(below)
    top, lowest = stack[0], stack[-1]
    words = f"A request to {top} takes {counts[top]:,{'.0f' if unit == 'instructions' else '.6g'}} {unit}"
    if lowest == top:
        return f"{words}{', and no layer here takes more' if len(counts) > 1 else ''}."
    times = counts[top] / counts[lowest]
    more = f"{times:,.1f} times as many as" if times >= 1.1 else f"{100 * (times - 1):.1f}% more than"
    words += f", {more} one to {lowest}"
    share = 100 * (1 - counts[stack[1]] / counts[top])
    return (
        f"{words}; {share:.0f}% of them are what {top} adds to {stack[1]}." if stack[2:] and share >= 1 else f"{words}."
    )


def _by_layer(record: Anatomy, unit: str) -> dict[str, dict[str, float]]:
    return {counts.layer: by_name for counts in record.anatomy if any((by_name := units(counts)[unit]).values())}


def _shares(record: Anatomy, unit: str, title: str) -> Table | None:
    """A row for each layer: the largest of its parts, as many as fit a line; in percent, except for system calls."""
    layers = _by_layer(record, unit)
    if not layers:
        return None
    rows: list[Values] = [{"layer": row.name, "on": row.on} for row in record.layers if row.name in layers]
    drawn = branches([row["layer"] for row in rows], [row["on"] for row in rows])
    widest = max(len(line) + len(rows[place]["layer"]) for place, line in drawn)
    room = WIDTH - GAP - max(widest, len("layer"))
    columns = (Column("layer", "layer", left=True, tree="on"), Column("parts", title, left=True))
    return Table(columns, [{**row, "parts": _parts(layers[row["layer"]], unit, room)} for row in rows])


def _parts(counts: Mapping[str, float], unit: str, room: int) -> str:
    """The largest first, then all others together."""
    whole = sum(counts.values())

    def show(name: str, count: float) -> str:
        return f"{name} {count:.3g}" if unit == "syscalls" else f"{name} {100 * count / whole:.0f}%"

    order = sorted(counts.items(), key=lambda item: -item[1])
    order = [(name, count) for name, count in order if count >= LEAST * whole and name != REST]
    for kept in range(len(order), 0, -1):
        rest = whole - sum(count for _, count in order[:kept])
        small = [show(REST, rest)] if rest >= LEAST * whole else []
        text = ", ".join([*(show(*part) for part in order[:kept]), *small])
        if len(text) <= room or kept == 1:
            return text
    return "-"


def _split(record: Anatomy, unit: str) -> Table | None:
    """A column for each layer and a row for each component, the largest first."""
    layers = {counts.layer: by_name for counts in record.anatomy if (by_name := units(counts)[unit])}
    if not layers:
        return None
    largest: dict[str, float] = {}
    for counts in layers.values():
        for name, count in counts.items():
            if unit != "bytecodes" or count / sum(counts.values()) >= LEAST:
                largest[name] = max(largest.get(name, 0), count)
    order = sorted(largest, key=lambda name: -largest[name])
    rows: list[Values] = [{"": name} | {layer: counts.get(name) for layer, counts in layers.items()} for name in order]
    small = {
        layer: sum(count for name, count in counts.items() if name not in largest) for layer, counts in layers.items()
    }
    if unit == "bytecodes" and any(small.values()):
        rows.append({"": f"each under {LEAST:.1%}", **small})
    pattern = {"instructions": ",.0f", "memory": ",.1f"}.get(unit, ",.10g")

    def column(layer: str) -> Column:
        return Column(layer, layer, show=lambda row: "-" if row[layer] is None else format(row[layer], pattern))

    return Table([Column("", show=lambda row: str(row[""]), left=True), *map(column, layers)], rows)


def _notes(record: Anatomy, wide: bool, at: str) -> list[str]:
    """What is not sure or missing, how it was counted, and where."""
    notes = named(record)
    for counts in record.anatomy:
        if (percent := spread(counts)) > UNSURE:
            why = f"its repeats differ by {percent:.0f}%, as with a JIT"
            notes.append(f"{counts.layer}: {why}: do not quote or compare its figures")
    layers: dict[str, list[str]] = defaultdict(list)
    for counts in [*([record.endpoint] if record.endpoint else []), *record.anatomy]:
        for note in counts.notes:
            layers[note].append(counts.layer)
    notes += [f"{', '.join(names)}: {note}" for note, names in layers.items()]
    notes += _collector(record)
    for row in record.layers:
        notes += [f"{row.name}: {note}" for note in row.faults or [terms(row)] if note]
    if not wide:
        how = "instructions by valgrind (±0.2%), Python calls and bytecodes by sys.monitoring, system calls by strace"
        took = f" in {record.seconds:.0f} s" if record.seconds is not None else ""
        return [*notes, f"Counted{took}, per request on one connection: {how}.", *described(record), *_next(record, at)]
    notes.append(
        "instructions: in user space, the median of repeats on one connection under valgrind, minus what the server"
        " does while idle; spread: between the repeats. Python calls and bytecodes: by sys.monitoring, with the garbage"
        " collector off. System calls: by strace. Quote instructions to 0.2% on one machine, to 0.5% across machines."
    )
    if useful := total(record.endpoint):
        notes.append(f"useful share: share.endpoint alone, {useful:,.0f} instructions, in percent of the layer's.")
    if record.seconds is not None:
        notes.append(f"Counted in {record.seconds:.0f} s, {record.jobs or 1} at a time.")
    return [*notes, *described(record, wide=True)]


def _collector(record: Anatomy) -> list[str]:
    """What the garbage collector took, which is a component where it ran at all."""
    taken = {counts.layer: counts.memory[COLLECTOR] for counts in record.anatomy if COLLECTOR in counts.memory}
    ran = [f"{layer} {count:,.0f}" for layer, count in taken.items() if count >= 1]
    if ran and len(ran) < len(taken):
        ran.append("the others none")
    return [f"Garbage collector, instructions per request: {', '.join(ran) or 'none'}."] if taken else []


def _next(record: Anatomy, at: str) -> list[str]:
    """What to type next: the difference between the layer that runs most bytecodes and the one that it stands on.

    The record is `at`, or the newest in that folder.
    """
    trees = {counts.layer: sum(counts.bytecodes.values()) for counts in record.anatomy if counts.tree}
    pairs = [(row.on, row.name) for row in record.layers if {row.on, row.name} <= trees.keys()]
    if not pairs:
        return []
    a, b = max(pairs, key=lambda pair: trees[pair[1]])
    return [f"Next: make diff A={a} B={b} names the functions that {b} adds; make anatomy RECORD={at} WIDE=1"]


DIFF_COLUMNS = (
    Column("function", "function", "", lambda row: row["function"].replace(".<locals>", ""), left=True, wraps=True),
    Column("calls_a calls_b", "calls", "", "{calls_a:,.10g} -> {calls_b:,.10g}"),
    Column("bytecodes_a bytecodes_b", "bytecodes", "", "{bytecodes_a:,.10g} -> {bytecodes_b:,.10g}"),
    Column("added", "added", "", "{added:+,.10g}"),
)
DIFF_FIRST = ("function", "calls_a", "bytecodes_a", "calls_b", "bytecodes_b")
MOST, WIDE = 15, 40
"""Functions that a table lists."""


def difference_document(record: Anatomy, a: str, b: str, source: str = "this record", wide: bool = False) -> Document:
    """The functions that cost more or less in layer b than in layer a; raises BadInput if one has no tree."""
    trees = {counts.layer: counts.tree for counts in record.anatomy if counts.tree}
    if missing := [repr(name) for name in (a, b) if name not in trees]:
        has = ", ".join(trees) or "no layer"
        raise BadInput(
            f"no call tree of {' and '.join(dict.fromkeys(missing))} in {source}, only of {has}: type"
            f" `make anatomy LAYERS='{' '.join(dict.fromkeys((a, b)))}'`, or set RECORD="
        )
    changes = compare_functions(trees[a], trees[b])
    rows = [change.row for change in changes]
    most = WIDE if wide else MOST
    parts: list[str | Table] = [diff_sentence(changes, a, b)]
    if rows:
        parts += ["", Table(DIFF_COLUMNS, rows[:most])]
        if (rest := len(rows) - most) > 0:
            more = "FORMAT=csv lists them all" if wide else f"WIDE=1 lists {WIDE}, FORMAT=csv all"
            parts.append(f"{rest} more functions differ: {more}.")
        parts += ["", f"calls and bytecodes per request: in {a} -> in {b}, not counting the functions called."]
    return Document([*parts, f"From {source}.", *described(record, wide)], Table(DIFF_COLUMNS, rows, DIFF_FIRST))


def diff_sentence(changes: Sequence[FunctionChange], a: str, b: str) -> str:
    """How many more calls and bytecodes b takes than a, and where most of them are."""
    if not changes:
        return f"{a} and {b} call the same functions, and run as many bytecodes in each."
    calls = sum(change.calls.delta for change in changes)
    bytecodes = sum(change.bytecodes.delta for change in changes)
    words = f"{b} makes {_more(calls, 'Python calls')} per request than {a}, and runs {_more(bytecodes, 'bytecodes')}"
    packages: dict[str, float] = defaultdict(float)
    for change in changes:
        packages[change.name.partition(":")[0]] += change.bytecodes.delta * (1 if bytecodes > 0 else -1)
    moved = sum(count for count in packages.values() if count > 0)
    if not moved or not bytecodes:
        return f"{words}."
    package = max(packages, key=lambda name: packages[name])
    how = "adds" if bytecodes > 0 else "saves"
    return f"{words}; {100 * packages[package] / moved:.0f}% of what it {how} is in functions of {package}."


def _more(count: float, what: str) -> str:
    return f"{abs(count):,.10g} {'fewer' if count < 0 else 'more'} {what}" if count else f"no more {what}"
