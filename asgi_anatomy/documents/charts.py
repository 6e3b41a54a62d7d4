"""What charts with a row for each layer share, and stacked bars: the largest eight parts of each layer, and the rest.

A layer's name stands above its bar, so that bars are as wide as the page. Figures stand at the end of a bar, or on a
narrow screen at the right of the name's line.
"""

import math
from collections.abc import Mapping
from typing import Any

import altair as alt

from asgi_anatomy.documents.document import Column, Table
from asgi_anatomy.documents.draw import Spec
from asgi_anatomy.documents.palette import GREY, number
from asgi_anatomy.documents.words import thousands

STEP = 48
"""Pixels from one layer to the next."""
BAR = 16
NAME, LINE = -12, 9
"""Pixels from the middle of a row to its name, and to its bar."""
NARROW = 560
"""Pixels of width below which figures go above the bar."""
FIGURE = 96
"""Pixels that a figure takes there."""
WIDE = f"width >= {NARROW}"
Chart = Any
"""One of Altair's, which are typed only where it is installed."""


def expr(text: str) -> Any:
    """Something that Vega computes while it draws."""
    return alt.ExprRef(text)


def y() -> Any:
    """A row for each layer, in the record's order."""
    return alt.Y("layer:N", sort=None, axis=None, scale=alt.Scale(padding=0))


def x(field: str, title: str, largest: float | str, **more: Any) -> Any:
    """An axis from 0, whose labels never overlap."""
    top = expr(largest) if isinstance(largest, str) else largest
    axis = alt.Axis(title=title, labelFlush=True, labelOverlap=True, gridColor=zero(), **more)
    return alt.X(field, axis=axis, scale=alt.Scale(domainMin=0, domainMax=top, nice=False, zero=True))


def zero() -> Any:
    """The line of the grid at 0 is darker than the others: bars and shares begin there."""
    return alt.condition("datum.value === 0", alt.value("var(--line)"), alt.value("var(--faint)"))


def room(largest: float, pixels: float) -> str:
    """The end of an axis such that this many pixels remain right of its largest value, on a wide screen."""
    return f"{WIDE} ? {largest:.6g} * width / (width - {pixels:.0f}) : {largest * 1.06:.6g}"


def ticks(largest: float) -> list[float]:
    """Round numbers from 0 to the largest value, so that no grid lies behind the words to its right."""
    power = 10.0 ** math.floor(math.log10(largest / 4)) if largest > 0 else 1.0
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if largest / (each * power) <= 5)
    return [round(place * step, 9) for place in range(int(largest / step) + 1)]


def interval(base: Chart, rows: list[dict[str, Any]]) -> list[Chart]:
    """Whiskers from `low` to `high`, where rows have them, with a rim that sets them off from what they lie on."""
    marks: list[Chart] = []
    if all(row["low"] is None for row in rows):
        return marks
    base = base.transform_filter("datum.low !== null")
    for width, colour in ((4.5, "var(--paper)"), (1.5, "var(--ink)")):
        size = 9 if width < 2 else 11
        rule = base.mark_rule(yOffset=LINE, y2Offset=LINE, stroke=colour, strokeWidth=width, aria=False)
        marks.append(rule.encode(x="low:Q", x2="high:Q"))
        tick = base.mark_tick(yOffset=LINE, size=size, thickness=width, color=colour, opacity=1, aria=False)
        marks += [tick.encode(x=f"{side}:Q") for side in ("low", "high")]
    return marks


def names(base: Chart) -> Chart:
    """The names of the layers, above their bars; long ones are smaller where there is little room beside a figure."""
    size = expr(f"{WIDE} ? 14 : max(9, min(14, (width - {FIGURE}) / (0.7 * length(datum.layer))))")
    return base.mark_text(align="left", dx=4, dy=NAME, fontWeight=600, fontSize=size, aria=False).encode(
        x=alt.value(0), text="layer:N"
    )


def right(base: Chart, field: str, **style: Any) -> Chart:
    """A figure at the right edge of the name's line; its first word or two where there is little room."""
    fits = f"{WIDE} || length(datum.layer) * 10 + length(datum.{field}) * 8 < width"
    return base.mark_text(align="right", dy=NAME, aria=False, **style).encode(
        x=alt.value(expr("width")),
        text=alt.value(expr(f"{fits} ? datum.{field} : split(datum.{field}, ',')[0]")),
    )


def labels(base: Chart, scale: Any) -> list[Chart]:
    """What stands at the end of a bar, `figure` and `words`; in little room `figure` and `brief`, at the right edge of
    the name's line.
    """
    end = base.mark_text(align="left", dy=LINE, dx=expr(f"{WIDE} ? 8 : 0"), fontWeight=600, aria=False)
    words = base.mark_text(
        align="left", dy=LINE, dx=expr(f"{WIDE} ? 18 + 8 * length(datum.figure) : 0"), color="var(--muted)", aria=False
    )
    above = base.mark_text(align="right", dy=NAME, fontWeight=600, aria=False)
    brief = base.mark_text(align="right", dy=NAME, dx=-68, color="var(--muted)", aria=False)
    edge = alt.value(expr("width"))
    return [
        end.encode(x=scale, text=alt.value(expr(f"{WIDE} ? datum.figure : ''"))),
        words.encode(x=scale, text=alt.value(expr(f"{WIDE} ? datum.words : ''"))),
        above.encode(x=edge, text=alt.value(expr(f"{WIDE} ? '' : datum.figure"))),
        brief.encode(
            x=edge,
            text=alt.value(expr(f"{WIDE} || length(datum.layer) * 8 + 150 > width ? '' : datum.brief")),
        ),
    ]


