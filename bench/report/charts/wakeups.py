"""What a request costs by turns, and how much more where wrk has a core of its own, on which it falls asleep."""

from typing import Any

import altair as alt

from bench.report.charts.picture import Missing, Picture
from bench.report.charts.rows import BAR, LINE, data, finished, labels, names, room, ticks, x, y
from bench.report.document import Column, Table
from bench.report.source import Source
from bench.report.words import MINUS, micro

NAMED, TITLE = "wake-ups", "What a request costs more where wrk has a core of its own"
COLUMNS = (
    Column("layer", "layer", left=True),
    Column("cpu", "CPU µs by turns", "", "{cpu:,.1f}"),
    Column("plain", "plain wrk", "", "{plain:,.1f}"),
    Column("more", "more", "", "{more:+,.1f}"),
    Column("sleeps", "sleeps per req", "", "{sleeps:.2f}"),
)


def picture(source: Source) -> Picture | Missing:
    """The chart of a record that has both turns and plain windows."""
    rows = values(source)
    if not rows:
        why = "no layer has both turns and plain windows: `make bench` ends with those, where there are two cores"
        return Missing(NAMED, TITLE, why)
    said = sentence(rows)
    more = [
        "Full colour: CPU time of a server by turns, its client on the same core. Dashed: what it needs besides where"
        " wrk runs on another core, as everybody runs it. Most of that is waking wrk, which sleeps until answers come;"
        " some is data that moves between the cores' caches. A service whose clients are on other machines does not pay"
        " for it."
    ]
    if source.speeds:
        more.append("The core had two speeds: turns are at its fast one, plain windows at whichever it had.")
    return Picture(NAMED, TITLE, said, spec(rows, said), Table(COLUMNS, rows), tuple(more))


def values(source: Source) -> list[dict[str, Any]]:
    """A row for each layer that was measured by turns and has plain windows."""
    found = []
    for row in source.figures:
        if source.record.row(row.layer).plain or not row.turns or not row.cpu_us or not row.plain_cpu_us:
            continue
        more = row.plain_cpu_us - row.cpu_us
        known = row.sleeps is not None
        found.append(
            {
                "layer": row.layer, "cpu": row.cpu_us, "plain": row.plain_cpu_us, "more": more, "sleeps": row.sleeps,
                "end": max(row.cpu_us, row.plain_cpu_us), "figure": f"{MINUS if more < 0 else '+'}{micro(abs(more))}",
                "words": f"wrk sleeps {row.sleeps:.1f} times per request" if known else "",
                "brief": f"{row.sleeps:.1f} sleeps" if known else "",
            }
        )  # fmt: skip
    return found


def sentence(rows: list[dict[str, Any]]) -> str:
    """The layer that needs most more."""
    most = max(rows, key=lambda row: row["more"])
    if most["more"] <= 0:
        return "No layer needs more CPU time where wrk has a core of its own."
    said = f"With wrk on a core of its own a {most['layer']} request costs {micro(most['more'])} more"
    return f"{said}; {most['words']}." if most["words"] else f"{said}."


def spec(rows: list[dict[str, Any]], said: str) -> dict[str, Any]:
    """The chart: a full bar by turns, and dashed what is added to it."""
    largest = max(row["end"] for row in rows)
    pixels = 92 + 6.7 * max(len(row["words"]) for row in rows)
    base = alt.Chart(data(rows)).encode(y=y())
    scale = x("end:Q", "CPU time per request, µs", room(largest, pixels), values=ticks(largest))
    tips = [
        alt.Tooltip("layer:N"), alt.Tooltip("cpu:Q", title="CPU µs by turns", format=",.1f"),
        alt.Tooltip("plain:Q", title="plain wrk", format=",.1f"),
        alt.Tooltip("sleeps:Q", title="sleeps per request", format=".2f"),
    ]  # fmt: skip
    added = base.transform_filter("datum.more > 0").mark_bar(
        size=BAR, yOffset=LINE, y2Offset=LINE, fill="var(--soft)", stroke="var(--accent)", strokeDash=[3, 2],
        strokeWidth=1,
    )  # fmt: skip
    own = base.mark_bar(size=BAR, yOffset=LINE, y2Offset=LINE, fill="var(--accent)")
    chart = alt.layer(
        names(base),
        added.encode(x="cpu:Q", x2="plain:Q", tooltip=tips),
        own.encode(x=scale, x2=alt.datum(0), tooltip=tips).transform_calculate(end="datum.cpu"),
        *labels(base, scale),
    )
    return finished(chart, len(rows), said)
