"""What a bench looks like on the page: a chart for each question, with a sentence, how to read it, and its figures."""

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
from asgi_anatomy.documents.document import Column, Table, Values
from asgi_anatomy.documents.draw import Missing, Picture, Spec
from asgi_anatomy.documents.part import Part, of_pictures
from asgi_anatomy.documents.source import Matrix, Source
from asgi_anatomy.documents.words import MINUS, UNFIT, counted, micro, minus, percent, span, than
from asgi_anatomy.turns.decay import Figures, full_windows

Rows = list[dict[str, Any]]
ON_LINE: dict[str, Any] = {"yOffset": LINE, "y2Offset": LINE}
"""A mark on the line below a layer's name."""
TRACK: dict[str, Any] = {**ON_LINE, "stroke": "var(--faint)", "strokeWidth": 6, "aria": False}


def _cpu_axis(rows: Rows, largest: float) -> Any:
    """An axis of CPU time with room for the words at the end of bars."""
    pixels = 92 + 6.7 * max(len(row["words"]) for row in rows)
    return x("end:Q", "CPU time per request, µs", room(largest, pixels), values=ticks(largest))


# The cost ladder: CPU time per request, each layer's own part standing on what is below it.

TITLE = "What each layer adds to one request"


def picture(source: Source) -> Picture | Missing:
    """The chart of a record of times: what each layer adds."""
    shown = {row.layer: row for row in source.shown()}
    if not shown:
        return Missing("cost", TITLE, "no CPU time per request: `make bench` measures it")
    text = _cost_sentence([*shown.values()])
    whiskers = any(row.cpu_high is not None for row in shown.values())
    more = (
        "The faded part of a bar is what stands below the layer; the full colour is what it adds itself.",
        "Whiskers: the 95% interval of the CPU time." if whiskers else "No whiskers: too few rounds for an interval.",
    )
    return Picture("cost", TITLE, text, _cost_spec(shown, text), None, more)


def _cost_sentence(shown: Sequence[Figures]) -> str:
    """Which layer adds most, against all that is below it."""
    added = [row for row in shown if row.added_us is not None]
    if not added:
        row = max(shown, key=lambda row: row.cpu_us or 0)
        return f"A {row.layer} request takes {micro(row.cpu_us or 0)} of CPU."
    most = max(added, key=lambda row: row.added_us or 0)
    adds = most.added_us or 0
    if adds <= 0:
        return "No layer costs more than the one that it stands on."
    below = (most.cpu_us or 0) - adds
    lower = f"{most.on} and all below it need ({micro(below)})"
    return f"{most.layer} adds most: {micro(adds)}, {than(adds, below)} {lower}."


def _cost_spec(shown: dict[str, Figures], text: str) -> Spec:
    """Faded parts, the layer's own part, the whisker, and the words at its end."""
    rows = [
        {
            "layer": row.layer, "cpu": row.cpu_us, "low": row.cpu_low, "high": row.cpu_high,
            "figure": micro(row.cpu_us or 0), "words": _fewer(row), "brief": _brief(row),
            "end": row.cpu_high or row.cpu_us,
        }
        for row in shown.values()
    ]  # fmt: skip
    parts: Rows = []
    for row in shown.values():
        begin = 0.0
        for place, below in enumerate(_chain(row, shown)):
            end = below.cpu_us or 0
            parts.append(
                {
                    "layer": row.layer, "part": below.layer, "from": begin, "to": end, "own": below is row,
                    "odd": place % 2, "tip": f"{below.layer}: {micro(end)} with all that is below",
                }
            )  # fmt: skip
            begin = end
    # The names of all rows first: the first layer of a chart decides the order of its rows.
    base = alt.Chart(data(rows)).encode(y=y())
    scale = _cpu_axis(rows, max(max(row.cpu_high or 0, row.cpu_us or 0) for row in shown.values()))
    faded = alt.value(expr("datum.odd ? 'var(--under2)' : 'var(--under1)'"))
    bars = (
        alt.Chart(data(parts))
        .mark_bar(size=BAR, **ON_LINE, stroke="var(--paper)", strokeWidth=1)
        .encode(
            y=y(),
            x=alt.X("from:Q"),
            x2="to:Q",
            fill=alt.condition("datum.own", alt.value("var(--accent)"), faded),
            description="tip:N",
        )
    )
    return finished(alt.layer(names(base), bars, *interval(base, rows), *labels(base, scale)), len(rows), text)


