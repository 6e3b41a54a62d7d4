"""Bytecodes of one request by package: whose Python code runs.

Instructions of one request by component: the interpreter, the event loop, compiled packages.
"""

from asgi_anatomy.counts.figures import components
from asgi_anatomy.documents.charts import spec, table
from asgi_anatomy.documents.draw import Missing, Picture
from asgi_anatomy.documents.source import Source
from asgi_anatomy.documents.words import thousands

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


INSTRUCTIONS_NAMED, INSTRUCTIONS_TITLE = "instructions", "Where the instructions of one request are executed"


def instructions_picture(source: Source) -> Picture | Missing:
    """The chart of an anatomy."""
    wholes = {each.layer: components(each) for each in source.counted.anatomy} if source.counted else {}
    wholes = {layer: parts for layer, parts in wholes.items() if parts}
    if not wholes:
        return Missing(
            INSTRUCTIONS_NAMED,
            INSTRUCTIONS_TITLE,
            "no instructions of these layers: `make anatomy` counts them, with valgrind",
        )
    layer, parts = max(wholes.items(), key=lambda each: sum(each[1].values()))
    total = sum(parts.values())
    name, most = max(parts.items(), key=lambda each: each[1])
    said = (
        f"A {layer} request takes {thousands(total)} instructions; {name} executes {100 * most / total:.0f}% of them."
    )
    more = ("Counted in user space under valgrind, the median of repeats; the kernel's work is not in it.",)
    return Picture(
        INSTRUCTIONS_NAMED,
        INSTRUCTIONS_TITLE,
        said,
        spec(wholes, "instructions", said),
        table(wholes, "component"),
        more,
    )
