"""Two versions of a package: the verdict, every layer, the functions that changed, and both call trees in one."""

import msgspec

from asgi_anatomy.documents.document import Table
from asgi_anatomy.documents.icicle import KEY as TREE_KEY
from asgi_anatomy.documents.icicle import TITLE as TREE_TITLE
from asgi_anatomy.documents.icicle import drawn, icicle
from asgi_anatomy.documents.part import Part, commands, folded, html_table, paragraphs, text
from asgi_anatomy.documents.source import Subject
from asgi_anatomy.documents.words import to_type
from asgi_anatomy.turns.record import Frame
from asgi_anatomy.versus.record import Versus
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
from asgi_anatomy.versus.verdict import Judged, chief, judge_layers

Sides = Subject[Versus]
TITLE = "What changed between two versions"
FOOT = "Made by asgi-anatomy. How it is measured: the project's docs/VERSUS.md."
MOST = 40  # functions of a layer
UNITS = {"calls": "Python calls", "bytecodes": "bytecodes"}


def parts(sides: Sides) -> list[Part]:
    """All parts of the page, in order; the layer that the verdict is about comes first."""
    record = sides.record
    judged = judge_layers(record)
    about = chief(judged)
    order = sorted(judged, key=lambda layer: layer is not about)
    a, b = names(record)
    head = f'<p class="eyebrow">versus</p><p class="headline">{text(sentence(record, judged))}</p>'
    sections = [Part("answer", "The answer", body=head + paragraphs([f"A is {a}, B is {b}."], "lead"), hero=True)]
    if (table := layers_table(judged)).rows:
        title = "Every layer, B against A, per request"
        columns = [msgspec.structs.replace(column, wide=False) for column in table.columns]  # a page has the room
        sections.append(Part("layers", title, body=html_table(Table(columns, table.rows), title)))
    if lines := bisection_lines(record):
        sections.append(Part("bisection", "Which versions moved it", lines[0], body=commands(lines[1:])))
    sections += [*_functions(order), *_tree(order, a)]
    if notes := remarks(record, judged):
        sections.append(Part("differs", "What else differs, and what is not sure", body=paragraphs(notes, "note")))
    again = [repeat(record), f"{to_type('report', {'RECORD': sides.path})}   # this page again"]
    body = paragraphs(made(record, wide=True), "note") + commands(again)
    return [*sections, Part("made", "How it was made, and how to make it again", body=body)]


def _functions(judged: list[Judged]) -> list[Part]:
    """The functions of the first layer, and those of the others, folded."""
    tables = {
        layer: html_table(functions_table(functions, MOST), f"Functions that changed on {layer}")
        for layer, functions in ((each.row.layer, each.functions) for each in judged)
        if functions
    }
    if not tables:
        return []
    first, *others = tables
    body = tables[first] + "".join(folded(f"On {layer}", tables[layer]) for layer in others)
    return [Part("functions", f"The functions that changed most, on {first}, per request", body=body)]


def _tree(judged: list[Judged], a: str) -> list[Part]:
    """The icicle of each layer, B against A."""
    if not judged:
        return []
    before: dict[str, Frame] = {}
    after: dict[str, Frame] = {}
    bytecodes: dict[str, dict[str, float]] = {}
    for row in (layer.row for layer in judged):
        if row.a.counts and row.b.counts and row.a.counts.tree and row.b.counts.tree:
            before[row.layer], after[row.layer] = row.a.counts.tree, row.b.counts.tree
            bytecodes[row.layer] = row.b.counts.bytecodes
    if not after:
        why = "Not here: no layer has a call tree of both sides: only counts of Python servers keep one."
        return [Part(TREE_KEY, TREE_TITLE, body=paragraphs([why], "missing"))]
    first = next(layer for layer in judged if layer.row.layer in after)
    layer, metrics = first.row.layer, first.metrics
    deltas = {unit: metrics[name].delta for name, unit in UNITS.items() if name in metrics}
    changed = [f"{delta:{'+' if delta else ''},.6g} {unit}" for unit, delta in deltas.items()]
    words = f"B against A on {layer}: {', '.join(changed)} per request." if changed else ""
    body = icicle(after, layer, {"": "nothing", "A": f"A, {a}"}, "A", "A")
    return [Part(TREE_KEY, TREE_TITLE, words, (), body, drawn(bytecodes, after, before))]
