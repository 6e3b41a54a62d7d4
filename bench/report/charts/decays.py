"""Decays with their intervals, each beside the decay by instructions: what differs is caches and the kernel."""

from typing import Any

import altair as alt

from bench.report.charts.picture import Missing, Picture
from bench.report.charts.rows import LINE, data, finished, interval, names, right, y
from bench.report.document import Column, Table
from bench.report.source import Source
from bench.report.words import MINUS, percent

NAMED, TITLE = "decays", "What each layer loses against the one below it"
COLUMNS = (
    Column("layer", "layer", left=True),
    Column("on", "on", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("low high", "95% interval", "", "{low:.1f} - {high:.1f}"),
    Column("counted", "by instructions", "%", "{counted:.1f}"),
)


def picture(source: Source) -> Picture | Missing:
    """The chart of a bench, with an anatomy of the same layers where there is one; of an anatomy alone, its marks."""
    rows = values(source)
    if not rows:
        return Missing(NAMED, TITLE, "no decay: no layer was measured or counted beside the one it stands on")
    said = sentence(rows)
    more = ["A decay is how many % fewer requests per CPU-second a layer serves than the one it stands on."]
    if any(row["decay"] is not None for row in rows):
        more.append("Line: its 95% interval.")
    if any(row["counted"] is not None for row in rows):
        more.append("Hollow mark: the same by instructions per request.")
    else:
        more.append("No decay by instructions: there is no anatomy of the same layers, versions and machine.")
    return Picture(NAMED, TITLE, said, spec(rows, said), Table(COLUMNS, rows), tuple(more))


def values(source: Source) -> list[dict[str, Any]]:
    """A row for each layer that stands on another."""
    counted = {line.layer: line.decay for line in source.counts}
    measured = {row.layer: row for row in source.figures}
    found = []
    for row in source.record.layers:
        own = measured.get(row.name)
        decay, by_count = own.decay if own else None, counted.get(row.name)
        if row.on and (decay is not None or by_count is not None):
            found.append(
                {
                    "layer": row.name, "on": row.on, "decay": decay, "counted": by_count,
                    "low": own.decay_low if own else None, "high": own.decay_high if own else None,
                    "figure": _figure(decay, own.margin if own else None, by_count),
                }
            )  # fmt: skip
    return found


def _figure(decay: float | None, margin: float | None, counted: float | None) -> str:
    if decay is None:
        return f"{counted or 0:.1f}% by instructions"
    return percent(decay, margin).replace("-", MINUS)


def sentence(rows: list[dict[str, Any]]) -> str:
    """The largest decay, and where time and instructions are furthest apart."""
    key = "decay" if any(row["decay"] is not None for row in rows) else "counted"
    most = max((row for row in rows if row[key] is not None), key=lambda row: row[key])
    said = f"{most['layer']} loses most, {most[key]:.1f}% against {most['on']}"
    both = [row for row in rows if row["decay"] is not None and row["counted"] is not None]
    if not both:
        return f"{said}{'' if key == 'decay' else ' by instructions'}."
    apart = max(both, key=lambda row: abs(row["decay"] - row["counted"]))
    gap = apart["counted"] - apart["decay"]
    whose = "its decay" if apart is most else f"that of {apart['layer']}"
    more = f"{abs(gap):.1f} points {'more' if gap > 0 else 'less'}"
    return f"{said}. By instructions {whose} is {more}: what differs is caches and the kernel."


def spec(rows: list[dict[str, Any]], said: str) -> dict[str, Any]:
    """The chart."""
    base = alt.Chart(data(rows)).encode(y=y())
    known = [row[key] for row in rows for key in ("decay", "low", "counted") if row[key] is not None]
    least = min(0, 10 * int(min(known) // 10))
    axis = alt.Axis(
        title="fewer requests per CPU-second than the layer below, %",
        values=[*range(least, 101, 20)],
        grid=False,
        labelFlush=True,
    )
    scale = alt.X("place:Q", axis=axis, scale=alt.Scale(domain=[least, 100], nice=False))
    solid = base.transform_filter("datum.decay !== null")
    hollow = base.transform_filter("datum.counted !== null").transform_calculate(place="datum.counted")
    track = base.mark_rule(yOffset=LINE, y2Offset=LINE, stroke="var(--faint)", strokeWidth=6, aria=False)
    tips = [alt.Tooltip("layer:N"), alt.Tooltip("decay:Q", format=".1f", title="decay %")]
    counted = [alt.Tooltip("layer:N"), alt.Tooltip("counted:Q", format=".1f", title="decay % by instructions")]
    chart = alt.layer(
        names(base), right(base, "figure"),
        track.encode(x=alt.datum(least), x2=alt.datum(100)),
        *interval(solid, rows),
        solid.transform_calculate(place="datum.decay")
        .mark_point(yOffset=LINE, size=80, filled=True, color="var(--accent)", opacity=1)
        .encode(x=scale, tooltip=tips),
        hollow.mark_point(yOffset=LINE, size=170, shape="diamond", filled=False, fill="transparent",
            stroke="var(--ink)", strokeWidth=1.5, opacity=1).encode(x=scale, tooltip=counted),
    )  # fmt: skip
    return finished(chart, len(rows), said)
