"""An anatomy: a sentence, the table of all layers, and where each layer's counts go.

The functions in which two layers of an anatomy differ: a sentence, and the largest of them.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from asgi_anatomy.counts.figures import UNSURE, Line, lines, spread, total, units
from asgi_anatomy.counts.trees import Difference, difference
from asgi_anatomy.documents.document import WIDTH, Column, Document, Table, Values, branches
from asgi_anatomy.documents.notes import terms
from asgi_anatomy.documents.origin import named, origin_origin
from asgi_anatomy.errors import BadInput
from asgi_anatomy.turns.record import COLLECTOR, Anatomy, Counts

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


def anatomy_table(record: Anatomy) -> Table:
    """A row for each layer."""
    return Table(COLUMNS, [msgspec.structs.asdict(line) for line in lines(record)])


def anatomy_document(record: Anatomy, split: bool = False, wide: bool = False) -> Document:
    """A sentence, the table and the splits; with `split`, CSV and JSON get the rows of the splits instead of it."""
    table = anatomy_table(record)
    parts: list[str | Table] = [sentence(record), "", table]
    for unit, title in UNITS.items():
        if wide and (counts := _split(record, unit)):
            parts += ["", f"Per request, {title}:", counts]
        elif not wide and unit != "memory" and (shares := _shares(record, unit, title)):
            parts += ["", shares]
    rows: list[Values] = [
        {"layer": found.layer, "component": name, "unit": unit, "count": count}
        for found in record.anatomy
        for unit, counts in units(found).items()
        for name, count in counts.items()
    ]
    return Document([*parts, "", *_below(record, wide)], Table(SPLIT, rows) if split else table)


def sentence(record: Anatomy) -> str:
    """What the heaviest of its layers takes, against the lowest below it and the one that it stands on."""
    found = lines(record)
    for unit, count in COUNTED.items():
        counts = {line.layer: taken for line in found if (taken := count(line))}
        if counts:
            return _sentence(counts, {line.layer: line.on or "" for line in found}, unit)
    return "Nothing could be counted well enough to be quoted: the lines below say why."


COUNTED: dict[str, Callable[[Line], float | None]] = {
    "instructions": lambda line: line.instructions if (line.spread or 0) <= UNSURE else None,
    "bytecodes": lambda line: line.bytecodes,
    "system calls": lambda line: line.syscalls,
}
"""What a sentence may be of: the first that is known of a layer."""


def _sentence(counts: Mapping[str, float], on: Mapping[str, str], unit: str) -> str:
    top = max(counts, key=lambda name: counts[name])
    lowest, seen = top, {top}
    while on[lowest] in counts.keys() - seen:
        lowest = on[lowest]
        seen.add(lowest)
    said = f"A request to {top} takes {counts[top]:,{'.0f' if unit == 'instructions' else '.6g'}} {unit}"
    if lowest == top:
        return f"{said}{', and no layer here takes more' if len(counts) > 1 else ''}."
    times = counts[top] / counts[lowest]
    more = f"{times:,.1f} times as many as" if times >= 1.1 else f"{100 * (times - 1):.1f}% more than"
    said += f", {more} one to {lowest}"
    share = 100 * (1 - counts[on[top]] / counts[top])
    return (
        f"{said}; {share:.0f}% of them are what {top} adds to {on[top]}."
        if on[top] != lowest and share >= 1
        else f"{said}."
    )


def _shares(record: Anatomy, unit: str, title: str) -> Table | None:
    """A row for each layer: the largest of its parts, as many as fit a line; in percent, but for system calls."""
    layers = {found.layer: counts for found in record.anatomy if any((counts := units(found)[unit]).values())}
    if not layers:
        return None
    rows: list[Values] = [{"layer": row.name, "on": row.on} for row in record.layers if row.name in layers]
    drawn = branches([row["layer"] for row in rows], [row["on"] for row in rows])
    widest = max(len(line) + len(rows[place]["layer"]) for place, line in drawn)
    room = WIDTH - GAP - max(widest, len("layer"))
    parts = {name: _parts(counts, unit, room) for name, counts in layers.items()}
    columns = (Column("layer", "layer", left=True, tree="on"), Column("parts", title, left=True))
    return Table(columns, [{**row, "parts": parts[row["layer"]]} for row in rows])


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
        text = ", ".join([*(show(*each) for each in order[:kept]), *small])
        if len(text) <= room or kept == 1:
            return text
    return "-"


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


def _below(record: Anatomy, wide: bool) -> list[str]:
    said = [*named(record), *(_marks(each) for each in record.anatomy if spread(each) > UNSURE)]
    counted = [*([record.endpoint] if record.endpoint else []), *record.anatomy]
    notes: dict[str, list[str]] = {}
    for each in counted:
        for note in each.notes:
            notes.setdefault(note, []).append(each.layer)
    said += [f"{', '.join(layers)}: {note}" for note, layers in notes.items()]
    said += _collector(record)
    for row in record.layers:
        said += [f"{row.name}: {each}" for each in row.faults or [terms(row)] if each]
    if not wide:
        how = "instructions by valgrind (±0.2%), Python calls and bytecodes by sys.monitoring, system calls by strace"
        took = f" in {record.seconds:.0f} s" if record.seconds is not None else ""
        return [*said, f"Counted{took}, per request on one connection: {how}.", *origin_origin(record), *_next(record)]
    said += [
        "instructions: in user space, the median of repeats on one connection under valgrind, minus what the server"
        " does while idle; spread: between the repeats. Python calls and bytecodes: by sys.monitoring, with the garbage"
        " collector off. System calls: by strace. Quote instructions to 0.2% on one machine, to 0.5% across machines.",
    ]
    if useful := total(record.endpoint):
        said.append(f"useful share: share.endpoint alone, {useful:,.0f} instructions, in percent of the layer's.")
    if record.seconds is not None:
        said.append(f"Counted in {record.seconds:.0f} s, {record.jobs or 1} at a time.")
    return [*said, *origin_origin(record, wide=True)]


def _collector(record: Anatomy) -> list[str]:
    """What the garbage collector took, which is a component where it ran at all."""
    taken = {each.layer: each.memory[COLLECTOR] for each in record.anatomy if COLLECTOR in each.memory}
    ran = [f"{layer} {count:,.0f}" for layer, count in taken.items() if count >= 1]
    if ran and len(ran) < len(taken):
        ran.append("the others none")
    return [f"Garbage collector, instructions per request: {', '.join(ran) or 'none'}."] if taken else []


def _marks(found: Counts) -> str:
    far = f"its repeats differ by {spread(found):.0f}%, as with a JIT"
    return f"{found.layer}: {far}: do not quote or compare its figures"


def _next(record: Anatomy) -> list[str]:
    """What to type next: the difference between the layer that runs most bytecodes and the one that it stands on."""
    trees = {found.layer: sum(found.bytecodes.values()) for found in record.anatomy if found.tree}
    pairs = [(row.on, row.name) for row in record.layers if {row.on, row.name} <= trees.keys()]
    if not pairs:
        return []
    a, b = max(pairs, key=lambda pair: trees[pair[1]])
    return [f"`make diff A={a} B={b}` names the functions that {b} adds; WIDE=1 has every column and component."]


KEYS = ("function", "calls_a", "bytecodes_a", "calls_b", "bytecodes_b", "added")
DIFF_COLUMNS = (
    Column("function", "function", "", lambda row: row["function"].replace(".<locals>", ""), left=True, wraps=True),
    Column("calls_a calls_b", "calls", "", "{calls_a:,.10g} -> {calls_b:,.10g}"),
    Column("bytecodes_a bytecodes_b", "bytecodes", "", "{bytecodes_a:,.10g} -> {bytecodes_b:,.10g}"),
    Column("added", "added", "", "{added:+,.10g}"),
)
MOST, WIDE = 15, 40
"""Functions that a table lists."""


def difference_document(record: Anatomy, a: str, b: str, source: str = "this record", wide: bool = False) -> Document:
    """The functions that cost more or less in layer b than in layer a; raises BadInput if one has no tree."""
    trees = {found.layer: found.tree for found in record.anatomy if found.tree}
    if missing := [repr(name) for name in (a, b) if name not in trees]:
        has = ", ".join(trees) or "no layer"
        raise BadInput(
            f"no call tree of {' and '.join(dict.fromkeys(missing))} in {source}, only of {has}: type"
            f" `make anatomy LAYERS='{' '.join(dict.fromkeys((a, b)))}'`, or set RECORD="
        )
    found = difference(trees[a], trees[b])
    rows: list[Values] = [dict(zip(KEYS, (*row, row[4] - row[2]), strict=True)) for row in found]
    most = WIDE if wide else MOST
    rest = len(rows) - most
    more = "FORMAT=csv lists them all" if wide else f"WIDE=1 lists {WIDE}, FORMAT=csv all"
    said: list[str | Table] = [diff_sentence(found, a, b)]
    said += ["", Table(DIFF_COLUMNS, rows[:most])] if rows else []
    said += [f"{rest} more functions differ: {more}."] if rest > 0 else []
    said += (
        ["", f"calls and bytecodes per request: in {a} -> in {b}, not counting the functions called."] if rows else []
    )
    return Document([*said, f"From {source}.", *origin_origin(record, wide)], Table(DIFF_COLUMNS, rows, KEYS))


def diff_sentence(found: Sequence[Difference], a: str, b: str) -> str:
    """How many more calls and bytecodes b takes than a, and where most of them are."""
    bytecodes, calls = sum(row[4] - row[2] for row in found), sum(row[3] - row[1] for row in found)
    if not found:
        return f"{a} and {b} call the same functions, and run as many bytecodes in each."
    said = f"{b} makes {_more(calls, 'Python calls')} per request than {a}, and runs {_more(bytecodes, 'bytecodes')}"
    sums: Counter[str] = Counter()
    for name, _, before, _, after in found:
        sums[name.partition(":")[0]] += (after - before) * (1 if bytecodes > 0 else -1)  # type: ignore[assignment]
    changed = {package: count for package, count in sums.most_common() if count > 0}
    if not changed or not bytecodes:
        return f"{said}."
    package, share = next(iter(changed)), 100 * max(changed.values()) / sum(changed.values())
    return f"{said}; {share:.0f}% of what it {'adds' if bytecodes > 0 else 'saves'} is in functions of {package}."


def _more(count: float, what: str) -> str:
    return f"{abs(count):,.10g} {'fewer' if count < 0 else 'more'} {what}" if count else f"no more {what}"
