"""Bytecodes of one request by package: whose Python code runs."""

from bench.report.charts.picture import Missing, Picture
from bench.report.charts.stacks import spec, table
from bench.report.source import Source
from bench.report.words import thousands

NAMED, TITLE = "bytecodes", "Whose Python code runs"


def picture(source: Source) -> Picture | Missing:
    """The chart of an anatomy."""
    wholes = {each.layer: each.bytecodes for each in source.counted.anatomy} if source.counted else {}
    wholes = {layer: parts for layer, parts in wholes.items() if parts}
    if not wholes:
        return Missing(NAMED, TITLE, "no bytecodes of these layers: `make anatomy` counts them, in Python servers")
    layer, parts = max(wholes.items(), key=lambda each: sum(each[1].values()))
    total = sum(parts.values())
    name, most = max(parts.items(), key=lambda each: each[1])
    said = (
        f"A {layer} request runs {total:,.0f} bytecodes of {len(parts)} packages, {100 * most / total:.0f}% of {name}."
    )
    calls = next(sum(each.calls.values()) for each in source.counted.anatomy if each.layer == layer)  # type: ignore[union-attr]
    more = (f"Counted by sys.monitoring, with the garbage collector off; {thousands(calls)} Python calls in {layer}.",)
    return Picture(NAMED, TITLE, said, spec(wholes, "bytecodes", said), table(wholes, "package"), more)
