"""Every turn of a run over time: what a request cost in it, as a multiple of the layer's own figure."""

from statistics import median
from typing import Any

import altair as alt

from bench.report.charts.picture import Missing, Picture, Spec
from bench.report.charts.rows import data, specified
from bench.report.document import Column, Table
from bench.report.source import Source
from bench.report.words import counted

NAMED, TITLE = "turns", "Every turn of the run"
HEIGHT = 210
HIGHEST = 4.0
"""Times its layer's figure: a turn that cost more is drawn there."""
MOST = 1500
"""Turns that are drawn: of a longer run, every second, third ... one."""
COLUMNS = (
    Column("layer", "layer", left=True),
    Column("turns", "turns"),
    Column("slow", "slow", "", "{slow:,}"),
    Column("middle", "median of its figure", "", "{middle:.3f}"),
    Column("least most", "lowest - highest", "", "{least:.2f} - {most:.2f}"),
    Column("void", "without CPU time", "", "{void:,}"),
)


def picture(source: Source) -> Picture | Missing:
    """The chart of a record of turns."""
    rows = values(source)
    if not rows:
        return Missing(NAMED, TITLE, "no turns: these layers were measured in plain windows, one after another")
    rounds, layers, slow = len({row["round"] for row in rows}), _layers(rows), sum(row["slow"] for row in rows)
    said = f"{counted(len(rows), 'turn')} of {counted(len(layers), 'layer')} in {counted(rounds, 'round')}"
    said += f"; {slow:,} of them were slow and do not count." if slow else ", and all of them count."
    more = ["1 is the layer's CPU time per request as in the tables; a gap is where servers were started anew."]
    if slow:
        more.append("Orange crosses: the core was slow, so the turn does not count.")
    step = -(-len(rows) // MOST)
    if step > 1:
        more.append(f"One turn of {step} is drawn.")
    return Picture(NAMED, TITLE, said, spec(rows[::step], said), Table(COLUMNS, _table(source, rows)), tuple(more))


def values(source: Source) -> list[dict[str, Any]]:
    """A row for each turn with a CPU time, in the order in which they were: `at` is in seconds since the first round
    began, without what starting its servers took.
    """
    record, levels = source.measured, source.levels
    figures = {row.layer: row.cpu_us for row in source.figures}
    if not record or not levels:
        return []
    found = []
    for costs, slow in ((levels.used, False), (levels.slow, True)):
        for each in costs:
            if not (figure := figures.get(each.layer)):
                continue
            begin = (record.rounds[each.round].start - record.rounds[0].start).total_seconds()
            found.append(
                {
                    "layer": each.layer, "round": each.round + 1, "at": round(begin + each.at_us / 1e6, 2),
                    "ratio": round(each.cpu_us / each.requests / figure, 3), "slow": slow,
                }
            )  # fmt: skip
    return sorted(found, key=lambda row: (row["round"], row["at"]))


def _layers(rows: list[dict[str, Any]]) -> list[str]:
    return [*dict.fromkeys(row["layer"] for row in rows)]


def _table(source: Source, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each layer, in the record's order."""
    found = []
    for figure in source.figures:
        own = [row for row in rows if row["layer"] == figure.layer]
        counting = [row["ratio"] for row in own if not row["slow"]]
        if own:
            found.append(
                {
                    "layer": figure.layer, "turns": figure.turns, "slow": len(own) - len(counting),
                    "middle": median(counting) if counting else None, "least": min(counting, default=None),
                    "most": max(counting, default=None), "void": _void(source, figure.layer),
                }
            )  # fmt: skip
    return found


def _void(source: Source, layer: str) -> int:
    """How many of a layer's turns have no CPU time, since some of its processes ended."""
    rounds = source.measured.rounds if source.measured else []
    return sum(turn.layer == layer and turn.cpu_ns is None for made in rounds for turn in made.turns)


def spec(rows: list[dict[str, Any]], said: str) -> Spec:
    """A dot for each turn that counts, a cross for each that does not."""
    shown = [{**row, "ratio": min(row["ratio"], HIGHEST)} for row in rows]
    ratios = [row["ratio"] for row in shown]
    x = alt.X(
        "at:Q",
        axis=alt.Axis(title="seconds since the run began", grid=False, labelOverlap=True, labelFlush=True),
        scale=alt.Scale(nice=False),
    )
    y = alt.Y(
        "ratio:Q",
        axis=alt.Axis(title=None, tickCount=5, labelExpr="format(datum.value, '.1f') + ' \u00d7'"),
        scale=alt.Scale(domain=[min(0.8, *ratios) / 1.05, max(1.3, *ratios) * 1.05], nice=False, zero=False),
    )
    base = alt.Chart(data(shown)).encode(
        x=x,
        y=y,
        tooltip=[
            "layer:N",
            alt.Tooltip("round:Q"),
            alt.Tooltip("ratio:Q", title="times its figure", format=".2f"),
        ],
    )
    one = alt.Chart(data([{"ratio": 1}])).mark_rule(stroke="var(--ink)", strokeDash=[2, 3], aria=False).encode(y=y)
    marks = base.mark_point(filled=True, opacity=0.8, aria=False).encode(
        shape=_unless_slow("circle", "cross"),
        size=_unless_slow(14, 22),
        angle=_unless_slow(0, 45),
        color=_unless_slow("var(--accent)", "var(--slow)"),
    )
    return specified(alt.layer(one, marks), HEIGHT, said)


def _unless_slow(counts: object, slow: object) -> Any:
    """What a turn that counts looks like, and one that does not."""
    return alt.condition("datum.slow", alt.value(slow), alt.value(counts))
