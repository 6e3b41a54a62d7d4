"""Instructions of one request by component: the interpreter, the event loop, compiled packages."""

from bench.report.charts.picture import Missing, Picture
from bench.report.charts.stacks import spec, table
from bench.report.source import Source
from bench.report.words import thousands
from bench.stats.counts import components

NAMED, TITLE = "instructions", "Where the instructions of one request are executed"


def picture(source: Source) -> Picture | Missing:
    """The chart of an anatomy."""
    wholes = {each.layer: components(each) for each in source.counted.anatomy} if source.counted else {}
    wholes = {layer: parts for layer, parts in wholes.items() if parts}
    if not wholes:
        return Missing(NAMED, TITLE, "no instructions of these layers: `make anatomy` counts them, with valgrind")
    layer, parts = max(wholes.items(), key=lambda each: sum(each[1].values()))
    total = sum(parts.values())
    name, most = max(parts.items(), key=lambda each: each[1])
    said = (
        f"A {layer} request takes {thousands(total)} instructions; {name} executes {100 * most / total:.0f}% of them."
    )
    more = ("Counted in user space under valgrind, the median of repeats; the kernel's work is not in it.",)
    return Picture(NAMED, TITLE, said, spec(wholes, "instructions", said), table(wholes, "component"), more)
