"""A sweep, drawn: its sentence, a line per layer on logarithmic axes, and the figures."""

from typing import Any

import altair as alt

from asgi_anatomy.documents.charts import data, specified
from asgi_anatomy.documents.document import Table
from asgi_anatomy.documents.draw import Picture
from asgi_anatomy.documents.palette import number
from asgi_anatomy.documents.part import Part, commands, folded, html_table, of_pictures, paragraphs, text
from asgi_anatomy.documents.source import Subject
from asgi_anatomy.documents.words import span, thousands, to_type
from asgi_anatomy.sweep.record import Sweep
from asgi_anatomy.sweep.text import figures, notes, rated_figures, sentence, sweep_document

HEIGHT = 260
LATENCY = "datum.value >= 1e6 ? datum.value / 1e6 + ' s' : datum.value >= 1e3 ? datum.value / 1e3 + ' ms' : "
LATENCY += "datum.value + ' µs'"


def pictures(record: Sweep) -> list[Picture]:
    """Requests/s and p99 by connections, or p99 by rate; empty where nothing was measured."""
    words, table = sentence(record), sweep_document(record).data
    p99 = ("p99_us", "p99, logarithmic", True)
    if record.rates:
        rows = [row for row in rated_figures(record) if row["p99_us"] and row["reached"]]
        chart = _lines(rows, ("reached", "requests/s", False), p99, words) if rows else {}
        how = ("Each dot is a rate: the requests/s that were answered.",)
        title = "How long a request waits at a fixed rate"
        return [Picture("rates", title, words, chart, table, how)] if rows else []
    rows = [row for row in figures(record) if row["rps"] and row["p99_us"]]
    if not rows:
        return []
    across = ("connections", "connections, logarithmic", True)
    worst = max(rows, key=lambda row: (row["connections"], row["p99_us"]))
    many = f"{worst['connections']:,} connections"
    waits = f"With {many}, 1% of {worst['layer']} requests wait {span(worst['p99_us'])} or more."
    rps = _lines(rows, across, ("rps", "requests/s, logarithmic", True), words)
    how = ("At saturation a request waits for those of all other connections.",)
    title = "How long a request waits with more connections"
    return [
        Picture("connections", "Requests/s with more connections", words, rps, table),
        Picture("waiting", title, waits, _lines(rows, across, p99, waits), None, how),
    ]


def _lines(
    rows: list[dict[str, Any]], across: tuple[str, str, bool], up: tuple[str, str, bool], said: str
) -> dict[str, Any]:
    """A line per layer; an axis is its field, its title, and whether it is logarithmic."""
    shown = [
        {"layer": row["layer"], "x": row[across[0]], "y": row[up[0]], "said": f"{row['layer']}: {_said(row)}"}
        for row in rows
    ]
    layers = [*dict.fromkeys(row["layer"] for row in shown)]
    colours = [f"var(--part{number(layer)})" for layer in layers]
    colour = alt.Color("layer:N", sort=None, legend=None, scale=alt.Scale(domain=layers, range=colours))
    label = LATENCY if up[0].endswith("_us") else "format(datum.value, ',')"
    x_axis = alt.Axis(title=across[1], labelOverlap=True, format=",", values=sorted({row["x"] for row in shown}))
    if not across[2]:
        x_axis = alt.Axis(title=across[1], labelOverlap=True, labelExpr="format(datum.value, ',')", tickCount=8)
    y_axis = alt.Axis(title=up[1], labelExpr=label, labelOverlap=True, tickCount=6)
    x = alt.X("x:Q", axis=x_axis, scale=_scale(across[2]))
    y = alt.Y("y:Q", axis=y_axis, scale=_scale(up[2]))
    lines = alt.Chart(data(shown)).mark_line(strokeWidth=2, point={"size": 36, "filled": True})
    last = [[row for row in shown if row["layer"] == layer][-1] for layer in layers]
    ends = alt.Chart(data(last)).mark_text(align="right", dx=-6, dy=-9, fontSize=11.5, aria=False)
    chart = alt.layer(lines.encode(x=x, y=y, color=colour, description="said:N"), ends.encode(x=x, y=y, text="layer:N"))
    return specified(chart, HEIGHT, said)


def _scale(logarithmic: bool) -> Any:
    return alt.Scale(type="log", nice=False, padding=10) if logarithmic else alt.Scale(zero=True)


def _said(row: dict[str, Any]) -> str:
    """A point in words."""
    if "reached" in row:
        return f"{thousands(row['reached'])} req/s, p99 {span(row['p99_us'])}"
    return f"{row['connections']:,} connections: {thousands(row['rps'])} req/s, p99 {span(row['p99_us'])}"


TITLE = "What layers do with more connections, and at fixed rates"
FOOT = "Made by asgi-anatomy. How it is measured: the project's docs/SWEEP.md."


def parts(swept: Subject[Sweep]) -> list[Part]:
    """All parts of the page, in order."""
    record = swept.record
    head = f'<p class="eyebrow">sweep</p><p class="headline">{text(sentence(record))}</p>'
    sections = [Part("answer", "The answer", body=head, hero=True)]
    sections += [of_pictures(chart.name, chart.title, chart) for chart in pictures(record)]
    tables = [part for part in sweep_document(record).parts if isinstance(part, Table)]
    body = "".join(
        folded(title, html_table(table, table.keys[0]))
        for title, table in zip(("The figures", "Memory after many requests"), tables, strict=False)
    )
    sections.append(Part("figures", "The figures", body=body + paragraphs(notes(record, wide=True), "note")))
    whats = {"sweep": "the table", "report": "this page again"}
    again = [f"{to_type(command, {'RECORD': swept.path})}   # {what}" for command, what in whats.items()]
    return [*sections, Part("made", "How to see it again", body=commands(again))]
