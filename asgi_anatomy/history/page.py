"""What a package's releases cost: step lines of its own work and of its dependencies', the largest steps named.

The releases of a package: what was learnt, and for each series a step line, its table, its steps and its gaps.
"""

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Any

import altair as alt
import msgspec

from asgi_anatomy.counts.changes import Change
from asgi_anatomy.documents.charts import data, specified
from asgi_anatomy.documents.document import Table
from asgi_anatomy.documents.draw import Missing, Picture
from asgi_anatomy.documents.part import Part, commands, definitions, of_pictures, paragraphs, text
from asgi_anatomy.documents.source import Releases
from asgi_anatomy.documents.trees import UNFIT
from asgi_anatomy.documents.words import minus, plain
from asgi_anatomy.history.figures import Point, Scope, Series, Unit, chief
from asgi_anatomy.history.text import COLUMNS, called, learnt, lines, own_unit, sentence, values

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
    found: Counter[str] = Counter()
    made = []
    for series in every:
        name = f"{series.package}-{series.layer}-python-{series.python}-{series.deps}"
        found[name] += 1
        made.append(picture(series, f"{name}-{found[name]}" if found[name] > 1 else name))
    return made


def reference_picture(every: Sequence[Series]) -> Picture | Missing:
    """The one chart of a package that docs/ has room for."""
    return picture(chief(every), f"history-{every[0].package}")


def picture(series: Series, name: str) -> Picture | Missing:
    """The chart of a series; its name, which is that of a file, may come from one."""
    name, title = UNFIT.sub("_", name), called(series)
    if len(series.counted) < 2:
        return Missing(name, title, f"{title}: fewer than two releases could be counted")
    said = brief(series)
    unit = own_unit(series)
    more = (
        f"own: {unit} per request of {series.package} itself; dependencies: bytecodes of all other Python code; both in"
        f" percent of those of {series.counted[0].found.wanted.version}. Counted on {', '.join(series.hosts)}.",
    )
    return Picture(name, title, said, spec(series, said), Table(COLUMNS, values(series)), more)


def keys(series: Series) -> dict[str, tuple[Scope, Unit]]:
    """What is drawn, by the name of its line."""
    return {"own": ("own", own_unit(series)), "dependencies": ("dependencies", "bytecodes")}


def brief(series: Series) -> str:
    """The change since the first release, in as few words as fit below a title."""
    first, last = series.counted[0], series.counted[-1]
    (own, dependencies) = ([each.split.get(key, 0.0) for each in (first, last)] for key in keys(series).values())
    return plain(
        f"{first.found.wanted.version} to {last.found.wanted.version}: own {own_unit(series)} per request {own[0]:,.0f}"
        f" to {own[1]:,.0f}, bytecodes of dependencies {dependencies[0]:,.0f} to {dependencies[1]:,.0f}"
    )


def points(series: Series) -> list[dict[str, Any]]:
    """A row for each release and part, with its change since the first in percent; a gap has none."""
    first: dict[str, Point] = {}
    rows = []
    for place, each in enumerate(series.points):
        for part, key in keys(series).items():
            if each.split.get(key) and not each.found.gap:
                change = Change(first.setdefault(part, each).split[key], each.split[key])
                release = plain(each.found.wanted.version)
                rows.append(
                    {"place": place, "release": release, "part": part, "count": change.b, "percent": change.percent}
                )
    return rows


