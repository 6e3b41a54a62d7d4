"""Every window of a run over time: what a request cost in it, as a multiple of the layer's own figure."""

from typing import Any

import altair as alt

from bench.data.window import Window
from bench.report.charts.picture import Missing, Picture, Spec
from bench.report.charts.rows import data, specified
from bench.report.document import Column, Table
from bench.report.source import Source
from bench.stats.disturbance import how_slow

NAMED, TITLE = "windows", "Every window of the run"
HEIGHT = 210
MOST = 3.0
COLUMNS = (
    Column("from", "at", "s", "{from:.0f}"),
    Column("layer", "layer", left=True),
    Column("how", "how", left=True),
    Column("cpu", "CPU µs/req", "", "{cpu:.1f}"),
    Column("ratio", "of its figure", "", "{ratio:.2f}"),
    Column("slow", "disturbed", "%", "{slow:.0f}"),
    Column("fault", "fault", left=True),
)


def picture(source: Source) -> Picture | Missing:
    """The chart of a record of windows."""
    rows = values(source)
    if not rows:
        return Missing(NAMED, TITLE, "no window has a start and a CPU time")
    paired = sum(row["how"] != "solo" for row in rows)
    out = sum(bool(row["fault"]) for row in rows)
    said = f"{len(rows)} windows, {len(rows) - paired} solo and {paired} side by side"
    said += f"; {out} {'is' if out == 1 else 'are'} left out." if out else "; none is left out."
    more = [
        "1 is the layer's CPU time per request as in the tables. Side by side, two servers share a core's caches,"
        " so both need some 10% more."
    ]
    if any(row["slow"] is not None for row in rows):
        more.append("Broken dashes, orange: the core was disturbed for most of the window.")
    return Picture(NAMED, TITLE, said, spec(rows, said), Table(COLUMNS, rows), tuple(more))


def values(source: Source) -> list[dict[str, Any]]:
    """A row for each window: seconds since the first, and its CPU time per request against the layer's figure."""
    record = source.measured
    if not record:
        return []
    slow = how_slow(record)[1]
    costs = {row.layer: row.cpu_us for row in source.figures}
    first = min((each.start for each in record.windows if each.start), default=None)
    found = []
    for each in record.windows:
        cost, cpu = costs.get(each.layer), each.cpu_us
        if not each.start or not first or not cost or not cpu:
            continue
        begin = (each.start - first).total_seconds()
        how = slow.get(each.take)
        found.append(
            {
                "layer": each.layer, "how": _how(each), "from": round(begin, 2),
                "to": round(begin + each.duration_us / 1e6, 2), "cpu": round(cpu, 2), "ratio": round(cpu / cost, 3),
                "slow": round(100 * how.share) if how else None, "fault": each.fault or "",
            }
        )  # fmt: skip
    return found


def _how(window: Window) -> str:
    return "solo" if window.pair is None else f"in the pair of {window.pair}"


def spec(rows: list[dict[str, Any]], said: str) -> Spec:
    """A dash for each window, as long as the window."""
    shown = [{**row, "ratio": min(row["ratio"], MOST)} for row in rows]
    top = max(1.5, max(row["ratio"] for row in shown)) * 1.08
    least = min(0.5, min(row["ratio"] for row in shown))
    x = alt.X(
        "from:Q",
        axis=alt.Axis(title="seconds since the run began", grid=False, labelOverlap=True, labelFlush=True),
        scale=alt.Scale(nice=False),
    )
    y = alt.Y(
        "ratio:Q",
        axis=alt.Axis(title=None, tickCount=5, labelExpr="format(datum.value, '.1f') + ' \u00d7'"),
        scale=alt.Scale(domain=[least, top], nice=False, zero=False),
    )
    base = alt.Chart(data(shown))
    tips = [
        "layer:N",
        alt.Tooltip("how:N"),
        alt.Tooltip("cpu:Q", title="CPU µs/req", format=".1f"),
        alt.Tooltip("slow:Q", title="disturbed %"),
    ]
    colour = alt.condition("datum.slow > 50", alt.value("var(--slow)"), alt.value("var(--accent)"))
    broken = alt.condition("datum.slow > 50", alt.value([2.5, 1.5]), alt.value([1, 0]))
    dashes = base.transform_filter("!datum.fault").mark_rule(strokeWidth=2.5, aria=False).encode(
        x=x, x2="to:Q", y=y, stroke=colour, strokeDash=broken, tooltip=tips
    )  # fmt: skip
    faults = (
        base.transform_filter("!!datum.fault")
        .mark_point(shape="cross", size=50, angle=45, filled=True, color="var(--ink)", opacity=1, aria=False)
        .encode(x=x, y=y, tooltip=[*tips, "fault:N"])
    )
    one = alt.Chart(data([{"ratio": 1}])).mark_rule(stroke="var(--ink)", strokeDash=[2, 3], aria=False).encode(y=y)
    return specified(alt.layer(one, dashes, *([faults] if any(row["fault"] for row in rows) else [])), HEIGHT, said)
