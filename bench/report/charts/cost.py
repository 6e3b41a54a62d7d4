"""The cost ladder: CPU time per request, each layer's own part standing on what is below it."""

from typing import Any

import altair as alt

from bench.report.charts.picture import Missing, Picture
from bench.report.charts.rows import BAR, LINE, data, expr, finished, interval, labels, names, room, ticks, x, y
from bench.report.source import Source
from bench.report.words import micro, minus, percent, than
from bench.stats.decay import Figures

NAMED, TITLE = "cost", "What each layer adds to one request"


def picture(source: Source) -> Picture | Missing:
    """The chart of a record of times."""
    rows = values(source)
    if not rows:
        return Missing(NAMED, TITLE, "no CPU time per request: `make bench` measures it")
    said = sentence(source)
    more = ["The faded part of a bar is what stands below the layer; the full colour is what it adds itself."]
    more.append(
        "Whiskers: the 95% interval of the CPU time."
        if any(row["high"] is not None for row in rows)
        else "No whiskers: an interval needs more rounds of turns (BUDGET=)."
    )
    return Picture(NAMED, TITLE, said, spec(rows, said), None, tuple(more))


def values(source: Source) -> list[dict[str, Any]]:
    """A row for each layer; `parts` are what is below it, lowest first, with where each begins and ends."""
    by_name = {row.layer: row for row in source.shown()}
    found = []
    for row in by_name.values():
        chain = _below(row, by_name)
        ends = [0.0, *(each.cpu_us or 0 for each in chain)]
        parts = [
            {"part": each.layer, "from": ends[place], "to": ends[place + 1], "own": each is row, "odd": place % 2}
            for place, each in enumerate(chain)
        ]
        found.append(
            {
                "layer": row.layer, "cpu": row.cpu_us, "low": row.cpu_low, "high": row.cpu_high, "parts": parts,
                "figure": micro(row.cpu_us or 0), "words": _decay(row, True), "brief": _decay(row, False),
            }
        )  # fmt: skip
    return found


def _below(row: Figures, by_name: dict[str, Figures]) -> list[Figures]:
    """A layer and what it stands on, lowest first; a layer that costs less than that stands on nothing."""
    chain = [row]
    while (on := by_name.get(chain[0].on or "")) and (on.cpu_us or 0) <= (chain[0].cpu_us or 0):
        chain.insert(0, on)
    return chain


def _decay(row: Figures, words: bool) -> str:
    if row.decay is None:
        return ""
    if not words:
        return f"{minus(-row.decay, 1)}{f' ±{row.margin:.1f}' if row.margin is not None else ''}%"
    return f"{percent(abs(row.decay), row.margin)} {'fewer' if row.decay >= 0 else 'more'} req/s than {row.on}"


def sentence(source: Source) -> str:
    """Which layer adds most, against all that is below it."""
    added = [row for row in source.shown() if row.added_us is not None]
    if not added:
        row = max(source.shown(), key=lambda each: each.cpu_us or 0)
        return f"A {row.layer} request takes {micro(row.cpu_us or 0)} of CPU."
    most = max(added, key=lambda each: each.added_us or 0)
    own, below = most.added_us or 0, (most.cpu_us or 0) - (most.added_us or 0)
    return f"{most.layer} adds most: {micro(own)}, {than(own, below)} {most.on} and all below it need ({micro(below)})."


def spec(rows: list[dict[str, Any]], said: str) -> dict[str, Any]:
    """The chart: faded parts, the layer's own part, the whisker, and the words at its end."""
    largest = max(max(row["high"] or 0, row["cpu"]) for row in rows)
    pixels = 92 + 6.7 * max(len(row["words"]) for row in rows)
    parts = [{"layer": row["layer"], **part} for row in rows for part in row["parts"]]
    heads = [{key: row[key] for key in row if key != "parts"} for row in rows]
    ends = [{**head, "end": head["high"] or head["cpu"]} for head in heads]
    # The names of all rows first: the first layer of a chart decides the order of its rows.
    base = alt.Chart(data(ends)).encode(y=y())
    scale = x("end:Q", "CPU time per request, µs", room(largest, pixels), values=ticks(largest))
    bars = (
        alt.Chart(data(parts))
        .mark_bar(size=BAR, yOffset=LINE, y2Offset=LINE, stroke="var(--paper)", strokeWidth=1)
        .encode(
            y=y(),
            x=alt.X("from:Q"),
            x2="to:Q",
            fill=alt.condition(
                "datum.own", alt.value("var(--accent)"),
                alt.value(expr("datum.odd ? 'var(--under2)' : 'var(--under1)'")),
            ),
            tooltip=[alt.Tooltip("part:N", title="layer"), alt.Tooltip("to:Q", title="CPU µs/req", format=",.1f")],
        )
    )  # fmt: skip
    chart = alt.layer(
        names(base), bars, *interval(base, rows), *labels(base, scale),
    )  # fmt: skip
    return finished(chart, len(rows), said)
