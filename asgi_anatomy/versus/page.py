"""Two versions of a package: the verdict, every layer, the functions that changed, and both call trees in one."""

import msgspec

from asgi_anatomy.documents.document import Table
from asgi_anatomy.documents.icicle import KEY as TREE_KEY
from asgi_anatomy.documents.icicle import TITLE as TREE_TITLE
from asgi_anatomy.documents.icicle import icicle, packed
from asgi_anatomy.documents.part import Part, commands, folded, html_table, paragraphs, text
from asgi_anatomy.documents.source import Sides
from asgi_anatomy.turns.record import Frame
from asgi_anatomy.versus.figures import Judged, chief, judge_layers
from asgi_anatomy.versus.text import (
    bisection_lines,
    functions_table,
    layers_table,
    made,
    names,
    remarks,
    repeat,
    sentence,
)

TITLE = "What changed between two versions"
FOOT = "Made by asgi-anatomy. How it is measured: the project's docs/VERSUS.md."
MOST = 40  # functions of a layer
UNITS = {"calls": "Python calls", "bytecodes": "bytecodes"}


def parts(sides: Sides) -> list[Part]:
    """All parts of the page, in order."""
    record = sides.record
    judged = judge_layers(record)
    about = chief(judged)
    order = sorted(judged, key=lambda each: each is not about)
    found = [_answer(sides, judged), _layers(judged), _bisection(sides), _functions(order), _tree(sides, order)]
    if said := remarks(record, judged):
        found.append(Part("differs", "What else differs, and what is not sure", body=paragraphs(said, "note")))
    again = [repeat(record), f"make report RECORD={sides.path}   # this page again"]
    body = paragraphs(made(record, wide=True), "note") + commands(again)
    return [*filter(None, found), Part("made", "How it was made, and how to make it again", body=body)]


def _answer(sides: Sides, judged: list[Judged]) -> Part:
    a, b = names(sides.record)
    body = f'<p class="eyebrow">versus</p><p class="headline">{text(sentence(sides.record, judged))}</p>'
    return Part("answer", "The answer", body=body + paragraphs([f"A is {a}, B is {b}."], "lead"), hero=True)


def _layers(judged: list[Judged]) -> Part | None:
    found = layers_table(judged)
    if not found.rows:
        return None
    columns = [msgspec.structs.replace(each, wide=False) for each in found.columns]  # a page has the room
    title = "Every layer, B against A, per request"
    return Part("layers", title, body=html_table(Table(columns, found.rows), title))


def _bisection(sides: Sides) -> Part | None:
    lines = bisection_lines(sides.record)
    return Part("bisection", "Which versions moved it", lines[0], body=commands(lines[1:])) if lines else None


def _functions(judged: list[Judged]) -> Part | None:
    """The layer that the verdict is about comes first, and open."""
    tables = {
        each.row.layer: html_table(functions_table(each.functions, MOST), f"Functions that changed on {each.row.layer}")
        for each in judged
        if each.functions
    }
    if not tables:
        return None
    first, *others = tables
    body = tables[first] + "".join(folded(f"On {layer}", tables[layer]) for layer in others)
    return Part("functions", f"The functions that changed most, on {first}, per request", body=body)


def _tree(sides: Sides, judged: list[Judged]) -> Part | None:
    """The icicle of each layer, B against A."""
    if not judged:
        return None
    before: dict[str, Frame] = {}
    after: dict[str, Frame] = {}
    wholes: dict[str, dict[str, float]] = {}
    for each in judged:
        a, b = each.row.a.counts, each.row.b.counts
        if a and b and a.tree and b.tree:
            before[each.row.layer], after[each.row.layer] = a.tree, b.tree
            wholes[each.row.layer] = b.bytecodes
    if not after:
        why = "Not here: no layer has a call tree of both sides: only counts of Python servers keep one."
        return Part(TREE_KEY, TREE_TITLE, body=paragraphs([why], "missing"))
    layer = next(iter(after))
    found = next(each.metrics for each in judged if each.row.layer == layer)
    changed = [f"{found[name].delta:+,.6g} {unit}" for name, unit in UNITS.items() if name in found]
    said = f"B against A on {layer}: {', '.join(changed)} per request." if changed else ""
    body = icicle(after, layer, {"": "nothing", "A": f"A, {names(sides.record)[0]}"}, "A", "A")
    return Part(TREE_KEY, TREE_TITLE, said, (), body, packed(wholes, layer, after, before))
