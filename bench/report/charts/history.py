"""What a package's releases cost: step lines of its own work and of its dependencies', the largest steps named."""

import json
from typing import Any

import altair as alt

from bench.report.charts.picture import Missing, Picture
from bench.report.charts.rows import data, specified, ticks
from bench.report.document import Table
from bench.report.history import COLUMNS, own_unit, values
from bench.report.trees import UNFIT
from bench.report.words import minus
from bench.stats.history import Part, Series, Unit

HEIGHT = 300
NAMED = 6
"""Steps that get a label."""
APART = 0.06
"""Of the width: labels of one line that are closer would lie on each other."""


def picture(series: Series) -> Picture | Missing:
    """The chart of a series."""
    name = UNFIT.sub("_", f"{series.package}-{series.layer}")  # both are from a file, and this becomes the name of one
    title = f"{series.package}, release by release, in the layer {series.layer}"
    if len(series.counted) < 2:
        return Missing(name, title, "fewer than two releases could be counted")
    said = brief(series)
    table = Table(COLUMNS, values(series))
    unit = own_unit(series)
    more = (f"own: {unit} per request of {series.package} itself; dependencies: bytecodes of all other Python code.",)
    return Picture(name, title, said, spec(series, said), table, more)


def brief(series: Series) -> str:
    """What came of it, in as few words as fit below a title."""
    first, last = series.counted[0], series.counted[-1]
    unit = own_unit(series)
    own = [each.split.get(("own", unit), 0.0) for each in (first, last)]
    other = [each.split.get(("dependencies", "bytecodes"), 0.0) for each in (first, last)]
    return (
        f"{first.found.wanted.version} to {last.found.wanted.version}: own {unit} {own[0]:,.0f} to {own[1]:,.0f},"
        f" bytecodes of dependencies {other[0]:,.0f} to {other[1]:,.0f}"
    )


def points(series: Series) -> list[dict[str, Any]]:
    """A row for each release and part; a gap has none."""
    unit = own_unit(series)
    keys: dict[str, tuple[Part, Unit]] = {"own": ("own", unit), "dependencies": ("dependencies", "bytecodes")}
    return [
        {"place": place, "release": each.found.wanted.version, "part": part, "count": each.split[key]}
        for place, each in enumerate(series.points)
        for part, key in keys.items()
        if key in each.split
    ]


def labels(series: Series, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The largest steps that have room, with where their line stands."""
    units = {"own": own_unit(series), "dependencies": "bytecodes"}
    at = {(row["part"], row["release"]): row for row in rows}
    found: list[dict[str, Any]] = []
    steps = [step for step in series.steps if step.unit == units[step.part]]
    for step in sorted(steps, key=lambda step: -abs(step.change.delta)):
        row = at[step.part, step.version]
        near = [each for each in found if each["part"] == step.part]
        if len(near) < NAMED and all(abs(each["place"] - row["place"]) > APART * len(series.points) for each in near):
            percent = "" if step.change.percent is None else f" {minus(step.change.percent, 1)}%"
            found.append({**row, "label": f"{step.version}{percent}"})
    return found


def spec(series: Series, said: str) -> dict[str, Any]:
    """Lines that turn where a release is, and labels above them."""
    rows = points(series)
    largest = max(row["count"] for row in rows)
    versions = [each.found.wanted.version for each in series.points]
    scale = alt.Scale(domain=[0, largest * 1.12], nice=False)
    axis = alt.Axis(title=f"{own_unit(series)} per request", values=ticks(largest), format=",.0f")
    names = alt.Axis(
        title=None, values=[*range(len(versions))], labelOverlap=True, grid=False,
        labelExpr=f"{json.dumps(versions)}[datum.value]",
    )  # fmt: skip
    x = alt.X("place:Q", axis=names, scale=alt.Scale(domain=[0, max(1, len(versions) - 0.5)], nice=False))
    y = alt.Y("count:Q", axis=axis, scale=scale)
    colour = alt.Color(
        "part:N", legend=alt.Legend(),
        scale=alt.Scale(domain=["own", "dependencies"], range=["var(--accent)", "var(--muted)"]),
    )  # fmt: skip
    lines = alt.Chart(data(rows)).mark_line(interpolate="step-after", strokeWidth=2, point={"size": 24, "filled": True})
    words = alt.Chart(data(labels(series, rows))).mark_text(align="center", dy=-11, fontSize=11, aria=False)
    chart = alt.layer(
        lines.encode(x=x, y=y, color=colour, tooltip=["release:N", "part:N", alt.Tooltip("count:Q", format=",.0f")]),
        words.encode(x=x, y=y, text="label:N"),
    )  # fmt: skip
    return specified(chart, HEIGHT, said)
