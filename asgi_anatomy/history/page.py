"""The releases of a package, drawn: what was learnt, and for each series its step lines, table, steps and gaps."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import altair as alt
import msgspec

from asgi_anatomy.documents.charts import data, specified, zero
from asgi_anatomy.documents.document import Table
from asgi_anatomy.documents.draw import Missing, Picture
from asgi_anatomy.documents.part import Part, commands, definitions, of_pictures, paragraphs, text
from asgi_anatomy.documents.source import Subject
from asgi_anatomy.documents.words import UNFIT, minus, plain, to_type
from asgi_anatomy.history.steps import Series, chief, course, lines_of
from asgi_anatomy.history.text import COLUMNS, called, learnt, lines, sentence, values

HEIGHT = 300
NAMED = 6
"""Steps of one part that get a label."""
APART = 0.13
"""Of the width: labels of one line that are closer would lie on each other."""
ROOM = 0.15
"""Of the height, above and below the lines, for labels."""
AXIS = """(datum.value > 0 ? '+' : datum.value < 0 ? '\u2212' : '') + format(abs(datum.value), '~g') + '%'"""


def pictures(every: Sequence[Series]) -> list[Picture | Missing]:
    """The chart of each series; no two of them have the same name."""
    seen: Counter[str] = Counter()
    charts = []
    for series in every:
        name = f"{series.package}-{series.layer}-python-{series.python}-{series.deps}"
        seen[name] += 1
        charts.append(picture(series, f"{name}-{seen[name]}" if seen[name] > 1 else name))
    return charts


def reference_picture(every: Sequence[Series]) -> Picture | Missing:
    """The one chart of a package that docs/ has room for."""
    return picture(chief(every), f"history-{every[0].package}")


def picture(series: Series, name: str) -> Picture | Missing:
    """The chart of a series; its name, which is that of a file, may come from one."""
    name, title = UNFIT.sub("_", name), called(series)
    if len(series.counted) < 2 or not _rows(series):
        return Missing(name, title, f"{title}: fewer than two releases could be counted, or none of its work")
    first, last = series.counted[0], series.counted[-1]
    own, dependencies = ([point.split.get(key, 0.0) for point in (first, last)] for key in lines_of(series).values())
    sentence = plain(
        f"{first.version} to {last.version}: own {series.unit} per request {own[0]:,.0f} to {own[1]:,.0f}, bytecodes of"
        f" dependencies {dependencies[0]:,.0f} to {dependencies[1]:,.0f}"
    )
    how = (
        f"own: {series.unit} per request of {series.package} itself; dependencies: bytecodes of all other Python code;"
        f" both in percent of the first release that is not at 0. Counted on {', '.join(series.hosts)}."
    )
    return Picture(name, title, sentence, _spec(series, sentence), Table(COLUMNS, values(series)), (how,))


def _rows(series: Series) -> list[dict[str, Any]]:
    """A row for each release and line, with its change in percent."""
    return [
        {
            "place": place, "release": plain(series.points[place].version), "part": line, "count": change.b,
            "percent": change.percent,
            "tip": f"{plain(series.points[place].version)}, {line}: {change.b:,.0f} per request",
        }
        for line, key in lines_of(series).items()
        for place, change in course(series, key).items()
    ]  # fmt: skip


def _labels(series: Series, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The largest steps that have room, with their place on the line."""
    at = {(row["part"], row["release"]): row for row in rows}
    labels: list[dict[str, Any]] = []
    steps = [step for step in series.steps if (step.scope, step.unit) == lines_of(series)[step.scope]]
    width = max(1, len(series.points))
    for step in sorted(steps, key=lambda step: -step.change.size):
        row = at.get((step.scope, plain(step.version)))
        near = [label for label in labels if label["part"] == step.scope]
        if not row or len(near) >= NAMED or any(abs(label["place"] - row["place"]) < APART * width for label in near):
            continue
        percent = "" if step.change.percent is None else f" {minus(step.change.percent, 1)}%"
        side = "right" if row["place"] > (1 - APART / 2) * width else "left" if not row["place"] else "center"
        labels.append({**row, "label": f"{row['release']}{percent}", "up": step.change.delta > 0, "side": side})
    return labels


