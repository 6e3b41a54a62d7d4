"""The call tree of one request, as an icicle that can be zoomed and searched, and the difference of two layers."""

from collections.abc import Iterable, Mapping
from typing import Any

from asgi_anatomy.counts.trees import by_function, frames
from asgi_anatomy.documents.document import Column, Table
from asgi_anatomy.documents.palette import GREY, number
from asgi_anatomy.documents.part import Part, folded, html_table, paragraphs, text
from asgi_anatomy.documents.source import Source
from asgi_anatomy.turns.record import Frame

KEY = "tree"
MOST = 40
TITLE = "Every Python call of one request"
COLUMNS = (
    Column("function", "function", left=True),
    Column("calls", "calls", "", "{calls:,.4g}"),
    Column("bytecodes", "bytecodes", "", "{bytecodes:,.0f}"),
)


def part(source: Source) -> Part | None:
    """A picture for each layer with a tree; assets/icicle.js draws it."""
    trees = {each.layer: each.tree for each in source.counted.anatomy if each.tree} if source.counted else {}
    if not source.counted or not trees:
        return Part(
            KEY,
            TITLE,
            body=paragraphs(["Not here: no call tree: `make anatomy` keeps one for Python servers."], "missing"),
        )
    layer = max(trees, key=lambda name: sum(each.bytecodes for each in frames(trees[name])))
    functions = by_function(trees[layer])
    calls = sum(count for count, _ in functions.values())
    most = max(functions, key=lambda name: functions[name][1])
    said = f"One {layer} request makes {calls:,.0f} calls of {len(functions)} functions;"
    said += f" most bytecodes are in {most.replace(':', ' ')}."
    rows = [
        {"function": name, "calls": count, "bytecodes": bytecodes}
        for name, (count, bytecodes) in sorted(functions.items(), key=lambda each: -each[1][1])[:MOST]
    ]
    body = icicle(trees, layer, {"": "nothing", **{name: name for name in trees}}, "", "another layer") + folded(
        f"The {len(rows)} functions of {layer} with the most bytecodes",
        html_table(Table(COLUMNS, rows), "Functions of one request"),
    )
    wholes = {each.layer: each.bytecodes for each in source.counted.anatomy if each.bytecodes}
    return Part(KEY, TITLE, said, (), body, drawn(wholes, trees))


def icicle(layers: Iterable[str], layer: str, against: Mapping[str, str], chosen: str, other: str) -> str:
    """The place for the picture and what it can be told; `against` is values and words, `other` what they are."""
    return (
        f'<div class="tools"><label>Layer {_select("layer", {name: name for name in layers}, layer)}</label>'
        f"<label>against {_select('against', against, chosen)}</label>"
        '<label>Search <input type="search" name="search" size="14" autocomplete="off" spellcheck="false"></label>'
        '<button type="button" name="next" hidden>Next</button><output class="found"></output></div>'
        '<ol class="scroll path" aria-label="What calls it"></ol><div class="icicle"></div>'
        '<p class="detail" aria-live="polite"></p>'
        '<p class="note">Width: bytecodes, of a function and all that it calls. Click, or Enter, zooms in; Escape'
        " zooms out; arrow keys walk. In the search, Enter or an arrow key goes to the next match; in the picture, n or"
        f" N does. Against {text(other)}: full colour and + is a call that is added, \u2212 one"
        " that is gone; pale, one that costs more or less than there.</p>"
    )


def _select(key: str, options: Mapping[str, str], chosen: str) -> str:
    """A choice among values, each shown in its words."""
    return (
        f'<select name="{key}">'
        + "".join(
            f'<option value="{text(value)}"{" selected" if value == chosen else ""}>{text(words)}</option>'
            for value, words in options.items()
        )
        + "</select>"
    )


def drawn(
    wholes: Mapping[str, Mapping[str, float]], trees: Mapping[str, Frame], before: Mapping[str, Frame] | None = None
) -> dict[str, Any]:
    """What the script draws: `wholes` are the bytecodes of packages; `before` each layer's tree in side A, if any."""
    colours = {name: place for parts in wholes.values() for name in parts if (place := number(name)) != GREY}
    return {"colours": colours, "trees": trees, **({"before": before} if before else {})}
