"""What each layer of a ladder loses, by workload, as a heat map: the darker, the larger the decay."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from bench.report.charts.picture import Missing, Picture
from bench.report.charts.rows import data, expr, specified
from bench.report.document import Column, Table
from bench.report.source import Matrix
from bench.report.trees import UNFIT
from bench.report.words import minus
from bench.report.workloads import sentence
from bench.stats.workloads import Cell, cells, spread

NAMED, TITLE = "matrix", "What each layer costs, by workload"
ROW = 44
"""Pixels for each workload."""
ROOMY = 104
"""Pixels of a cell from which it has room for margins."""
DARKEST = 0.55
"""The opacity of a decay of 100%: the words on it can still be read, in light and dark."""
COLUMNS = (
    Column("workload", "workload", left=True), Column("layer", "layer", left=True), Column("on", "on", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"), Column("low high", "95% interval", "", "{low:.1f} - {high:.1f}"),
    Column("added", "+ µs/req", "", "{added:+,.1f}"), Column("around", "±", "µs", "{around:,.1f}"),
)  # fmt: skip


def picture(matrix: Matrix) -> Picture | Missing:
    """A cell for each layer that stands on another, in each workload."""
    name = UNFIT.sub("_", f"{NAMED}-{matrix.ladder}")
    found = cells(matrix.records)
    rows = [_row(each) for each in found if each.row.decay is not None]
    told = spread(found, matrix.base)
    if not rows or not told:
        return Missing(name, TITLE, f"no layer of the ladder {matrix.ladder} has figures in two workloads")
    said = sentence(told)
    pairs = dict.fromkeys(f"{row['layer']} on {row['on']}" for row in rows)
    more = (
        "In each cell: the decay (% fewer requests per CPU-second than the layer below), and the CPU time that the"
        f" layer adds to a request, both ± half of a 95% interval. {', '.join(pairs)}.",
    )
    return Picture(
        name, f"{TITLE}: ladder {matrix.ladder}", said, _spec(rows, said.split(". ")[0]), Table(COLUMNS, rows), more
    )


def _row(cell: Cell) -> dict[str, Any]:
    row, around = cell.row, cell.added_margin
    decay, added = row.decay or 0.0, row.added_us
    shown = f"{decay:.1f}".replace("-", "\u2212")
    micro = "" if added is None else minus(added, 1 if abs(added) < 1000 else 0)
    return {
        "workload": cell.workload, "layer": row.layer, "on": row.on,
        "decay": decay, "low": row.decay_low, "high": row.decay_high, "added": added, "around": around,
        "shade": min(abs(decay), 100.0) / 100 * DARKEST,
        "short": [f"{shown}%", micro],
        "long": [
            f"{shown}%" if row.margin is None else f"{shown} ±{row.margin:.1f}%",
            f"{micro} µs" if around is None else f"{micro} ±{around:.1f} µs",
        ],
    }  # fmt: skip


def _spec(rows: Sequence[dict[str, Any]], said: str) -> dict[str, Any]:
    """A row for each workload, a column for each layer: names are broken at hyphens, since columns may be narrow."""
    lines, small = "split(datum.label, '-')", expr(f"width < {70 * _columns(rows)} ? 9 : 12")
    head = alt.Axis(
        orient="top", title=None, labelAngle=0, labelExpr=lines, labelFontWeight=600, labelColor="var(--ink)",
        labelOverlap=False, labelLimit=expr(f"width / {_columns(rows)} - 6"), labelBaseline="bottom", grid=False,
        labelPadding=_head(rows), labelFontSize=small,
    )  # fmt: skip
    side = alt.Axis(
        title=None, labelColor="var(--ink)", labelFontWeight=600, labelLimit=0, labelFontSize=12, grid=False
    )
    base = alt.Chart(data([*rows])).encode(
        x=alt.X("layer:N", sort=None, axis=head, scale=alt.Scale(padding=0.03)),
        y=alt.Y("workload:N", sort=None, axis=side, scale=alt.Scale(padding=0.06)),
    )
    tips = [
        alt.Tooltip("workload:N"), alt.Tooltip("layer:N"), alt.Tooltip("on:N"),
        alt.Tooltip("decay:Q", format=".1f", title="decay %"), alt.Tooltip("added:Q", format="+,.1f", title="+ µs/req"),
    ]  # fmt: skip
    words = alt.value(expr(f"bandwidth('x') >= {ROOMY} ? datum.long : datum.short"))
    chart = alt.layer(
        base.mark_rect(cornerRadius=2).encode(
            color=alt.condition("datum.decay < 0", alt.value("var(--part3)"), alt.value("var(--accent)")),
            opacity=alt.Opacity("shade:Q", scale=None, legend=None),
            tooltip=tips,
        ),
        base.mark_text(align="center", lineHeight=16, dy=-8, fontSize=small, aria=False).encode(text=words),
    )
    return specified(chart, len({row["workload"] for row in rows}) * ROW, said)


def _columns(rows: Sequence[dict[str, Any]]) -> int:
    return len({row["layer"] for row in rows})


def _head(rows: Sequence[dict[str, Any]]) -> int:
    """Pixels above the cells for the names of layers, which have a line for each part between hyphens."""
    return 6 + 13 * max(str(row["layer"]).count("-") for row in rows)
