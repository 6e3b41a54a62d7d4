"""Charts of one request in each layer: whose Python code runs, and where its instructions are executed."""

from collections.abc import Mapping

from asgi_anatomy.counts.figures import components
from asgi_anatomy.documents.charts import spec, table
from asgi_anatomy.documents.draw import Missing, Picture
from asgi_anatomy.documents.source import Source
from asgi_anatomy.documents.words import thousands

TITLE = "Whose Python code runs"
INSTRUCTIONS_TITLE = "Where the instructions of one request are executed"


def picture(source: Source) -> Picture | Missing:
    """Bytecodes of one request by package."""
    anatomy = source.counted.anatomy if source.counted else []
    layers = {counts.layer: counts.bytecodes for counts in anatomy if counts.bytecodes}
    if not layers:
        why = "no bytecodes of these layers: `make anatomy` counts them, in Python servers"
        return Missing("bytecodes", TITLE, why)
    layer, package, total, percent = _largest(layers)
    packages = len(layers[layer])
    sentence = f"A {layer} request runs {total:,.0f} bytecodes of {packages} packages, {percent:.0f}% of {package}."
    calls = next(sum(counts.calls.values()) for counts in anatomy if counts.layer == layer)
    how = f"Counted by sys.monitoring, with the garbage collector off; {thousands(calls)} Python calls in {layer}."
    chart = spec(layers, "bytecodes", sentence)
    return Picture("bytecodes", TITLE, sentence, chart, table(layers, "package"), (how,))


def instructions_picture(source: Source, name: str = "instructions") -> Picture | Missing:
    """Instructions of one request by component: the interpreter, the event loop, compiled packages."""
    anatomy = source.counted.anatomy if source.counted else []
    layers = {counts.layer: components(counts) for counts in anatomy if counts.instructions}
    if not layers:
        why = "no instructions of these layers: `make anatomy` counts them, with valgrind"
        return Missing(name, INSTRUCTIONS_TITLE, why)
    layer, component, total, percent = _largest(layers)
    sentence = f"A {layer} request takes {thousands(total)} instructions; {component} executes {percent:.0f}% of them."
    how = "Counted in user space under valgrind, the median of repeats; the kernel's work is not in it."
    chart = spec(layers, "instructions", sentence)
    return Picture(name, INSTRUCTIONS_TITLE, sentence, chart, table(layers, "component"), (how,))


def _largest(layers: Mapping[str, Mapping[str, float]]) -> tuple[str, str, float, float]:
    """The layer that takes most, the largest of its parts, its total, and that part in percent of it."""
    layer = max(layers, key=lambda name: sum(layers[name].values()))
    total = sum(layers[layer].values())
    part = max(layers[layer], key=lambda name: layers[layer][name])
    return layer, part, total, 100 * layers[layer][part] / total
