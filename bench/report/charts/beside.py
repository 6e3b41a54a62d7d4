"""Decays of several records beside each other, for the layers that two or more of them have."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from bench.report.charts.picture import Missing, Picture
from bench.report.charts.rows import data, expr
from bench.report.charts.source import Source
from bench.report.charts.theme import PARTS
from bench.report.charts.words import percent
from bench.report.document import Column, Table

NAMED, TITLE = "beside", "The same layers in several records"
LINE = 16
"""Pixels for each record of a layer."""
HEAD = 30
SHAPES = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left"]


def picture(sources: Sequence[Source]) -> Picture | Missing:
    """A row for each layer and record."""
    rows = values(sources)
    if not rows:
        return Missing(NAMED, TITLE, "no layer stands on the same layer in two of these records")
    steps = [*dict.fromkeys((row["layer"], row["on"]) for row in rows)]
    spread = {step: [row["decay"] for row in rows if (row["layer"], row["on"]) == step] for step in steps}
    (layer, on), most = max(spread.items(), key=lambda each: max(each[1]) - min(each[1]))
    said = (
        f"{len(steps)} decay{'s are' if len(steps) != 1 else ' is'} in two records or more; {layer} on {on} differs most,"
        f" from {min(most):.1f} to {max(most):.1f}%."
    )
    columns = (
        Column("layer", "layer", left=True), Column("on", "on", left=True), Column("record", "record", left=True),
        Column("decay", "decay", "%", "{decay:.1f}"), Column("low high", "95% interval", "", "{low:.1f} - {high:.1f}"),
        Column("cpu", "CPU µs/req", "", "{cpu:.1f}"),
    )  # fmt: skip
    more = ("Point: decay. Line: its 95% interval. Different machines, Pythons or versions give different decays.",)
    return Picture(NAMED, TITLE, said, spec(rows, steps, said), Table(columns, rows), more)


def values(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Rows of layers that two records or more have on the same layer below."""
    rows = [
        {
            "layer": row.layer, "on": row.on, "record": source.label, "decay": row.decay, "low": row.decay_low,
            "high": row.decay_high, "cpu": row.cpu_us, "figure": percent(row.decay, row.margin),
        }
        for source in sources
        for row in source.figures
        if row.decay is not None
    ]  # fmt: skip
    steps = [(row["layer"], row["on"]) for row in rows]
    kept = [row for row, step in zip(rows, steps, strict=True) if steps.count(step) > 1]
    return sorted(kept, key=lambda row: steps.index((row["layer"], row["on"])))


def spec(rows: list[dict[str, Any]], steps: list[tuple[Any, Any]], said: str) -> dict[str, Any]:
    """Points by layer, one line for each record; colour and shape say which."""
    labels = [*dict.fromkeys(row["record"] for row in rows)]
    heads, shown, top = [], [], 0.0
    for layer, on in steps:
        heads.append({"y": top + 12, "name": f"{layer} on {on}"})
        own = [row for row in rows if (row["layer"], row["on"]) == (layer, on)]
        shown += [{**row, "y": top + HEAD + place * LINE} for place, row in enumerate(own)]
        top += HEAD + len(own) * LINE + 6
    least = min(0, *(10 * (row["decay"] // 10) for row in rows))
    colours = [f"var(--part{1 + place % PARTS})" for place in range(len(labels))]
    shapes = [SHAPES[place % len(SHAPES)] for place in range(len(labels))]
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[top, 0], nice=False))
    axis = alt.Axis(title="decay, %", values=[*range(int(least), 101, 20)], labelOverlap=True, labelFlush=True)
    scale = alt.Scale(domain=[least, 100 + (100 - least) * 0.08], nice=False)
    legend = alt.Legend(columns=expr("width < 560 ? 2 : 4"), symbolType="circle")
    colour = alt.Color("record:N", sort=labels, scale=alt.Scale(domain=labels, range=colours), legend=legend)
    shape = alt.Shape("record:N", sort=labels, scale=alt.Scale(domain=labels, range=shapes), legend=legend)
    base = alt.Chart(data(shown)).encode(y=y)
    tips = ["record:N", "layer:N", alt.Tooltip("figure:N", title="decay")]
    chart = alt.layer(
        alt.Chart(data(heads)).mark_text(align="left", fontWeight=600, fontSize=14, aria=False)
        .encode(y=y, x=alt.value(0), text="name:N"),
        base.transform_filter("datum.low !== null").mark_rule(strokeWidth=1.5, aria=False)
        .encode(x=alt.X("low:Q", axis=axis, scale=scale), x2="high:Q", color=colour),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X("decay:Q", axis=axis, scale=scale), color=colour, shape=shape, tooltip=tips),
    ).properties(height=top, description=said)  # fmt: skip
    found: dict[str, Any] = chart.to_dict()
    for each in ("$schema", "config"):
        found.pop(each, None)
    return found
