"""Latency by layer on a logarithmic axis: p50 and p99 in plain windows, with their ranges, which are not intervals."""

from typing import Any

import altair as alt

from bench.report.charts.picture import Missing, Picture
from bench.report.charts.rows import LINE, data, finished, names, right
from bench.report.charts.rows import y as rows_y
from bench.report.document import Column, Table
from bench.report.source import Source
from bench.report.words import span
from bench.stats.windows import full_windows

NAMED, TITLE = "latency", "How long a request waits at saturation"
COLUMNS = (
    Column("layer", "layer", left=True),
    Column("p50", "p50", "µs", "{p50:,.0f}"),
    Column("p50_low p50_high", "range", "", "{p50_low:,.0f} - {p50_high:,.0f}"),
    Column("p99", "p99", "µs", "{p99:,.0f}"),
    Column("p99_low p99_high", "range", "", "{p99_low:,.0f} - {p99_high:,.0f}"),
    Column("windows", "windows"),
)


def picture(source: Source) -> Picture | Missing:
    """The chart of a record with plain windows."""
    rows = values(source)
    record = source.measured
    if not rows or not record:
        return Missing(NAMED, TITLE, "no latency: it comes from plain windows, with which `make bench` ends")
    least, most = min(rows, key=lambda row: row["p50"]), max(rows, key=lambda row: row["p50"])
    said = f"Half of all {least['layer']} requests are answered within {span(least['p50'])}"
    said += f", of {most['layer']} within {span(most['p50'])}." if most is not least else "."
    connections = f"{record.load.connections:,} connection{'s' * (record.load.connections != 1)}"
    more = (
        "Dot: p50. Upright bar: p99. Each is the median of plain windows: wrk has a core of its own. Lines: the range"
        " from window to window, which is not an interval.",
        f"wrk keeps {connections} busy, so this compares layers; a service at half load waits far less.",
    )
    return Picture(NAMED, TITLE, said, spec(rows, said), Table(COLUMNS, rows), more)


def values(source: Source) -> list[dict[str, Any]]:
    """A row for each layer with latencies, in microseconds."""
    found = []
    for row in source.figures:
        assert source.measured
        used = full_windows(source.measured, source.measured.row(row.layer))
        latencies = [each.latency_us for each in used if each.latency_us]
        if row.p50_us and row.p99_us and latencies:
            halves = [each.p50 for each in latencies]
            found.append(
                {
                    "layer": row.layer, "p50": row.p50_us, "p50_low": min(halves), "p50_high": max(halves),
                    "p99": row.p99_us, "p99_low": row.p99_low, "p99_high": row.p99_high, "windows": len(latencies),
                    "figure": f"p50 {span(row.p50_us)}, p99 {span(row.p99_us)}",
                }
            )  # fmt: skip
    return found


def spec(rows: list[dict[str, Any]], said: str) -> dict[str, Any]:
    """The chart."""
    low = max(1, min(row["p50_low"] for row in rows)) * 0.9
    high = max(row["p99_high"] for row in rows) * 1.1
    label = "datum.value >= 1e6 ? datum.value / 1e6 + ' s' : "
    label += "datum.value >= 1e3 ? datum.value / 1e3 + ' ms' : datum.value + ' µs'"
    places = [step * 10**power for power in range(8) for step in (1, 2, 5) if low <= step * 10**power <= high]
    axis = alt.Axis(title="latency, logarithmic", values=places, labelExpr=label, labelOverlap=True, labelFlush=True)
    scale = alt.X("p50:Q", axis=axis, scale=alt.Scale(type="log", domain=[low, high], nice=False))
    base = alt.Chart(data(rows)).encode(y=rows_y())
    tips = ["layer:N"] + [alt.Tooltip(f"{key}:Q", format=",.0f", title=f"{key} µs") for key in ("p50", "p99")]
    between = base.mark_rule(yOffset=LINE, y2Offset=LINE, stroke="var(--faint)", strokeWidth=6, aria=False)
    line = base.mark_rule(yOffset=LINE, y2Offset=LINE, strokeWidth=1.5, aria=False)
    dot = base.mark_point(yOffset=LINE, size=70, filled=True, opacity=1, color="var(--accent)")
    bar = base.mark_tick(yOffset=LINE, size=14, thickness=3, color="var(--ink)", opacity=1)
    chart = alt.layer(
        names(base), right(base, "figure"),
        between.encode(x=scale, x2="p99:Q"),
        line.encode(x="p50_low:Q", x2="p50_high:Q", stroke=alt.value("var(--accent)")),
        line.encode(x="p99_low:Q", x2="p99_high:Q", stroke=alt.value("var(--ink)")),
        dot.encode(x=scale, tooltip=tips), bar.encode(x="p99:Q", tooltip=tips),
    )  # fmt: skip
    return finished(chart, len(rows), said)