def finished(chart: Chart, rows: int, sentence: str) -> Spec:
    """The specification of a chart with `rows` rows, which says in a sentence what it shows."""
    return specified(chart, rows * STEP, sentence)


def specified(chart: Chart, height: float, sentence: str) -> Spec:
    """The same for a chart of this height in pixels."""
    spec: Spec = chart.properties(height=height, description=sentence).to_dict()
    for each in ("$schema", "config"):
        spec.pop(each, None)
    return spec


def data(values: list[dict[str, Any]]) -> Any:
    """Values as Altair takes them."""
    return alt.Data(values=values)


Wholes = Mapping[str, Mapping[str, float]]
"""By layer, a count for each part."""
REST = "the rest"
PARTS = 8
"""How many parts of a whole are drawn by themselves; the rest is one part."""


def largest(wholes: Wholes) -> list[str]:
    """The parts that are the largest over all layers; "the rest" is not one of them.

    Those with a colour of their own stand first, always in the same order.
    """
    sums: dict[str, float] = {}
    for parts in wholes.values():
        for name, count in parts.items():
            if name != REST:
                sums[name] = max(sums.get(name, 0), count)
    kept = sorted(sums, key=lambda name: -sums[name])[:PARTS]
    return sorted(kept, key=lambda name: (number(name), -sums[name]))


def folded(wholes: Wholes) -> dict[str, dict[str, float]]:
    """Each layer's parts, all but the largest summed up."""
    own = largest(wholes)
    found = {}
    for layer, parts in wholes.items():
        found[layer] = {name: parts.get(name, 0.0) for name in own}
        found[layer][REST] = sum(count for name, count in parts.items() if name not in own)
    return found


OTHERS = "others"


def spec(wholes: Wholes, unit: str, said: str) -> dict[str, Any]:
    """The chart; a part that is wide enough says its name."""
    rows: list[dict[str, Any]] = []
    for layer, counts in folded(wholes).items():
        end = 0.0
        for name, count in counts.items():
            if count:
                colour = number(name)
                key = OTHERS if colour == GREY else name
                tip = f"{layer}: {count:,.0f} {unit} of {name}"
                rows.append(
                    {"layer": layer, "part": name, "key": key, "tip": tip, "from": end, "to": end + count, "n": colour}
                )
            end += count
    totals = [{"layer": layer, "figure": thousands(sum(parts.values()))} for layer, parts in wholes.items()]
    top = max(sum(parts.values()) for parts in wholes.values())
    keys = dict(sorted({row["key"]: row["n"] for row in rows}.items(), key=lambda each: each[1]))
    scale = x("from:Q", f"{unit} per request", top, values=ticks(top), labelExpr=_label(top))
    legend = alt.Legend(columns=expr("width < 400 ? 2 : width < 560 ? 3 : width < 700 ? 4 : 5"))
    colours = alt.Scale(domain=[*keys], range=[f"var(--part{each})" for each in keys.values()])
    segments = alt.Chart(data(rows)).encode(y=y(), x=scale, x2="to:Q", description="tip:N")
    bars = segments.mark_bar(
        size=BAR + 4, yOffset=LINE, y2Offset=LINE, stroke="var(--paper)", strokeWidth=1
    ).encode(color=alt.Color("key:N", sort=None, scale=colours, legend=legend))  # fmt: skip
    fits = f"(datum.to - datum.from) / {top:.6g} * width > 7.2 * length(datum.part) + 8"
    base = alt.Chart(data(totals)).encode(y=y())
    inks = "[" + ",".join(f"'var(--on{each})'" for each in range(1, GREY + 1)) + "][datum.n - 1]"
    words = (
        alt.Chart(data(rows))
        .transform_calculate(middle="(datum.from + datum.to) / 2")
        .mark_text(dy=LINE, fontSize=11.5, aria=False)
        .encode(
            y=y(), x=alt.X("middle:Q"), text=alt.value(expr(f"{fits} ? datum.part : ''")), color=alt.value(expr(inks))
        )
    )
    chart = alt.layer(names(base), right(base, "figure", fontWeight=600), bars, words)
    return finished(chart, len(wholes), said)


def _label(top: float) -> str:
    unit = (1e6, "M") if top >= 2e6 else (1e3, "k") if top >= 2e4 else (1, "")
    return f"datum.value ? format(datum.value / {unit[0]:.0f}, ',') + '{unit[1]}' : '0'"


def table(wholes: Wholes, title: str) -> Table:
    """Every part of every layer, without a rest."""
    every = dict.fromkeys(name for parts in wholes.values() for name in parts)
    names_ = sorted(every, key=lambda name: -_most(wholes, name))
    columns = [Column("part", title, left=True)]
    columns += [
        Column(f"{place}", layer, show=lambda row, key=f"{place}": "-" if row[key] is None else f"{row[key]:,.0f}")  # type: ignore[misc]
        for place, layer in enumerate(wholes)
    ]
    rows = [
        {"part": name, **{str(place): parts.get(name) for place, parts in enumerate(wholes.values())}}
        for name in names_
    ]
    return Table(columns, rows)


def _most(wholes: Wholes, name: str) -> float:
    return max(parts.get(name, 0) for parts in wholes.values())
