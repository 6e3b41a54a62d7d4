"""One request from left to right, in µs: its phases as a staircase, whose code they are above, and the scale below.

Drawn by hand: a chart does not put words beside bars wherever there is room.
"""

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlencode

from asgi_anatomy.counts.phases import KERNEL, Phase
from asgi_anatomy.documents.charts import ticks
from asgi_anatomy.documents.document import Column, Table, Values
from asgi_anatomy.documents.draw import Missing, Sketch
from asgi_anatomy.documents.palette import number
from asgi_anatomy.documents.part import Part, folded, html_table, paragraphs, text
from asgi_anatomy.documents.source import Source
from asgi_anatomy.documents.words import NBSP, OWN_US, micro

KEY = "request"
TITLE = "One request, from left to right"
HOW = (
    "Scaled to the measured CPU time: the kernel is its share of that, as its clock samples it; the rest goes by"
    " instructions, and the interpreter's by bytecodes. A phase has all of its work, also that on the way back. A"
    " bracket is a package's own code; what a layer adds has also what it makes others do."
)
WIDTHS = {"wide": 760, "narrow": 350}
"""By the name of a class in page.css, in pixels."""
MANY = 0.04
"""The share of a request from which those whose code it is get a bracket."""
CHIEF = 0.25
"""The share of a phase from which a bracket covers it."""
ROW, STEP, BAR = 21, 26, 14
"""Pixels of a phase, of a bracket, and of a bar."""
LETTER = 6.9
"""Pixels of a letter, about."""


def picture(source: Source) -> Sketch | Missing:
    """One request of the dearest layer that has phases."""
    found = source.phases
    if not found:
        why = "no layer has both CPU times and a call tree: `make bench` and `make anatomy` make them"
        if source.shown() and all(row.system_us is None for row in source.shown()):
            why = "this record does not tell user from system time: `make bench` measures both now"
        return Missing(KEY, TITLE, why)
    layer = max(found, key=lambda name: _sum(found[name]))
    phases = found[layer]
    *most, last = (_said(each) for each in sorted(phases, key=lambda phase: -phase.amount)[:3])
    said = f"The largest parts of the {micro(_sum(phases))} of one {layer} request: {', '.join(most)} and {last}."
    row = next(row for row in source.shown() if row.layer == layer)
    around = None if row.system_low is None or row.system_high is None else (row.system_high - row.system_low) / 2
    known = f" The kernel's part is known to ±{around:.1f}{NBSP}µs." if around else ""
    title = f"One {layer} request: {micro(_sum(phases))} of CPU time"
    return Sketch(KEY, title, said, partial(_svg, layer, phases), _table(found), (HOW + known,))


def part(source: Source) -> Part:
    """Its section of the page: drawn twice, and the style sheet shows what fits. A click goes to the call tree."""
    found = picture(source)
    if isinstance(found, Missing):
        return Part(KEY, TITLE, body=paragraphs([f"Not here: {found.why}."], "missing"))
    body = "".join(f'<div class="{name}">{found.drawn(width, "", True)}</div>' for name, width in WIDTHS.items())
    body += paragraphs(found.more, "note")
    body += folded("The figures", html_table(found.table, found.title)) if found.table else ""
    return Part(KEY, TITLE, found.sentence, (), body)


def _sum(phases: Sequence[Phase]) -> float:
    return sum(phase.amount for phase in phases)


def _table(found: dict[str, list[Phase]]) -> Table:
    """A row for each phase, a column for each layer, in µs."""
    abouts = {phase.name: phase.about for phases in found.values() for phase in phases}
    amounts = [{phase.name: phase.amount for phase in phases} for phases in found.values()]
    columns = [Column("phase", "phase", left=True), Column("about", "what it does", left=True)]
    columns += [Column(f"{place}", layer, "µs", _shown(place)) for place, layer in enumerate(found)]
    rows = [
        {"phase": name, "about": about, **{f"{place}": each.get(name) for place, each in enumerate(amounts)}}
        for name, about in abouts.items()
    ]
    return Table(columns, rows)


def _shown(place: int) -> Callable[[Values], str]:
    return lambda row: "-" if row[f"{place}"] is None else f"{row[f'{place}']:,.1f}"


def _said(phase: Phase) -> str:
    return f"{phase.name} {phase.amount:,.1f}{NBSP}µs"


def _colour(owner: str) -> str:
    return "var(--muted)" if owner == KERNEL else f"var(--part{number(owner)})"


def _brackets(phases: Sequence[Phase]) -> list[tuple[str, float, float, float]]:
    """Those whose code it is, the outermost first: how much of it is theirs, and from where to where it is, in µs."""
    whole = _sum(phases)
    spans: dict[str, tuple[float, float, float]] = {}
    at = 0.0
    for phase in phases:
        for owner, amount in phase.owners.items():
            own, begin, end = spans.get(owner, (0.0, whole, 0.0))
            if amount >= CHIEF * phase.amount:
                begin, end = min(begin, at), at + phase.amount
            spans[owner] = own + amount, begin, end
        at += phase.amount
    found = [(owner, *span) for owner, span in spans.items() if span[0] >= MANY * whole and owner != KERNEL and span[2]]
    return sorted(found, key=lambda each: (each[2], -each[3]))


