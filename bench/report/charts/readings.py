"""The sensor's readings over a run, and a part of it: the two speeds of the servers' core."""

from itertools import pairwise
from statistics import median
from typing import Any

import altair as alt

from bench.data.record import Measured
from bench.report.charts.picture import Missing, Picture, Spec
from bench.report.charts.rows import data, expr, specified
from bench.report.document import Column, Table
from bench.report.source import Source
from bench.stats.disturbance import how_slow
from bench.stats.states import States, smooth

NAMED, TITLE = "states", "The two speeds of a core"
MINUTE = 60.0
HEIGHT = 190
POINTS = 900
"""Enough points for a picture: each is the median of a few consecutive readings."""


def picture(source: Source) -> Picture | Missing:
    """One minute of a run: the one with most changes of state."""
    record = source.measured
    found = how_slow(record)[0] if record else None
    points = readings(record, POINTS * 3, found) if record and found else []
    if not found or not points or found.slow is None:
        return Missing(NAMED, TITLE, "the core had one speed throughout, or no sensor read it")
    start = _busiest_minute(points)
    rows = [{**row, "s": row["s"] - start} for row in points if start <= row["s"] < start + MINUTE]
    slower = found.slow / found.fast
    said = f"The same loop takes {found.fast:.0f} µs, or {found.slow:.0f}:"
    said += f" a neighbour makes the core {slower:.1f} times as slow."
    return Picture(NAMED, TITLE, said, spec(rows, found, "seconds", said))


def of_run(source: Source) -> Picture | Missing:
    """The whole run."""
    record, title = source.measured, "How disturbed the servers' core was"
    found = how_slow(record)[0] if record else None
    points = readings(record, POINTS, found) if record and found else []
    disturbed = source.disturbed
    if not found or not points or not disturbed:
        why = "no sensor read the servers' core in this record, so its figures are a mixture of states"
        return Missing("readings", title, why)
    said = "The servers' core had one speed throughout: no neighbour disturbed it."
    if disturbed.slow_us is not None:
        slower = disturbed.slow_us / disturbed.fast_us
        share = f"{100 * disturbed.share:.0f}% of the windows' time"
        said = f"For {share} a neighbour made the core {slower:.1f} times as slow."
    more = (
        f"Each mark: the time that a loop of known work took on the servers' core, by its own CPU time, every"
        f" {record.sensor_ms} ms (a median of a few)." if record else "",
    )  # fmt: skip
    columns = (
        Column("take", "window"),
        Column("median", "median", "µs", "{median:.1f}"),
        Column("slow", "slow", "%", "{slow:.0f}"),
    )
    assert record
    rows = [
        {"take": take.number, "median": median(take.readings) / 10, "slow": 100 * _share(take.readings, found)}
        for take in record.takes
        if take.readings
    ]
    return Picture(
        "readings", title, said, spec(points, found, "seconds since the run began", said), Table(columns, rows), more
    )


def _share(taken: list[int], found: States) -> float:
    limit = found.threshold or float("inf")
    return sum(each / 10 > limit for each in smooth(taken)) / len(taken)


def readings(record: Measured, most: int, found: States) -> list[dict[str, Any]]:
    """About `most` points at most: seconds since the first window, the reading in µs, and whether it is slow."""
    starts = {each.take: each.start for each in reversed(record.windows) if each.start}
    if not starts:
        return []
    first = min(starts.values())
    total = sum(len(take.readings) for take in record.takes)
    size = max(1, -(-total // most))
    rows = []
    for take in record.takes:
        if take.number not in starts:
            continue
        taken = smooth(take.readings)
        begin = (starts[take.number] - first).total_seconds()
        for place in range(0, len(taken), size):
            some = taken[place : place + size]
            value = median(some) / 10
            at = begin + (place + len(some) / 2) * (record.sensor_ms or 0) / 1e3
            rows.append(
                {"s": round(at, 2), "us": round(value, 1), "slow": bool(found.threshold and value > found.threshold)}
            )
    return rows


def _busiest_minute(points: list[dict[str, Any]]) -> float:
    """When it begins: the minute with most changes from one state to the other."""
    changes = [b["s"] for a, b in pairwise(points) if a["slow"] != b["slow"]]
    if not changes:
        return 0.0
    return float(max(changes, key=lambda begin: (sum(begin <= each < begin + MINUTE for each in changes), -begin)))


def spec(rows: list[dict[str, Any]], found: States, title: str, said: str) -> Spec:
    """Readings over time, with a line at each level that says its name."""
    levels: list[dict[str, Any]] = [{"us": found.fast, "text": f"undisturbed, {found.fast:.0f} µs", "above": False}]
    if found.slow is not None:
        levels.append({"us": found.slow, "text": f"disturbed, {found.slow:.0f} µs", "above": True})
    top = max(found.slow or found.fast, found.fast) * 1.35
    shown = [{**row, "us": min(row["us"], top)} for row in rows]
    x = alt.X(
        "s:Q", axis=alt.Axis(title=title, grid=False, labelOverlap=True, labelFlush=True), scale=alt.Scale(nice=False)
    )
    y = alt.Y(
        "us:Q",
        axis=alt.Axis(title=None, tickCount=4, labelExpr="datum.value + ' µs'"),
        scale=alt.Scale(domain=[0, top], nice=False),
    )
    marks = (
        alt.Chart(data(shown))
        .mark_tick(orient="horizontal", size=3, thickness=2.5, opacity=0.75, aria=False)
        .encode(x=x, y=y, color=alt.condition("datum.slow", alt.value("var(--slow)"), alt.value("var(--accent)")))
    )
    base = alt.Chart(data(levels))
    rule = base.mark_rule(stroke="var(--line)", strokeDash=[2, 3], aria=False).encode(y="us:Q")
    beyond = expr("datum.above ? -26 : 22")  # the marks scatter around their level: words stand clear of them
    text = base.mark_text(align="right", dy=beyond, fontSize=12, fontWeight=600, aria=False)
    text = text.encode(x=alt.value(expr("width - 4")), y="us:Q", text="text:N")
    return specified(alt.layer(rule, marks, text), HEIGHT, said)