def labels(series: Series, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The largest steps that have room, with their place on the line."""
    at = {(row["part"], row["release"]): row for row in rows}
    found: list[dict[str, Any]] = []
    steps = [step for step in series.steps if (step.part, step.unit) == keys(series)[step.part]]
    width = max(1, len(series.points))
    for step in sorted(steps, key=lambda step: -abs(step.change.percent or 0.0)):
        row = at.get((step.part, plain(step.version)))
        near = [each for each in found if each["part"] == step.part]
        if not row or len(near) >= NAMED or any(abs(each["place"] - row["place"]) < APART * width for each in near):
            continue
        percent = "" if step.change.percent is None else f" {minus(step.change.percent, 1)}%"
        side = "right" if row["place"] > (1 - APART / 2) * width else "left" if not row["place"] else "center"
        found.append({**row, "label": f"{row['release']}{percent}", "up": step.change.delta > 0, "side": side})
    return found


def spec(series: Series, said: str) -> dict[str, Any]:
    """Step lines; the label of a step is above the line where it rose, and below where it fell."""
    rows = points(series)
    low, high = (ends(row["percent"] for row in rows) for ends in (min, max))
    room = ROOM * max(high - low, 1.0)
    versions = [plain(each.found.wanted.version) for each in series.points]
    axis = alt.Axis(title=f"since {versions[rows[0]['place']]}", labelExpr=AXIS, tickCount=5)
    names = alt.Axis(
        title=None, values=[*range(len(versions))], labelOverlap=True, grid=False,
        labelExpr=f"{json.dumps(versions)}[datum.value]",
    )  # fmt: skip
    x = alt.X("place:Q", axis=names, scale=alt.Scale(domain=[0, max(1, len(versions) - 0.5)], nice=False))
    y = alt.Y("percent:Q", axis=axis, scale=alt.Scale(domain=[low - room, high + room], nice=False))
    colour = alt.Color(
        "part:N", legend=alt.Legend(),
        scale=alt.Scale(domain=["own", "dependencies"], range=["var(--accent)", "var(--muted)"]),
    )  # fmt: skip
    told = [
        "release:N",
        "part:N",
        alt.Tooltip("count:Q", format=",.0f", title="per request"),
        alt.Tooltip("percent:Q", format="+.2f", title="% since the first"),
    ]
    lines = alt.Chart(data(rows)).mark_line(interpolate="step-after", strokeWidth=2, point={"size": 24, "filled": True})
    named = labels(series, rows)
    words = [
        alt.Chart(data(some))
        .mark_text(align=side, dy=-11 if up else 13, fontSize=11, aria=False)
        .encode(x=x, y=y, text="label:N")
        for up in (True, False)
        for side in ("left", "center", "right")
        if (some := [each for each in named if (each["up"], each["side"]) == (up, side)])
    ]
    return specified(alt.layer(lines.encode(x=x, y=y, color=colour, tooltip=told), *words), HEIGHT, said)


TITLE = "What each release cost"
FOOT = "Made by asgi-anatomy. How releases are counted: the project's docs/HISTORY.md."


def parts(found: Releases) -> list[Part]:
    """All parts of the page, in order."""
    every = found.series
    about = chief(every)
    head = f'<p class="eyebrow">{text(found.label)}</p><p class="headline">{text(sentence(about))}</p>'
    said = [learnt(about)] if learnt(about) else []
    again = [command(every), f"make report RECORD={found.path}   # this page again"]
    return [
        Part("answer", "The answer", body=head + paragraphs(said, "lead"), hero=True),
        *(_series(series, made) for series, made in zip(every, pictures(every), strict=True)),
        Part("made", "How it was made, and how to make it again", body=definitions(_facts(every)) + commands(again)),
    ]


def _series(series: Series, made: Picture | Missing) -> Part:
    part = of_pictures("history", made.title, made)
    notes = paragraphs([each for each in lines(series) if each], "note")
    return msgspec.structs.replace(part, sentence=sentence(series), body=part.body + notes)


def _facts(every: list[Series]) -> list[tuple[str, str]]:
    found = [point.found for series in every for point in series.points]
    hosts = {each.host for each in found}
    made = sorted(each.made for each in found)
    return [
        ("Counted", " to ".join(dict.fromkeys(f"{each:%Y-%m-%d}" for each in (made[0], made[-1])))),
        ("Machine", "; ".join(sorted({f"{each.name}: {each.cpu}, {each.system}, {each.libc}" for each in hosts}))),
        ("Python", "; ".join(sorted({each.build for each in hosts}))),
        ("Suite", ", ".join(sorted({each.revision for each in found if each.revision}))),
    ]


def command(every: list[Series]) -> str:
    """What counts these releases, or those of them that are not counted yet."""
    first = every[0]
    versions = [point.found.wanted.version for point in first.points]
    asked = {
        "PACKAGE": first.package, "SINCE": versions[0], "UNTIL": versions[-1], "DEPS": first.deps,
        "LAYERS": " ".join(dict.fromkeys(each.layer for each in every)),
        "PYTHONS": " ".join(dict.fromkeys(each.python for each in every)),
    }  # fmt: skip
    return " ".join(["make history", *(f"{name}={shlex.quote(value)}" for name, value in asked.items())])