def _chain(row: Figures, shown: dict[str, Figures]) -> list[Figures]:
    """A layer and what it stands on, lowest first; a layer that costs less than that stands on nothing."""
    chain = [row]
    while (on := shown.get(chain[0].on or "")) and (on.cpu_us or 0) <= (chain[0].cpu_us or 0):
        chain.insert(0, on)
    return chain


def _fewer(row: Figures) -> str:
    """Its decay in words."""
    if row.decay is None:
        return ""
    return f"{percent(abs(row.decay), row.margin)} {'fewer' if row.decay >= 0 else 'more'} req/s than {row.on}"


def _brief(row: Figures) -> str:
    """Its decay in little room."""
    margin = "" if row.margin is None else f" ±{row.margin:.1f}"
    return "" if row.decay is None else f"{minus(-row.decay, 1)}{margin}%"


# Decays with their intervals, each beside the decay by instructions and by user time, which leaves out the kernel.

DECAYS_TITLE = "What each layer loses against the one below it"
DECAYS_COLUMNS = (
    Column("layer", "layer", left=True),
    Column("on", "on", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("low high", "95% interval", "", "{low:.1f} - {high:.1f}"),
    Column("user", "by user time", "%", "{user:.1f}"),
    Column("counted", "by instructions", "%", "{counted:.1f}"),
)


def decays_picture(source: Source) -> Picture | Missing:
    """The chart of a bench, with an anatomy of the same layers where there is one; of an anatomy alone, its marks."""
    rows = _decays_rows(source)
    if not rows:
        why = "no decay: no layer was measured or counted beside the one it stands on"
        return Missing("decays", DECAYS_TITLE, why)
    text = _decays_sentence(rows)
    more = ["A decay is how many % fewer requests per CPU-second a layer serves than the one it stands on."]
    if any(row["decay"] is not None for row in rows):
        more.append("Line: its 95% interval.")
    if any(row["counted"] is not None for row in rows):
        more.append("Hollow mark: the same by instructions per request.")
    else:
        more.append("No decay by instructions: there is no anatomy of the same layers, versions and machine.")
    return Picture("decays", DECAYS_TITLE, text, _decays_spec(rows, text), Table(DECAYS_COLUMNS, rows), tuple(more))


def _decays_rows(source: Source) -> Rows:
    """A row for each layer that stands on another."""
    by_count = {line.layer: line.decay for line in source.counts}
    by_time = {row.layer: row for row in source.figures}
    rows = []
    for layer in source.record.layers:
        figures, by_instructions = by_time.get(layer.name), by_count.get(layer.name)
        decay = figures.decay if figures else None
        if not layer.on or (decay is None and by_instructions is None):
            continue
        if decay is None or not figures:
            figure = f"{by_instructions or 0:.1f}% by instructions"
        else:
            figure = percent(decay, figures.margin).replace("-", MINUS)
        rows.append(
            {
                "layer": layer.name, "on": layer.on, "decay": decay, "counted": by_instructions,
                "low": figures and figures.decay_low, "high": figures and figures.decay_high, "figure": figure,
                "user": figures and figures.user_decay,
                "by_count": "" if by_instructions is None else f"{by_instructions:.1f}% by instructions",
            }
        )  # fmt: skip
    return rows


def _decays_sentence(rows: Rows) -> str:
    """The largest decay, and where time and instructions are furthest apart."""
    key = "decay" if any(row["decay"] is not None for row in rows) else "counted"
    most = max((row for row in rows if row[key] is not None), key=lambda row: row[key])
    text = f"{most['layer']} loses most, {most[key]:.1f}% against {most['on']}"
    both = [row for row in rows if row["decay"] is not None and row["counted"] is not None]
    if not both:
        return f"{text}{'' if key == 'decay' else ' by instructions'}."
    apart = max(both, key=lambda row: abs(row["decay"] - row["counted"]))
    whose = "its decay" if apart is most else f"that of {apart['layer']}"
    text += f". By instructions {whose} is {_beside(apart, 'counted')}"
    if apart["user"] is None:
        return f"{text}: they leave out the kernel's work."
    return f"{text}; by user time, which leaves out the kernel as they do, it is {_beside(apart, 'user')}."


def _beside(row: Values, key: str) -> str:
    gap = row[key] - row["decay"]
    return f"{abs(gap):.1f} points {'more' if gap > 0 else 'less'}"


def _decays_spec(rows: Rows, text: str) -> Spec:
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
    chart = alt.layer(
        names(base),
        right(base, "figure"),
        base.mark_rule(**TRACK).encode(x=alt.datum(least), x2=alt.datum(100)),
        *interval(solid, rows),
        solid.transform_calculate(place="datum.decay")
        .mark_point(yOffset=LINE, size=80, filled=True, color="var(--accent)", opacity=1)
        .encode(x=scale, description="figure:N"),
        hollow.mark_point(
            yOffset=LINE, size=170, shape="diamond", filled=False, fill="transparent", stroke="var(--ink)",
            strokeWidth=1.5, opacity=1,
        ).encode(x=scale, description="by_count:N"),
    )  # fmt: skip
    return finished(chart, len(rows), text)


# Latency by layer on a logarithmic axis: p50 and p99 in plain windows, with their ranges, which are not intervals.

LATENCY_TITLE = "How long a request waits at saturation"
LATENCY_COLUMNS = (
    Column("layer", "layer", left=True),
    Column("p50", "p50", "µs", "{bound}{p50:,.0f}"),
    Column("p50_low p50_high", "range", "", "{p50_low:,.0f} - {p50_high:,.0f}"),
    Column("p99", "p99", "µs", "{bound}{p99:,.0f}"),
    Column("p99_low p99_high", "range", "", "{p99_low:,.0f} - {p99_high:,.0f}"),
    Column("windows", "windows"),
)


def latency_picture(source: Source) -> Picture | Missing:
    """The chart of a record with plain windows."""
    rows = _latency_rows(source)
    if not rows or not source.measured:
        why = "no latency: it comes from plain windows, with which `make bench` ends"
        return Missing("latency", LATENCY_TITLE, why)
    least, most = min(rows, key=lambda row: row["p50"]), max(rows, key=lambda row: row["p50"])
    text = f"Half of all {least['layer']} requests are answered within {span(least['p50'])}"
    text += f", of {most['layer']} within {span(most['p50'])}." if most is not least else "."
    bounded = any(row["bound"] for row in rows)
    connections = f"{source.measured.load.connections:,} connection{'s' * (source.measured.load.connections != 1)}"
    more = (
        "Dot: p50. Upright bar: p99. Each is the median of plain windows: wrk has a core of its own. Lines: the range"
        " from window to window, which is not an interval.",
        f"wrk keeps {connections} busy, so this compares layers; a service at half load waits far less.",
        *(["<=: the server did not fill its core: with a faster client it would answer sooner."] if bounded else []),
    )
    return Picture("latency", LATENCY_TITLE, text, _latency_spec(rows, text), Table(LATENCY_COLUMNS, rows), more)


def _latency_rows(source: Source) -> Rows:
    """A row for each layer with latencies, in microseconds."""
    rows = []
    for row in source.figures:
        assert source.measured
        windows = full_windows(source.measured, source.measured.row(row.layer))
        halves = [window.latency_us.p50 for window in windows if window.latency_us]
        bound = "<= " if row.bound else ""
        if row.p50_us and row.p99_us and halves:
            rows.append(
                {
                    "layer": row.layer, "p50": row.p50_us, "p50_low": min(halves), "p50_high": max(halves),
                    "p99": row.p99_us, "p99_low": row.p99_low, "p99_high": row.p99_high, "windows": len(halves),
                    "figure": f"p50 {bound}{span(row.p50_us)}, p99 {bound}{span(row.p99_us)}", "bound": bound,
                }
            )  # fmt: skip
    return rows


def _latency_spec(rows: Rows, text: str) -> Spec:
    low = max(1, min(row["p50_low"] for row in rows)) * 0.9
    high = max(row["p99_high"] for row in rows) * 1.1
    label = "datum.value >= 1e6 ? datum.value / 1e6 + ' s' : "
    label += "datum.value >= 1e3 ? datum.value / 1e3 + ' ms' : datum.value + ' µs'"
    places = [step * 10**power for power in range(8) for step in (1, 2, 5) if low <= step * 10**power <= high]
    axis = alt.Axis(title="latency, logarithmic", values=places, labelExpr=label, labelOverlap=True, labelFlush=True)
    scale = alt.X("p50:Q", axis=axis, scale=alt.Scale(type="log", domain=[low, high], nice=False))
    base = alt.Chart(data(rows)).encode(y=y())
    line = base.mark_rule(**ON_LINE, strokeWidth=1.5, aria=False)
    dot = base.mark_point(yOffset=LINE, size=70, filled=True, opacity=1, color="var(--accent)")
    bar = base.mark_tick(yOffset=LINE, size=14, thickness=3, color="var(--ink)", opacity=1)
    chart = alt.layer(
        names(base),
        right(base, "figure"),
        base.mark_rule(**TRACK).encode(x=scale, x2="p99:Q"),
        line.encode(x="p50_low:Q", x2="p50_high:Q", stroke=alt.value("var(--accent)")),
        line.encode(x="p99_low:Q", x2="p99_high:Q", stroke=alt.value("var(--ink)")),
        dot.encode(x=scale, description="figure:N"),
        bar.encode(x="p99:Q", description="figure:N"),
    )
    return finished(chart, len(rows), text)


# Every turn of a run over time: what a request cost in it, as a multiple of the layer's own figure.

TURNS_TITLE = "Every turn of the run"
HIGHEST = 4.0
"""Times its layer's figure: a turn that cost more is drawn there."""
MOST = 300
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
    rows = _turns_rows(source)
    if not rows:
        why = "no turns: these layers were measured in plain windows, one after another"
        return Missing("turns", TURNS_TITLE, why)
    rounds, layers = ({row[key] for row in rows} for key in ("round", "layer"))
    slow, step = sum(row["slow"] for row in rows), -(-len(rows) // MOST)
    text = f"{counted(len(rows), 'turn')} of {counted(len(layers), 'layer')} in {counted(len(rounds), 'round')}"
    text += f"; {slow:,} of them were slow and do not count." if slow else ", and all of them count."
    more = ["1 is the layer's CPU time per request as in the tables; a gap is where servers were started anew."]
    if slow:
        more.append("Orange crosses: the core was slow, so the turn does not count.")
    if step > 1:
        more.append(f"One turn of {step} is drawn.")
    table = Table(TURNS_COLUMNS, _turns_by_layer(source, rows))
    return Picture("turns", TURNS_TITLE, text, _turns_spec(rows[::step], text), table, tuple(more))


def _turns_rows(source: Source) -> Rows:
    """A row for each turn with a CPU time, in the order in which they were: `at` is in seconds since the first round
    began, without what starting its servers took.
    """
    record, levels = source.measured, source.levels
    if not record or not levels:
        return []
    figures = {row.layer: row.cpu_us for row in source.figures}
    rows = []
    for costs, slow in ((levels.used, False), (levels.slow, True)):
        for cost in costs:
            if not (figure := figures.get(cost.layer)):
                continue
            begin = (record.rounds[cost.round].start - record.rounds[0].start).total_seconds()
            rows.append(
                {
                    "layer": cost.layer, "round": cost.round + 1, "at": round(begin + cost.at_us / 1e6, 2),
                    "ratio": round(cost.cpu_us / cost.requests / figure, 3), "slow": slow,
                }
            )  # fmt: skip
    return sorted(rows, key=lambda row: (row["round"], row["at"]))


def _turns_by_layer(source: Source, rows: Rows) -> Rows:
    """A row for each layer, in the record's order; `void` are turns without CPU time, since some processes ended."""
    turns = [turn for round_ in source.measured.rounds for turn in round_.turns] if source.measured else []
    table = []
    for figure in source.figures:
        slow = [row["slow"] for row in rows if row["layer"] == figure.layer]
        ratios = [row["ratio"] for row in rows if row["layer"] == figure.layer and not row["slow"]]
        if slow:
            table.append(
                {
                    "layer": figure.layer, "turns": figure.turns, "slow": sum(slow),
                    "middle": median(ratios) if ratios else None, "least": min(ratios, default=None),
                    "most": max(ratios, default=None),
                    "void": sum(turn.layer == figure.layer and turn.cpu_ns is None for turn in turns),
                }
            )  # fmt: skip
    return table


def _turns_spec(rows: Rows, text: str) -> Spec:
    """A dot for each turn that counts, a cross for each that does not."""
    shown = [{**row, "ratio": min(row["ratio"], HIGHEST)} for row in rows]
    ratios = [row["ratio"] for row in shown]
    at = alt.X(
        "at:Q",
        axis=alt.Axis(title="seconds since the run began", grid=False, labelOverlap=True, labelFlush=True),
        scale=alt.Scale(nice=False),
    )
    ratio = alt.Y(
        "ratio:Q",
        axis=alt.Axis(title=None, tickCount=5, labelExpr="format(datum.value, '.1f') + ' \u00d7'"),
        scale=alt.Scale(domain=[min(0.8, *ratios) / 1.05, max(1.3, *ratios) * 1.05], nice=False, zero=False),
    )
    base = alt.Chart(data(shown)).encode(x=at, y=ratio)
    one = alt.Chart(data([{"ratio": 1}])).mark_rule(stroke="var(--ink)", strokeDash=[2, 3], aria=False).encode(y=ratio)
    usual = base.transform_filter("!datum.slow").mark_point(
        filled=True, size=14, color="var(--accent)", fillOpacity=0.8, opacity=1, aria=False
    )
    slow = base.transform_filter("datum.slow").mark_point(
        size=18, shape="M-1,-1L1,1M-1,1L1,-1", color="var(--slow)", opacity=1, aria=False
    )
    return specified(alt.layer(one, usual, slow), 210, text)


# What a request costs by turns, and what it would read under an ordinary wrk, which has a core of its own and sleeps.

WAKEUPS_TITLE = "What an ordinary wrk would show, and why it differs"
HATCHES = 80
"""Lines of a hatching as wide as the chart."""
WAKEUPS_COLUMNS = (
    Column("layer", "layer", left=True),
    Column("cpu", "CPU µs by turns", "", "{cpu:,.1f}"),
    Column("plain", "ordinary wrk", "", "{plain:,.1f}"),
    Column("more", "more", "", "{more:+,.1f}"),
    Column("kernel", "of that in the kernel", "", "{kernel:+,.1f}"),
    Column("sleeps", "sleeps per req", "", "{sleeps:.2f}"),
)


def wakeups_picture(source: Source) -> Picture | Missing:
    """The chart of a record that has both turns and plain windows."""
    rows = _wakeups_rows(source)
    if not rows:
        why = "no layer has both turns and plain windows: `make bench` ends with those, where there are two cores"
        return Missing("wake-ups", WAKEUPS_TITLE, why)
    most = max(rows, key=lambda row: row["more"])
    text = f"An ordinary wrk reads {micro(most['plain'])} for a {most['layer']} request, {micro(most['more'])} more"
    if source.speeds:
        text += f"; part of that is the core, slow in {100 * source.speeds.slow:.0f}% of the turns."
    else:
        text += f" than by turns; {most['words']}." if most["words"] else " than by turns."
    if most["more"] <= 0:
        text = "No layer needs more CPU time under an ordinary wrk."
    more = [
        "Full colour: CPU time of a server by turns, its client on the same core. Hatched: what it takes besides where"
        " wrk has a core of its own, as everybody runs it. There wrk sleeps until an answer comes, and the server pays"
        " for waking it; where wrk polls instead, the layers cost about what they do by turns (docs/METHOD.md)."
        " A service whose clients are on other machines does not pay for it."
    ]
    if most["more"] > 0 and most["kernel"] is not None:
        more.append(f"Of what {most['layer']} takes besides, {micro(most['kernel'])} is time in the kernel.")
    if source.speeds:
        more.append(
            "The core had two speeds: turns are at its fast one, plain windows at whichever it had, so what is hatched"
            " is not the wake-ups alone."
        )
    table = Table(WAKEUPS_COLUMNS, rows)
    return Picture("wake-ups", WAKEUPS_TITLE, text, _wakeups_spec(rows, text), table, tuple(more))


def _wakeups_rows(source: Source) -> Rows:
    """A row for each layer that was measured by turns and has plain windows."""
    rows = []
    for row in source.figures:
        if source.record.row(row.layer).plain or not row.turns or not row.cpu_us or not row.plain_cpu_us:
            continue
        more, known = row.plain_cpu_us - row.cpu_us, row.sleeps is not None
        split = row.plain_system_us is not None and row.system_us is not None
        rows.append(
            {
                "layer": row.layer, "cpu": row.cpu_us, "plain": row.plain_cpu_us, "more": more, "sleeps": row.sleeps,
                "kernel": (row.plain_system_us or 0) - (row.system_us or 0) if split else None,
                "end": max(row.cpu_us, row.plain_cpu_us), "figure": f"{MINUS if more < 0 else '+'}{micro(abs(more))}",
                "words": f"wrk sleeps {row.sleeps:.1f} times per request" if known else "",
                "brief": f"{row.sleeps:.1f} sleeps" if known else "",
                "tip": f"{row.layer}: {micro(row.cpu_us)} by turns, {micro(row.plain_cpu_us)} under an ordinary wrk",
            }
        )  # fmt: skip
    return rows


def _wakeups_spec(rows: Rows, text: str) -> Spec:
    """A full bar by turns, and hatched what is added to it."""
    base = alt.Chart(data(rows)).encode(y=y())
    largest = max(row["end"] for row in rows)
    scale = _cpu_axis(rows, largest)
    added = base.transform_filter("datum.more > 0").mark_bar(
        size=BAR, **ON_LINE, fill="var(--paper)", stroke="var(--accent)", strokeWidth=1
    )
    lines = [line for row in rows for line in _hatching(row, largest / HATCHES)]
    hatched = alt.Chart(data(lines)).mark_rule(
        stroke="var(--accent)", strokeWidth=1, yOffset=LINE + BAR / 2, y2Offset=LINE - BAR / 2, aria=False
    )
    by_turns = base.mark_bar(size=BAR, **ON_LINE, fill="var(--accent)")
    chart = alt.layer(
        names(base),
        added.encode(x="cpu:Q", x2="plain:Q", description="tip:N"),
        hatched.encode(x="from:Q", x2="to:Q", y=y(), y2="layer:N"),
        by_turns.encode(x=scale, x2=alt.datum(0), description="tip:N").transform_calculate(end="datum.cpu"),
        *labels(base, scale),
    )
    return finished(chart, len(rows), text)


def _hatching(row: dict[str, Any], step: float) -> Rows:
    """Slanted lines over what an ordinary wrk shows besides; as steep as there is room."""
    slant = min(2 * step, row["more"])
    count = int((row["more"] - slant) / step) + 1 if row["more"] > 0 else 0
    starts = [row["cpu"] + place * step for place in range(count)]
    return [{"layer": row["layer"], "from": start, "to": start + slant} for start in starts]


# What each layer of a ladder costs, by workload, as a heat map: the darker, the dearer than the layer below.

MATRIX_TITLE = "What each layer costs, by workload"
DARKEST = 0.55
"""The opacity of a decay of 100%: the words on it can still be read, in light and dark."""
MATRIX_COLUMNS = (
    Column("workload", "workload", left=True), Column("layer", "layer", left=True), Column("on", "on", left=True),
    Column("cpu", "CPU µs/req", "", "{cpu:,.1f}"), Column("added", "+ µs/req", "", "{added:+,.1f}"),
    Column("around", "±", "µs", "{around:,.1f}"), Column("times", "times the layer below", "", "{times:.2f}"),
    Column("note", "note", left=True),
)  # fmt: skip


def part(matrix: Matrix) -> Part:
    """The section of one ladder under several workloads."""
    return of_pictures("matrix", f"{MATRIX_TITLE}: ladder {matrix.ladder}", matrix_picture(matrix))


def matrix_picture(matrix: Matrix) -> Picture | Missing:
    """A cell for each layer that stands on another, in each workload."""
    name = UNFIT.sub("_", f"matrix-{matrix.ladder}")
    every = cells(matrix.records)
    rows = [_matrix_row(cell) for cell in every if cell.row.decay is not None]
    costs = spread(every, matrix.base)
    if not rows or not costs:
        return Missing(name, MATRIX_TITLE, f"no layer of the ladder {matrix.ladder} has figures in two workloads")
    text = workloads_sentence(costs)
    pairs = dict.fromkeys(f"{row['layer']} on {row['on']}" for row in rows)
    more = (f"In each cell: how many times the CPU time of the layer below a request takes. {', '.join(pairs)}.",)
    title, spec = f"{MATRIX_TITLE}: ladder {matrix.ladder}", _matrix_spec(rows, text.split(". ")[0])
    lacking = [
        {"workload": cell.workload, "layer": cell.row.layer, "on": cell.row.on, "note": _why_not(cell)}
        for cell in every
        if cell.row.decay is None
    ]
    return Picture(name, title, text, spec, Table(MATRIX_COLUMNS, [*rows, *lacking]), more)


def _why_not(cell: Cell) -> str:
    """Why there is no ratio."""
    return f"{cell.row.layer if not cell.row.cpu_us else cell.row.on} has no figure in this workload"


def _matrix_row(cell: Cell) -> dict[str, Any]:
    row, decay = cell.row, cell.row.decay or 0.0
    times = 1 / (1 - decay / 100)
    return {
        "workload": cell.workload, "layer": row.layer, "on": row.on, "decay": decay, "times": times,
        "cpu": row.cpu_us, "added": row.added_us, "around": cell.added_margin, "note": "",
        "shade": min(abs(decay), 100.0) / 100 * DARKEST, "words": f"{times:.2f}\u00a0\u00d7",
        "tip": f"{cell.workload}, {row.layer}: {micro(row.cpu_us or 0)}, {times:.2f} times {row.on}",
    }  # fmt: skip


def _matrix_spec(rows: Rows, text: str) -> Spec:
    """A row for each workload, a column for each layer: names are broken at hyphens, since columns may be narrow."""
    workloads, layers = ({row[key] for row in rows} for key in ("workload", "layer"))
    small = expr(f"width < {70 * len(layers)} ? 9 : 12")
    head = alt.Axis(
        orient="top", title=None, labelAngle=0, labelExpr="split(datum.label, '-')", labelFontWeight=600,
        labelColor="var(--ink)", labelOverlap=False, labelLimit=expr(f"width / {len(layers)} - 6"),
        labelBaseline="bottom", grid=False, labelPadding=6 + 13 * max(layer.count("-") for layer in layers),
        labelFontSize=small,
    )  # fmt: skip
    side = alt.Axis(
        title=None, labelColor="var(--ink)", labelFontWeight=600, labelLimit=0, labelFontSize=12, grid=False
    )
    base = alt.Chart(data(rows)).encode(
        x=alt.X("layer:N", sort=None, axis=head, scale=alt.Scale(padding=0.03)),
        y=alt.Y("workload:N", sort=None, axis=side, scale=alt.Scale(padding=0.06)),
    )
    chart = alt.layer(
        base.mark_rect(cornerRadius=2).encode(
            color=alt.condition("datum.decay < 0", alt.value("var(--part3)"), alt.value("var(--accent)")),
            opacity=alt.Opacity("shade:Q", scale=None, legend=None),
            description="tip:N",
        ),
        base.mark_text(align="center", fontSize=small, aria=False).encode(text="words:N"),
    )
    return specified(chart, len(workloads) * 34, text)