def _spec(series: Series, sentence: str) -> dict[str, Any]:
    """Step lines; the label of a step is above the line where it rose, and below where it fell."""
    rows = _rows(series)
    percents = [row["percent"] for row in rows]
    room = ROOM * max(max(percents) - min(percents), 1.0)
    versions = [plain(point.version) for point in series.points]
    axis = alt.Axis(
        title=f"since {versions[series.points.index(series.counted[0])]}", labelExpr=AXIS, tickCount=5, gridColor=zero()
    )
    names = alt.Axis(
        title=None, values=[*range(len(versions))], labelOverlap=True, grid=False,
        labelExpr=f"{json.dumps(versions)}[datum.value]",
    )  # fmt: skip
    x = alt.X("place:Q", axis=names, scale=alt.Scale(domain=[0, max(1, len(versions) - 0.5)], nice=False))
    domain = [min(percents) - room, max(percents) + room]
    y = alt.Y("percent:Q", axis=axis, scale=alt.Scale(domain=domain, nice=False))
    colours = alt.Scale(domain=["own", "dependencies"], range=["var(--accent)", "var(--muted)"])
    lines = alt.Chart(data(rows)).mark_line(interpolate="step-after", strokeWidth=2, point={"size": 24, "filled": True})
    colour = alt.Color("part:N", legend=alt.Legend(), scale=colours)
    labels = _labels(series, rows)
    words = [
        alt.Chart(data(some))
        .mark_text(align=side, dy=-11 if up else 13, fontSize=11, aria=False)
        .encode(x=x, y=y, text="label:N")
        for up in (True, False)
        for side in ("left", "center", "right")
        if (some := [label for label in labels if (label["up"], label["side"]) == (up, side)])
    ]
    return specified(alt.layer(lines.encode(x=x, y=y, color=colour, description="tip:N"), *words), HEIGHT, sentence)


TITLE = "What each release cost"
FOOT = "Made by asgi-anatomy. How releases are counted: the project's docs/HISTORY.md."


def parts(source: Subject[list[Series]]) -> list[Part]:
    """All parts of the page, in order."""
    every = source.record
    about = chief(every)
    head = f'<p class="eyebrow">{text(source.label)}</p><p class="headline">{text(sentence(about))}</p>'
    again = [_command(every), f"{to_type('report', {'RECORD': source.path})}   # this page again"]
    return [
        Part("answer", "The answer", body=head + paragraphs(filter(None, [learnt(about)]), "lead"), hero=True),
        *map(_section, every, pictures(every)),
        Part("made", "How it was made, and how to make it again", body=definitions(_facts(every)) + commands(again)),
    ]


def _section(series: Series, chart: Picture | Missing) -> Part:
    part = of_pictures("history", chart.title, chart)
    notes = paragraphs(filter(None, lines(series)), "note")
    return msgspec.structs.replace(part, sentence=sentence(series), body=part.body + notes)


def _facts(every: list[Series]) -> list[tuple[str, str]]:
    releases = [point.release for series in every for point in series.points]
    hosts = {release.host for release in releases}
    days = sorted(f"{release.made:%Y-%m-%d}" for release in releases)
    return [
        ("Counted", " to ".join(dict.fromkeys([days[0], days[-1]]))),
        ("Machine", "; ".join(sorted({f"{host.name}: {host.cpu}, {host.system}, {host.libc}" for host in hosts}))),
        ("Python", "; ".join(sorted({host.build for host in hosts}))),
        ("Suite", ", ".join(sorted({release.revision for release in releases if release.revision}))),
    ]


def _command(every: list[Series]) -> str:
    """What counts these releases, or those of them that are not counted yet."""
    first = every[0]
    options = {
        "PACKAGE": first.package, "SINCE": first.points[0].version, "UNTIL": first.points[-1].version,
        "DEPS": first.deps, "LAYERS": " ".join(dict.fromkeys(series.layer for series in every)),
        "PYTHONS": " ".join(dict.fromkeys(series.python for series in every)),
    }  # fmt: skip
    return to_type("history", options)
