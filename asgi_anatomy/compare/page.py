"""Several records beside each other: their decays, and where there are two of the same layers, what changed."""

import contextlib
from collections.abc import Sequence
from typing import Any

import altair as alt

from asgi_anatomy.compare.text import comparison_document, say
from asgi_anatomy.compare.verdict import compare, obstacles
from asgi_anatomy.documents.charts import WIDE, data, expr, specified, zero
from asgi_anatomy.documents.document import Column, Table
from asgi_anatomy.documents.draw import Missing, Picture
from asgi_anatomy.documents.part import Part, folded, html_table, of_pictures, paragraphs
from asgi_anatomy.documents.source import Source
from asgi_anatomy.documents.words import percent
from asgi_anatomy.errors import BadInput
from asgi_anatomy.machine.machine import identity, same_versions
from asgi_anatomy.turns.record import Layers, Measured

NAMED, TITLE = "beside", "The same layers in several records"
LINE = 20
"""Pixels for each record of a layer."""
HEAD = 30


def picture(sources: Sequence[Source]) -> Picture | Missing:
    """A row for each layer and record."""
    rows = values(sources)
    if not rows:
        return Missing(NAMED, TITLE, "no layer stands on the same layer in two of these records")
    steps = [*dict.fromkeys((row["layer"], row["on"]) for row in rows)]
    spread = {step: [row["decay"] for row in rows if (row["layer"], row["on"]) == step] for step in steps}
    (layer, on), most = max(spread.items(), key=lambda each: max(each[1]) - min(each[1]))
    said = (
        f"{len(steps)} decay{'s are' if len(steps) != 1 else ' is'} in two records or more; {layer} on {on} differs"
        f" most, from {min(most):.1f} to {max(most):.1f}%."
    )
    columns = (
        Column("layer", "layer", left=True), Column("on", "on", left=True), Column("record", "record", left=True),
        Column("decay", "decay", "%", "{decay:.1f}"), Column("low high", "95% interval", "", "{low:.1f} - {high:.1f}"),
        Column("cpu", "CPU µs/req", "", "{cpu:.1f}"),
    )  # fmt: skip
    more = (f"Point: decay. Line: its 95% interval within that run. {_apart([source.record for source in sources])}",)
    return Picture(NAMED, TITLE, said, spec(rows, steps, said), Table(columns, rows), more)


def _apart(records: Sequence[Layers]) -> str:
    """What the records do not have in common, which may be why they differ."""
    first, *others = records
    differ = {
        "machine": any(identity(first.machine, None) != identity(each.machine, None) for each in others),
        "Python": any(first.python != each.python for each in others),
        "versions": any(not same_versions(first.packages, each.packages) for each in others),
        "how wrk drives servers": any(_driving(first) != _driving(each) for each in others),
    }
    if names := [name for name, is_so in differ.items() if is_so]:
        return f"The records differ in {' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}."
    return "All are of one machine, one Python and the same versions: this is how far runs differ."


def _driving(record: Layers) -> object:
    return (record.client, record.load, record.turn_ms) if isinstance(record, Measured) else None


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
    """Points by layer, a line for each record with its name: on the side on which there is more room."""
    heads, shown, top = [], [], 0.0
    for layer, on in steps:
        heads.append({"y": top + 12, "name": f"{layer} on {on}"})
        own = [row for row in rows if (row["layer"], row["on"]) == (layer, on)]
        shown += [{**row, "y": top + HEAD + place * LINE} for place, row in enumerate(own)]
        top += HEAD + len(own) * LINE + 8
    least = min(0, *(10 * int(row["decay"] // 10) for row in rows))
    for row in shown:
        low, high = row["low"] or row["decay"], row["high"] or row["decay"]
        row["right"] = row["decay"] > (least + 100) / 2
        row["edge"] = low if row["right"] else high
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[top, 0], nice=False))
    axis = alt.Axis(
        title="decay, %", values=[*range(least, 101, 20)], labelOverlap=True, labelFlush=True, gridColor=zero()
    )
    scale = alt.Scale(domain=[least, 100], nice=False)
    base = alt.Chart(data(shown)).encode(y=y)
    label = alt.value(expr(f"{WIDE} ? datum.record + '  ' + datum.figure : datum.record"))
    words = base.mark_text(
        align=expr("datum.right ? 'right' : 'left'"), dx=expr("datum.right ? -9 : 9"), fontSize=12,
        color="var(--muted)", aria=False,
    )  # fmt: skip
    names = alt.Chart(data(heads)).mark_text(align="left", fontWeight=600, fontSize=14, aria=False)
    rule = base.transform_filter("datum.low !== null").mark_rule(strokeWidth=1.5, stroke="var(--ink)", aria=False)
    known = [row for row in shown if row["low"] is not None]
    chart = alt.layer(
        names.encode(y=y, x=alt.value(0), text="name:N"),
        *([rule.encode(x=alt.X("low:Q", axis=axis, scale=scale), x2="high:Q")] if known else []),
        base.mark_point(filled=True, size=70, opacity=1, color="var(--accent)").encode(
            x=alt.X("decay:Q", axis=axis, scale=scale), description="figure:N"),
        words.encode(x=alt.X("edge:Q", axis=axis, scale=scale), text=label),
    )  # fmt: skip
    return specified(chart, top, said)


THRESHOLD = 1.0


def part(sources: Sequence[Source]) -> Part | None:
    """A part of all sources; None where there is only one, or nothing in common."""
    workloads = [source.record.workload for source in sources]
    sources = [source for source in sources if workloads.count(source.record.workload) > 1]
    if len(sources) < 2:
        return None
    found = picture(sources)
    measured = [source for source in sources if source.measured]
    changes = _changes(measured[0], measured[1]) if len(measured) == 2 else ""
    if not isinstance(found, Picture) and not changes:
        return None
    made = of_pictures("beside", TITLE, found)
    return Part(made.key, made.title, made.sentence, made.charts, changes + made.body)


def _changes(a: Source, b: Source) -> str:
    """As `make compare` has it."""
    if not a.measured or not b.measured:
        return ""
    why = [say(each) for each in obstacles(a.measured, b.measured)]
    with contextlib.suppress(BadInput):
        head = f"A is {a.label}, B is {b.label}."
        lines = [head, *(f"They should not be compared: {each}." for each in why)]
        return paragraphs(lines, "note") + folded(
            "What changed from A to B", html_table(_table(a.measured, b.measured), "Changes")
        )
    return ""


def _table(a: Measured, b: Measured) -> Table:
    return comparison_document(compare(a, b, THRESHOLD), a, b, THRESHOLD).data
