"""Stacked bars: a row for each layer, parts of a whole, the largest eight and the rest."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from bench.report.charts.rows import BAR, LINE, data, expr, finished, names, right, ticks, x, y
from bench.report.charts.theme import PARTS
from bench.report.document import Column, Table
from bench.report.words import thousands

Wholes = Mapping[str, Mapping[str, float]]
"""By layer, a count for each part."""
REST = "the rest"


def largest(wholes: Wholes) -> list[str]:
    """The parts that are the largest over all layers; "the rest" is not one of them.

    In the order in which layers bring them in, so that what two layers share stands at the same place in both.
    """
    sums: dict[str, float] = {}
    for parts in wholes.values():
        for name, count in parts.items():
            if name != REST:
                sums[name] = max(sums.get(name, 0), count)
    kept = sorted(sums, key=lambda name: -sums[name])[:PARTS]
    brought = {name: next(place for place, parts in enumerate(wholes.values()) if parts.get(name)) for name in kept}
    return sorted(kept, key=lambda name: (brought[name], -sums[name]))


def folded(wholes: Wholes) -> dict[str, dict[str, float]]:
    """Each layer's parts, all but the largest summed up."""
    own = largest(wholes)
    found = {}
    for layer, parts in wholes.items():
        found[layer] = {name: parts.get(name, 0.0) for name in own}
        found[layer][REST] = sum(count for name, count in parts.items() if name not in own)
    return found if any(parts[REST] for parts in found.values()) else {
        layer: {name: count for name, count in parts.items() if name != REST} for layer, parts in found.items()
    }  # fmt: skip


def spec(wholes: Wholes, unit: str, said: str) -> dict[str, Any]:
    """The chart; a part that is wide enough says its name."""
    parts = folded(wholes)
    order = [*next(iter(parts.values()))]
    rows: list[dict[str, Any]] = []
    for layer, counts in parts.items():
        end = 0.0
        for place, (name, count) in enumerate(counts.items()):
            colour = 9 if name == REST else place + 1
            if count:
                rows.append({"layer": layer, "part": name, "count": count, "from": end, "to": end + count, "n": colour})
            end += count
    totals = [{"layer": layer, "figure": thousands(sum(counts.values()))} for layer, counts in parts.items()]
    top = max(sum(counts.values()) for counts in parts.values())
    colours = [f"var(--part{9 if name == REST else place + 1})" for place, name in enumerate(order)]
    scale = x("from:Q", f"{unit} per request", top, values=ticks(top), labelExpr=_label(top))
    legend = alt.Legend(columns=expr("width < 400 ? 2 : width < 560 ? 3 : width < 700 ? 4 : 5"))
    segments = alt.Chart(data(rows)).encode(y=y(), x=scale, x2="to:Q")
    bars = segments.mark_bar(
        size=BAR + 4, yOffset=LINE, y2Offset=LINE, stroke="var(--paper)", strokeWidth=1
    ).encode(
        color=alt.Color("part:N", sort=order, scale=alt.Scale(domain=order, range=colours), legend=legend),
        tooltip=["layer:N", "part:N", alt.Tooltip("count:Q", format=",.0f", title=unit)],
    )  # fmt: skip
    fits = f"(datum.to - datum.from) / {top:.6g} * width > 7.2 * length(datum.part) + 8"
    base = alt.Chart(data(totals)).encode(y=y())
    inks = "[" + ",".join(f"'var(--on{each})'" for each in range(1, PARTS + 2)) + "][datum.n - 1]"
    words = (
        alt.Chart(data(rows))
        .transform_calculate(middle="(datum.from + datum.to) / 2")
        .mark_text(dy=LINE, fontSize=11.5, aria=False)
        .encode(
            y=y(), x=alt.X("middle:Q"), text=alt.value(expr(f"{fits} ? datum.part : ''")), color=alt.value(expr(inks))
        )
    )
    chart = alt.layer(names(base), right(base, "figure", fontWeight=600), bars, words)
    return finished(chart, len(parts), said)


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