def _words(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="var(--ink)"{more}>{text(words)}</text>'


MUTED = ' style="fill:var(--muted)"'


def _svg(layer: str, phases: Sequence[Phase], width: int, title: str, linked: bool) -> str:
    """The drawing. With a title it stands alone: it has margins and says how it is scaled."""
    whole, margin = _sum(phases), 20 if title else 0
    inner = width - 2 * margin
    scale = inner / whole
    marks: list[str] = []
    y = 0.0
    if title:
        marks.append(_words(0, 15, title, more=f' font-size="{17 if inner > 400 else 15}" font-weight="600"'))
        y = 34
    rows: list[float] = []  # where the last bracket of each row ends
    for owner, own, begin, end in _brackets(phases):
        label = f"{owner.rpartition('/')[2]} {own:,.1f}{NBSP}µs"
        left, right = begin * scale, end * scale
        start = min(left, inner - LETTER * len(label))
        row = next((place for place, taken in enumerate(rows) if taken <= start), len(rows))
        rows[row:row + 1] = [max(right, start + LETTER * len(label)) + 4]  # fmt: skip
        top = y + STEP * row
        marks.append(_words(start, top + 11, label, more=' font-weight="600"'))
        path = f"M{left + 1:.1f} {top + 23:.1f}v-6H{right - 1:.1f}v6"
        marks.append(f'<path d="{path}" fill="none" stroke="{_colour(owner)}" stroke-width="3"/>')
    y += STEP * len(rows) + 8
    height = ROW * len(phases)
    for tick in ticks(whole):
        x, anchor = tick * scale, "start" if not tick else "end" if tick * scale > inner - 30 else "middle"
        marks.append(f'<path d="M{x:.1f} {y:.1f}v{height}" stroke="var(--faint)"/>')
        marks.append(_words(x, y + height + 16, f"{tick:g}{' µs' if not tick else ''}", anchor, MUTED))
    at = 0.0
    for place, phase in enumerate(phases):
        marks.append(_phase(layer, phase, at * scale, y + ROW * place, scale, inner, whole, linked))
        at += phase.amount
    y += height + 44
    share = whole / (whole + OWN_US)
    marks.append(_words(0, y, f"To scale, beside 1 ms of your own code: {share:.1%}"))
    marks.append(f'<rect y="{y + 8:.1f}" width="{inner}" height="{BAR}" fill="var(--soft)" rx="2"/>')
    marks.append(f'<rect y="{y + 8:.1f}" width="{inner * share:.1f}" height="{BAR}" fill="var(--accent)"/>')
    y += 8 + BAR
    for line in textwrap.wrap(HOW, int(inner / (LETTER - 0.6))) if title else ():
        y += 18
        marks.append(_words(0, y + 4, line, more=MUTED))
    box = f'viewBox="{-margin} {-margin} {width} {y + 6 + 2 * margin:.0f}"'
    size = f' width="{width}" height="{y + 6 + 2 * margin:.0f}"' if title else ""
    paper = f'<rect x="{-margin}" y="{-margin}" width="100%" height="100%" fill="var(--paper)"/>' if title else ""
    about = (
        f'role="{"group" if linked else "img"}" aria-label="{text(f"One {layer} request, {micro(whole)}, by phases")}"'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}{size} {about} font-family="var(--font)" font-size="13">'
        f"{paper}{''.join(marks)}</svg>"
    )


def _phase(layer: str, phase: Phase, x: float, y: float, scale: float, inner: float, whole: float, linked: bool) -> str:
    """A bar with its words right of it, or left of it where there is no room, or on it."""
    end, label = x + phase.amount * scale, _said(phase)
    bars, at = "", x
    for owner, amount in sorted(phase.owners.items(), key=lambda each: -each[1]):
        part = max(amount * scale, 1.0 if len(phase.owners) == 1 else 0.0)
        bars += f'<rect x="{at:.1f}" y="{y + 3:.1f}" width="{part:.1f}" height="{BAR}" fill="{_colour(owner)}"/>'
        at += part
    room = 6 + LETTER * len(label)
    at, anchor = (end + 6, "start") if end + room <= inner else (x - 6, "end") if x >= room else (x + 4, "start")
    words = _words(at, y + 14, label, anchor)
    owners = ", ".join(f"{name} {each:.1f}{NBSP}µs" for name, each in phase.owners.items() if each >= 0.05)
    said = f"{_said(phase)}, {phase.amount / whole:.1%}; {phase.about}"
    said += f"; {owners}" if len(phase.owners) > 1 else ""
    inside = f"<title>{text(said)}</title>{bars}{words}"
    if not linked or not phase.place:
        return f"<g>{inside}</g>"
    return f'<a href="#{text(urlencode({"layer": layer, "zoom": phase.place}))}">{inside}</a>'
