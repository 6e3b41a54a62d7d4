"""The functions in which two layers of an anatomy differ: a sentence, and the largest of them."""

from collections import Counter
from collections.abc import Sequence

from bench.data.errors import BadInput
from bench.data.record import Anatomy
from bench.report.document import Column, Document, Table, Values
from bench.report.origin import origin
from bench.stats.trees import Difference, difference

KEYS = ("function", "calls_a", "bytecodes_a", "calls_b", "bytecodes_b", "added")
COLUMNS = (
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
    said: list[str | Table] = [sentence(found, a, b)]
    said += ["", Table(COLUMNS, rows[:most])] if rows else []
    said += [f"{rest} more functions differ: {more}."] if rest > 0 else []
    said += (
        ["", f"calls and bytecodes per request: in {a} -> in {b}, not counting the functions called."] if rows else []
    )
    return Document([*said, f"From {source}.", *origin(record, wide)], Table(COLUMNS, rows, KEYS))


def sentence(found: Sequence[Difference], a: str, b: str) -> str:
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
