"""The cost ladder: CPU time per request, each layer's own part standing on what is below it.

Decays with their intervals, each beside the decay by instructions: what differs is caches and the kernel.

Latency by layer on a logarithmic axis: p50 and p99 in plain windows, with their ranges, which are not intervals.

Every turn of a run over time: what a request cost in it, as a multiple of the layer's own figure.

What a request costs by turns, and how much more where wrk has a core of its own, on which it falls asleep.

What each layer of a ladder loses, by workload, as a heat map: the darker, the larger the decay.

One ladder under several workloads: the heat map, and what follows from it.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any

import altair as alt

from asgi_anatomy.bench.workloads import Cell, cells, spread
from asgi_anatomy.bench.workloads import sentence as workloads_sentence
from asgi_anatomy.documents.charts import (
    BAR,
    LINE,
    data,
    expr,
    finished,
    interval,
    labels,
    names,
    right,
    room,
    specified,
    ticks,
    x,
    y,
)
from asgi_anatomy.documents.charts import y as rows_y
from asgi_anatomy.documents.document import Column, Table
from asgi_anatomy.documents.draw import Missing, Picture, Spec
from asgi_anatomy.documents.part import Part, of_pictures
from asgi_anatomy.documents.source import Matrix, Source
from asgi_anatomy.documents.trees import UNFIT
from asgi_anatomy.documents.words import MINUS, counted, micro, minus, percent, span, than
from asgi_anatomy.turns.decay import Figures, full_windows

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


DECAYS_NAMED, DECAYS_TITLE = "decays", "What each layer loses against the one below it"
COLUMNS = (
    Column("layer", "layer", left=True),
    Column("on", "on", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("low high", "95% interval", "", "{low:.1f} - {high:.1f}"),
    Column("counted", "by instructions", "%", "{counted:.1f}"),
)


def decays_picture(source: Source) -> Picture | Missing:
    """The chart of a bench, with an anatomy of the same layers where there is one; of an anatomy alone, its marks."""
    rows = decays_values(source)
    if not rows:
        return Missing(
            DECAYS_NAMED, DECAYS_TITLE, "no decay: no layer was measured or counted beside the one it stands on"
        )
    said = decays_sentence(rows)
    more = ["A decay is how many % fewer requests per CPU-second a layer serves than the one it stands on."]
    if any(row["decay"] is not None for row in rows):
        more.append("Line: its 95% interval.")
    if any(row["counted"] is not None for row in rows):
        more.append("Hollow mark: the same by instructions per request.")
    else:
        more.append("No decay by instructions: there is no anatomy of the same layers, versions and machine.")
    return Picture(DECAYS_NAMED, DECAYS_TITLE, said, decays_spec(rows, said), Table(COLUMNS, rows), tuple(more))


def decays_values(source: Source) -> list[dict[str, Any]]:
    """A row for each layer that stands on another."""
    counted = {line.layer: line.decay for line in source.counts}
    measured = {row.layer: row for row in source.figures}
    found = []
    for row in source.record.layers:
        own = measured.get(row.name)
        decay, by_count = own.decay if own else None, counted.get(row.name)
        if row.on and (decay is not None or by_count is not None):
            found.append(
                {
                    "layer": row.name, "on": row.on, "decay": decay, "counted": by_count,
                    "low": own.decay_low if own else None, "high": own.decay_high if own else None,
                    "figure": _figure(decay, own.margin if own else None, by_count),
                }
            )  # fmt: skip
    return found


def _figure(decay: float | None, margin: float | None, counted: float | None) -> str:
    if decay is None:
        return f"{counted or 0:.1f}% by instructions"
    return percent(decay, margin).replace("-", MINUS)


def decays_sentence(rows: list[dict[str, Any]]) -> str:
    """The largest decay, and where time and instructions are furthest apart."""
    key = "decay" if any(row["decay"] is not None for row in rows) else "counted"
    most = max((row for row in rows if row[key] is not None), key=lambda row: row[key])
    said = f"{most['layer']} loses most, {most[key]:.1f}% against {most['on']}"
    both = [row for row in rows if row["decay"] is not None and row["counted"] is not None]
    if not both:
        return f"{said}{'' if key == 'decay' else ' by instructions'}."
    apart = max(both, key=lambda row: abs(row["decay"] - row["counted"]))
    gap = apart["counted"] - apart["decay"]
    whose = "its decay" if apart is most else f"that of {apart['layer']}"
    more = f"{abs(gap):.1f} points {'more' if gap > 0 else 'less'}"
    return f"{said}. By instructions {whose} is {more}: what differs is caches and the kernel."


def decays_spec(rows: list[dict[str, Any]], said: str) -> dict[str, Any]:
    """The chart."""
    base = alt.Chart(data(rows)).encode(y=y())
    known = [row[key] for row in rows for key in ("decay", "low", "counted") if row[key] is not None]
    least = min(0, 10 * int(min(known) // 10))
    axis = alt.Axis(
        title="fewer requests per CPU-second than the layer below, %",
        values=[*range(least, 101, 20)],
        grid=False,
        labelFlush=True,
    )
    scale = alt.X("place:Q", axis=axis, scale=alt.Scale(domain=[least, 100], nice=False))
    solid = base.transform_filter("datum.decay !== null")
    hollow = base.transform_filter("datum.counted !== null").transform_calculate(place="datum.counted")
    track = base.mark_rule(yOffset=LINE, y2Offset=LINE, stroke="var(--faint)", strokeWidth=6, aria=False)
    tips = [alt.Tooltip("layer:N"), alt.Tooltip("decay:Q", format=".1f", title="decay %")]
    counted = [alt.Tooltip("layer:N"), alt.Tooltip("counted:Q", format=".1f", title="decay % by instructions")]
    chart = alt.layer(
        names(base), right(base, "figure"),
        track.encode(x=alt.datum(least), x2=alt.datum(100)),
        *interval(solid, rows),
        solid.transform_calculate(place="datum.decay")
        .mark_point(yOffset=LINE, size=80, filled=True, color="var(--accent)", opacity=1)
        .encode(x=scale, tooltip=tips),
        hollow.mark_point(yOffset=LINE, size=170, shape="diamond", filled=False, fill="transparent",
            stroke="var(--ink)", strokeWidth=1.5, opacity=1).encode(x=scale, tooltip=counted),
    )  # fmt: skip
    return finished(chart, len(rows), said)


LATENCY_NAMED, LATENCY_TITLE = "latency", "How long a request waits at saturation"
LATENCY_COLUMNS = (
    Column("layer", "layer", left=True),
    Column("p50", "p50", "µs", "{p50:,.0f}"),
    Column("p50_low p50_high", "range", "", "{p50_low:,.0f} - {p50_high:,.0f}"),
    Column("p99", "p99", "µs", "{p99:,.0f}"),
    Column("p99_low p99_high", "range", "", "{p99_low:,.0f} - {p99_high:,.0f}"),
    Column("windows", "windows"),
)


def latency_picture(source: Source) -> Picture | Missing:
    """The chart of a record with plain windows."""
    rows = latency_values(source)
    record = source.measured
    if not rows or not record:
        return Missing(
            LATENCY_NAMED, LATENCY_TITLE, "no latency: it comes from plain windows, with which `make bench` ends"
        )
    least, most = min(rows, key=lambda row: row["p50"]), max(rows, key=lambda row: row["p50"])
    said = f"Half of all {least['layer']} requests are answered within {span(least['p50'])}"
    said += f", of {most['layer']} within {span(most['p50'])}." if most is not least else "."
    connections = f"{record.load.connections:,} connection{'s' * (record.load.connections != 1)}"
    more = (
        "Dot: p50. Upright bar: p99. Each is the median of plain windows: wrk has a core of its own. Lines: the range"
        " from window to window, which is not an interval.",
        f"wrk keeps {connections} busy, so this compares layers; a service at half load waits far less.",
    )
    return Picture(LATENCY_NAMED, LATENCY_TITLE, said, latency_spec(rows, said), Table(LATENCY_COLUMNS, rows), more)


def latency_values(source: Source) -> list[dict[str, Any]]:
    """A row for each layer with latencies, in microseconds."""
    found = []
    for row in source.figures:
        assert source.measured
        used = full_windows(source.measured, source.measured.row(row.layer))
        latencies = [each.latency_us for each in used if each.latency_us]
        if row.p50_us and row.p99_us and latencies:
            halves = [each.p50 for each in latencies]
            found.append(
                {
                    "layer": row.layer, "p50": row.p50_us, "p50_low": min(halves), "p50_high": max(halves),
                    "p99": row.p99_us, "p99_low": row.p99_low, "p99_high": row.p99_high, "windows": len(latencies),
                    "figure": f"p50 {span(row.p50_us)}, p99 {span(row.p99_us)}",
                }
            )  # fmt: skip
    return found


def latency_spec(rows: list[dict[str, Any]], said: str) -> dict[str, Any]:
    """The chart."""
    low = max(1, min(row["p50_low"] for row in rows)) * 0.9
    high = max(row["p99_high"] for row in rows) * 1.1
    label = "datum.value >= 1e6 ? datum.value / 1e6 + ' s' : "
    label += "datum.value >= 1e3 ? datum.value / 1e3 + ' ms' : datum.value + ' µs'"
    places = [step * 10**power for power in range(8) for step in (1, 2, 5) if low <= step * 10**power <= high]
    axis = alt.Axis(title="latency, logarithmic", values=places, labelExpr=label, labelOverlap=True, labelFlush=True)
    scale = alt.X("p50:Q", axis=axis, scale=alt.Scale(type="log", domain=[low, high], nice=False))
    base = alt.Chart(data(rows)).encode(y=rows_y())
    tips = ["layer:N"] + [alt.Tooltip(f"{key}:Q", format=",.0f", title=f"{key} µs") for key in ("p50", "p99")]
    between = base.mark_rule(yOffset=LINE, y2Offset=LINE, stroke="var(--faint)", strokeWidth=6, aria=False)
    line = base.mark_rule(yOffset=LINE, y2Offset=LINE, strokeWidth=1.5, aria=False)
    dot = base.mark_point(yOffset=LINE, size=70, filled=True, opacity=1, color="var(--accent)")
    bar = base.mark_tick(yOffset=LINE, size=14, thickness=3, color="var(--ink)", opacity=1)
    chart = alt.layer(
        names(base), right(base, "figure"),
        between.encode(x=scale, x2="p99:Q"),
        line.encode(x="p50_low:Q", x2="p50_high:Q", stroke=alt.value("var(--accent)")),
        line.encode(x="p99_low:Q", x2="p99_high:Q", stroke=alt.value("var(--ink)")),
        dot.encode(x=scale, tooltip=tips), bar.encode(x="p99:Q", tooltip=tips),
    )  # fmt: skip
    return finished(chart, len(rows), said)


TURNS_NAMED, TURNS_TITLE = "turns", "Every turn of the run"
HEIGHT = 210
HIGHEST = 4.0
"""Times its layer's figure: a turn that cost more is drawn there."""
MOST = 1500
"""Turns that are drawn: of a longer run, every second, third ... one."""
TURNS_COLUMNS = (
    Column("layer", "layer", left=True),
    Column("turns", "turns"),
    Column("slow", "slow", "", "{slow:,}"),
    Column("middle", "median of its figure", "", "{middle:.3f}"),
    Column("least most", "lowest - highest", "", "{least:.2f} - {most:.2f}"),
    Column("void", "without CPU time", "", "{void:,}"),
)


def turns_picture(source: Source) -> Picture | Missing:
    """The chart of a record of turns."""
    rows = turns_values(source)
    if not rows:
        return Missing(
            TURNS_NAMED, TURNS_TITLE, "no turns: these layers were measured in plain windows, one after another"
        )
    rounds, layers, slow = len({row["round"] for row in rows}), _layers(rows), sum(row["slow"] for row in rows)
    said = f"{counted(len(rows), 'turn')} of {counted(len(layers), 'layer')} in {counted(rounds, 'round')}"
    said += f"; {slow:,} of them were slow and do not count." if slow else ", and all of them count."
    more = ["1 is the layer's CPU time per request as in the tables; a gap is where servers were started anew."]
    if slow:
        more.append("Orange crosses: the core was slow, so the turn does not count.")
    step = -(-len(rows) // MOST)
    if step > 1:
        more.append(f"One turn of {step} is drawn.")
    return Picture(
        TURNS_NAMED,
        TURNS_TITLE,
        said,
        turns_spec(rows[::step], said),
        Table(TURNS_COLUMNS, _table(source, rows)),
        tuple(more),
    )


def turns_values(source: Source) -> list[dict[str, Any]]:
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


def turns_spec(rows: list[dict[str, Any]], said: str) -> Spec:
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


WAKEUPS_NAMED, WAKEUPS_TITLE = "wake-ups", "What a request costs more where wrk has a core of its own"
WAKEUPS_COLUMNS = (
    Column("layer", "layer", left=True),
    Column("cpu", "CPU µs by turns", "", "{cpu:,.1f}"),
    Column("plain", "plain wrk", "", "{plain:,.1f}"),
    Column("more", "more", "", "{more:+,.1f}"),
    Column("sleeps", "sleeps per req", "", "{sleeps:.2f}"),
)


def wakeups_picture(source: Source) -> Picture | Missing:
    """The chart of a record that has both turns and plain windows."""
    rows = wakeups_values(source)
    if not rows:
        why = "no layer has both turns and plain windows: `make bench` ends with those, where there are two cores"
        return Missing(WAKEUPS_NAMED, WAKEUPS_TITLE, why)
    said = wakeups_sentence(rows)
    more = [
        "Full colour: CPU time of a server by turns, its client on the same core. Dashed: what it needs besides where"
        " wrk runs on another core, as everybody runs it. Most of that is waking wrk, which sleeps until answers come;"
        " some is data that moves between the cores' caches. A service whose clients are on other machines does not pay"
        " for it."
    ]
    if source.speeds:
        more.append("The core had two speeds: turns are at its fast one, plain windows at whichever it had.")
    return Picture(
        WAKEUPS_NAMED, WAKEUPS_TITLE, said, wakeups_spec(rows, said), Table(WAKEUPS_COLUMNS, rows), tuple(more)
    )


def wakeups_values(source: Source) -> list[dict[str, Any]]:
    """A row for each layer that was measured by turns and has plain windows."""
    found = []
    for row in source.figures:
        if source.record.row(row.layer).plain or not row.turns or not row.cpu_us or not row.plain_cpu_us:
            continue
        more = row.plain_cpu_us - row.cpu_us
        known = row.sleeps is not None
        found.append(
            {
                "layer": row.layer, "cpu": row.cpu_us, "plain": row.plain_cpu_us, "more": more, "sleeps": row.sleeps,
                "end": max(row.cpu_us, row.plain_cpu_us), "figure": f"{MINUS if more < 0 else '+'}{micro(abs(more))}",
                "words": f"wrk sleeps {row.sleeps:.1f} times per request" if known else "",
                "brief": f"{row.sleeps:.1f} sleeps" if known else "",
            }
        )  # fmt: skip
    return found


def wakeups_sentence(rows: list[dict[str, Any]]) -> str:
    """The layer that needs most more."""
    most = max(rows, key=lambda row: row["more"])
    if most["more"] <= 0:
        return "No layer needs more CPU time where wrk has a core of its own."
    said = f"With wrk on a core of its own a {most['layer']} request costs {micro(most['more'])} more"
    return f"{said}; {most['words']}." if most["words"] else f"{said}."


def wakeups_spec(rows: list[dict[str, Any]], said: str) -> dict[str, Any]:
    """The chart: a full bar by turns, and dashed what is added to it."""
    largest = max(row["end"] for row in rows)
    pixels = 92 + 6.7 * max(len(row["words"]) for row in rows)
    base = alt.Chart(data(rows)).encode(y=y())
    scale = x("end:Q", "CPU time per request, µs", room(largest, pixels), values=ticks(largest))
    tips = [
        alt.Tooltip("layer:N"), alt.Tooltip("cpu:Q", title="CPU µs by turns", format=",.1f"),
        alt.Tooltip("plain:Q", title="plain wrk", format=",.1f"),
        alt.Tooltip("sleeps:Q", title="sleeps per request", format=".2f"),
    ]  # fmt: skip
    added = base.transform_filter("datum.more > 0").mark_bar(
        size=BAR, yOffset=LINE, y2Offset=LINE, fill="var(--soft)", stroke="var(--accent)", strokeDash=[3, 2],
        strokeWidth=1,
    )  # fmt: skip
    own = base.mark_bar(size=BAR, yOffset=LINE, y2Offset=LINE, fill="var(--accent)")
    chart = alt.layer(
        names(base),
        added.encode(x="cpu:Q", x2="plain:Q", tooltip=tips),
        own.encode(x=scale, x2=alt.datum(0), tooltip=tips).transform_calculate(end="datum.cpu"),
        *labels(base, scale),
    )
    return finished(chart, len(rows), said)


MATRIX_NAMED, MATRIX_TITLE = "matrix", "What each layer costs, by workload"
ROW = 44
"""Pixels for each workload."""
ROOMY = 104
"""Pixels of a cell from which it has room for margins."""
DARKEST = 0.55
"""The opacity of a decay of 100%: the words on it can still be read, in light and dark."""
MATRIX_COLUMNS = (
    Column("workload", "workload", left=True), Column("layer", "layer", left=True), Column("on", "on", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"), Column("low high", "95% interval", "", "{low:.1f} - {high:.1f}"),
    Column("added", "+ µs/req", "", "{added:+,.1f}"), Column("around", "±", "µs", "{around:,.1f}"),
)  # fmt: skip


def matrix_picture(matrix: Matrix) -> Picture | Missing:
    """A cell for each layer that stands on another, in each workload."""
    name = UNFIT.sub("_", f"{MATRIX_NAMED}-{matrix.ladder}")
    found = cells(matrix.records)
    rows = [_row(each) for each in found if each.row.decay is not None]
    told = spread(found, matrix.base)
    if not rows or not told:
        return Missing(name, MATRIX_TITLE, f"no layer of the ladder {matrix.ladder} has figures in two workloads")
    said = workloads_sentence(told)
    pairs = dict.fromkeys(f"{row['layer']} on {row['on']}" for row in rows)
    more = (
        "In each cell: the decay (% fewer requests per CPU-second than the layer below), and the CPU time that the"
        f" layer adds to a request, both ± half of a 95% interval. {', '.join(pairs)}.",
    )
    return Picture(
        name,
        f"{MATRIX_TITLE}: ladder {matrix.ladder}",
        said,
        _spec(rows, said.split(". ")[0]),
        Table(MATRIX_COLUMNS, rows),
        more,
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


def part(found: Matrix) -> Part:
    """A part of all records of the ladder."""
    return of_pictures("matrix", f"{MATRIX_TITLE}: ladder {found.ladder}", matrix_picture(found))
