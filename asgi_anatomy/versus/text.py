"""Two versions of packages in words and tables: a verdict, a row for each layer, which functions changed, what differs.

Text, CSV and JSON are a document; Markdown is made for a pull request: short, with what did not change folded away.
"""

import math
from collections import defaultdict
from typing import Any

import msgspec

from asgi_anatomy.counts.changes import FunctionChange
from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.origin import described, named
from asgi_anatomy.documents.words import UNFIT, markdown, rounded, to_type
from asgi_anatomy.suite.workloads import USER
from asgi_anatomy.turns.estimate import decay
from asgi_anatomy.turns.verdict import seconds_needed
from asgi_anatomy.versus.bisect import BisectionStep, steps
from asgi_anatomy.versus.record import Versus
from asgi_anatomy.versus.verdict import CPU, Judged, chief, floor_of, judge_layers, overall

SCHEMA = 1
"""The version of the JSON object: keys are only ever added to one version."""
METRICS = {"instructions": "instructions", "bytecodes": "bytecodes", "calls": "calls", "syscalls": "calls", CPU: "us"}
"""The unit of each metric; all are per request."""
DECISIVE = {"instructions": "instructions", "bytecodes": "bytecodes", CPU: "CPU time"}
"""The metric that the sentence is about, the first that is known, and its name in words."""
PLAIN = ("bytecodes", "calls", "syscalls")
"""Metrics of which the table of layers has the change alone."""
LEAST = 0.1  # calls per request that are worth a column
NAMED, FOLDED = 5, 40
"""Functions named in text, and in the folded part of Markdown."""
MARKER = "<!-- asgi-anatomy versus: {packages} -->"
"""By this a bot finds its own comment, to update it."""
LONGEST = 86_400  # seconds: a budget that is longer is not practical


def versus_document(record: Versus, form: str = "text", wide: bool = False) -> Document:
    """The comparison for text, CSV (a row for each layer and metric) and JSON (one object)."""
    judged = judge_layers(record)
    parts: list[str | Table] = [sentence(record, judged)]
    if any(layer.metrics for layer in judged):
        parts += ["", layers_table(judged)]
    if about := most_changed(judged):
        heading = f"Functions that changed most, on {about.row.layer}, per request:"
        parts += ["", heading, functions_table(about.functions, NAMED)]
    parts += [*bisection_lines(record), "", *remarks(record, judged), *made(record, wide)]
    rows = [rounded(_as_object(record, judged))] if form == "json" else _metric_rows(judged)
    keys = [*rows[0]] if form == "json" else ["layer", "metric", "unit", *METRIC_KEYS]
    return Document(parts, Table([Column(key) for key in keys], rows), single=form == "json")


def versus_markdown(record: Versus) -> str:
    """One bold line, the rows that changed, and the rest in <details>."""
    judged = judge_layers(record)
    same = [layer for layer in judged if {layer.by_counts, layer.by_time} <= {"same", None} and not layer.row.faults]
    shown: list[str | Table] = [layers_table([layer for layer in judged if layer not in same])]
    shown += bisection_lines(record)
    shown += [f"{layer.row.layer}: {fault}" for layer in judged for fault in layer.row.faults]
    folded: list[str | Table] = []
    if about := most_changed(judged):
        heading = f"Functions that changed, on {about.row.layer}, per request:"
        folded += [heading, functions_table(about.functions, FOLDED)]
    unchanged = layers_table(same)
    folded += [f"Not changed by {record.limit:g}% or more:", unchanged] if unchanged.rows else []
    folded += [*remarks(record, judged), *made(record, wide=True), "To repeat it:"]
    packages = " ".join(dict.fromkeys(UNFIT.sub("_", name) for row in record.layers for name in row.versions))
    pieces = [
        MARKER.format(packages=packages),
        f"**{markdown(sentence(record, judged))}**",
        _as_markdown(shown),
        "<details><summary>Functions, floor, and how to repeat it</summary>",
        _as_markdown(folded),
        f"```sh\n{repeat(record)}\n```",
        "</details>",
    ]
    return "\n\n".join(filter(None, pieces))


def _as_markdown(parts: list[str | Table]) -> str:
    kept = [part for part in parts if isinstance(part, str) or part.rows]
    return Document(kept, Table((), ())).render("markdown")


def repeat(record: Versus) -> str:
    """The command that repeats it."""
    return to_type("versus", record.asked)


def names(record: Versus) -> tuple[str, str]:
    """What the sides are, in words: "uvicorn 0.50.0"."""
    return " + ".join(record.a), " + ".join(record.b)


def sentence(record: Versus, judged: list[Judged]) -> str:
    """The verdict in words."""
    a, b = names(record)
    if record.bisection:
        count = len(steps(record.bisection.points, record.limit))
        moved = f"moved the {record.bisection.metric} by more than {record.limit:g}%"
        return f"{count} of the {len(record.bisection.points) - 1} versions after {a}, up to {b}, {moved}."
    about = chief(judged)
    name = next((name for name in DECISIVE if about and name in about.metrics), "")
    if not about or not name:
        return f"unclear: {b} and {a} could not be compared on any layer."
    verdict, metric, layer = overall(judged), about.metrics[name], about.row.layer
    size = abs(metric.delta)
    amount = f"{size:,.2f} µs" if name == CPU else f"{size:,.10g}" if name == "bytecodes" else f"{size:,.0f}"
    how = "more" if metric.delta >= 0 else "less" if name == CPU else "fewer"
    percent = f" ({metric.percent:+.2f}%)" if metric.percent is not None else ""
    more = f"{amount} {how} {DECISIVE[name]} per {_request(record)}{percent}"
    if verdict in ("slower", "faster"):
        if (gain := _gain(about)) and about.by_time == verdict:
            return f"{verdict}: {b} serves {gain} per CPU-second than {a} on {layer}, with {more}."
        return f"{verdict}: {b} takes {more} than {a} on {layer}."
    if verdict == "unclear":
        return f"unclear: {b} takes {more} than {a} on {layer}, which is no more than A differs from itself."
    limit = record.threshold if name == CPU else record.limit
    what = f"{DECISIVE[name]} per {_request(record)}"
    return f"same: {b} and {a} differ by less than {limit:g}% of {what} on every layer."


def _request(record: Versus) -> str:
    """What was asked: of an app of one's own, whatever that answers."""
    if record.asked.keys() & {"APP", "SERVE", "LAYERS_FILE"}:
        return "request"
    return "User request" if record.workload == USER else f"{record.workload} request"


def _gain(judged: Judged) -> str:
    """How many more requests per CPU-second B serves: "3.1% more (2.5 to 3.8)"."""
    interval = _interval(judged)
    if not interval or not judged.time or not judged.time.found:
        return ""
    more = -decay(judged.time.found.mean)
    low, high = sorted(gain if more > 0 else -gain for gain in interval)
    return f"{abs(more):.1f}% {'more' if more > 0 else 'fewer'} requests ({low:.1f} to {high:.1f}%)"


def _interval(judged: Judged) -> list[float]:
    """The bounds of how many percent more requests per CPU-second B serves; empty where that is not known."""
    time = judged.time
    interval = time.found.interval(time.alpha) if time and time.found else None
    return [-decay(bound) for bound in interval or ()]


def layers_table(judged: list[Judged]) -> Table:
    """A row for each layer that has figures: B against A."""
    timed = any(layer.time for layer in judged)
    counted = any(layer.metrics.keys() - {CPU} for layer in judged)
    calls = any("syscalls" in layer.metrics and abs(layer.metrics["syscalls"].delta) >= LEAST for layer in judged)
    columns = [Column("layer", "layer", left=True)]
    if counted:
        columns += [
            Column("instructions", "instructions", show="{instructions:,.0f}", wide=timed),
            Column("more", "B - A", show="{more:+,.0f}"),
            Column("percent", "%", show="{percent:+.2f}"),
            *(_change_column(name, wide=name == "syscalls" and not calls) for name in PLAIN),
            Column("counts", "by counts" if not timed else "counts"),
        ]
    if timed:
        columns += [Column("gain", "req/CPU-s", "%"), Column("time", "by time" if not counted else "time")]
    return Table(columns, [_layer_row(layer) for layer in judged if layer.metrics])


def _change_column(name: str, wide: bool) -> Column:
    zero_or_missing = {None: "-", 0: "0"}
    return Column(name, name, show=lambda row: zero_or_missing.get(row[name]) or f"{row[name]:+,.6g}", wide=wide)


def _layer_row(judged: Judged) -> Values:
    instructions, gains = judged.metrics.get("instructions"), _interval(judged)
    return {
        "layer": judged.row.layer,
        "instructions": instructions and instructions.a,
        "more": instructions and instructions.delta,
        "percent": instructions and instructions.percent,
        **{name: judged.metrics[name].delta if name in judged.metrics else None for name in PLAIN},
        "counts": judged.by_counts,
        "gain": f"{gains[0]:+.1f} to {gains[1]:+.1f}" if gains else None,
        "time": judged.by_time,
    }


def most_changed(judged: list[Judged]) -> Judged | None:
    """The layer whose functions are named: the one that the verdict is about if any of its own changed, or another."""
    return next((layer for layer in [chief(judged), *judged] if layer and layer.functions), None)


def functions_table(functions: list[FunctionChange], most: int) -> Table:
    """Calls and bytecodes of functions in A and B; a last row has what is left."""
    rows: list[Values] = [function.row for function in functions[:most]]
    if rest := functions[most:]:
        added = sum(function.bytecodes.delta for function in rest)
        rows.append({**dict.fromkeys(rows[0]), "function": f"{len(rest)} more", "added": added})
    columns = (
        Column("function", "function", left=True),
        Column("calls_a calls_b", "calls", show="{calls_a:,.6g} -> {calls_b:,.6g}"),
        Column("bytecodes_a bytecodes_b", "bytecodes", show="{bytecodes_a:,.6g} -> {bytecodes_b:,.6g}"),
        Column("added", "B - A", show="{added:+,.6g}"),
    )
    return Table(columns, rows)


def bisection_lines(record: Versus) -> list[str]:
    """A line for each step, and for what could not be counted."""
    bisection = record.bisection
    if not bisection:
        return []
    points = bisection.points
    counted = sum(point.count is not None for point in points)
    lines = [
        f"Bisection of {bisection.package} on {bisection.layer}: {counted} of {len(points)} versions counted; steps of"
        f" more than {record.limit:g}% of {bisection.metric}:"
    ]
    moved = steps(points, record.limit)
    for step in moved:
        before, after = step.before, step.after
        between = f" (or one of {len(step.between)} before it, which were not counted)" if step.between else ""
        others = ""
        if after.differ != before.differ:
            differ = ", ".join(f"{name} {version}" for name, (_, version) in after.differ.items())
            others = f" (with {differ or 'the other packages of A'})"
        lines.append(f"{_size(step)} {f'{after.name} {after.subject}'.strip()}{others}{between}")
    whole = BisectionStep(points[0], points[-1])
    a, b = whole.before, whole.after
    if moved:
        lines.append(f"{_size(whole)} in all, from {a.name} to {b.name}.")
    elif a.count is not None and b.count is not None:
        lines.append(f"  none: {a.name} and {b.name} take {a.count:,.0f} and {b.count:,.0f}.")
    return lines + [f"  skipped: {point.name} {point.subject}: {point.fault}" for point in points if point.fault]


def _size(step: BisectionStep) -> str:
    return f"  {step.delta:+,.0f} ({step.percent:+.2f}%)"


def made(record: Versus, wide: bool = False) -> list[str]:
    """Where and with what it was made; of the packages, those that both sides have in one version, the lock's."""
    other = {name for row in record.layers for name in (*row.moved, *row.differ)}
    packages = {name: version for name, version in record.packages.items() if name not in other}
    where = f"Counted by workers on {', '.join(record.counted_on)}; times, if any, are of this machine:"
    lines = described(msgspec.structs.replace(record, packages=packages), wide)
    return [where, *lines] if record.counted_on else lines


def remarks(record: Versus, judged: list[Judged]) -> list[str]:
    """What else differs, and what is not sure, a line each."""
    return [
        *named(record),
        *(f"{layer.row.layer}: {fault}" for layer in judged for fault in layer.row.faults),
        *(
            f"{layer.row.layer}: counts say {layer.by_counts}, time says {layer.by_time}: they disagree."
            for layer in judged
            if layer.disagree
        ),
        *_differences(record),
        *_floor(record, judged),
        *_missing(judged),
        *filter(None, map(_unclear, judged)),
    ]


def _differences(record: Versus) -> list[str]:
    """In what the sides differ beside the packages compared: dependencies, flags, answers."""
    rows = record.layers
    lines = []
    for what, differences in (
        ("deps differ", _shared({row.layer: _arrows(row.differ) for row in rows})),
        ("both sides have, not as locked", _shared({row.layer: _arrows(row.moved) for row in rows})),
        ("they answer differently", _shared({row.layer: row.answers for row in rows})),
        ("flags left out in A", {row.layer: " ".join(row.a.flags) for row in rows if row.a.flags}),
        ("flags left out in B", {row.layer: " ".join(row.b.flags) for row in rows if row.b.flags}),
    ):
        if differences:
            lines.append(f"{what}: {', '.join(f'{name} {value}' for name, value in differences.items())}.")
    exact = [side.exact for row in rows for side in (row.a, row.b) if side.exact is not None]
    if exact and record.workload == USER:
        how = "to the byte" if all(exact) else "as JSON, not to the byte"
        lines.append(f"Both sides answer the User request {how}.")
    elif exact:
        lines.append("Both sides give the answers that the workload expects.")
    return lines


def _arrows(versions: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: f"{a or 'none'} -> {b or 'none'}" for name, (a, b) in versions.items()}


def _shared(layers: dict[str, dict[str, str]]) -> dict[str, str]:
    """What is the same on several layers, once; what is not, with the layer's name."""
    shared: dict[str, str] = {}
    for layer, values in layers.items():
        for name, value in values.items():
            if shared.setdefault(name, value) != value:
                shared[f"{name} ({layer})"] = value
    return shared


def _floor(record: Versus, judged: list[Judged]) -> list[str]:
    lines = []
    if floor := floor_of(record):
        percents = ", ".join(f"{percent:.2f}% of {name}" for name, percent in floor.items())
        lines.append(
            f"Floor: A against A on {record.floor_layer} differs by {percents}. Below {record.limit:g}%: same."
        )
    if levels := [layer.time.alpha for layer in judged if layer.time]:
        level = f"{100 * (1 - min(levels)):.4g}%"
        lines.append(f"By time: turns on one core, intervals at {level}; below {record.threshold:g}%: same.")
    return lines


def _missing(judged: list[Judged]) -> list[str]:
    """What could not be counted, and of what."""
    notes: dict[str, list[str]] = defaultdict(list)
    for row in (layer.row for layer in judged):
        for side, counts in (("A", row.a.counts), ("B", row.b.counts)):
            for note in counts.notes if counts else []:
                notes[note].append(f"{row.layer} in {side}")
    everything = sum(2 for layer in judged if layer.row.a.counts)
    return [note if len(of) == everything else f"{note} ({', '.join(of)})" for note, of in notes.items()]


def _unclear(judged: Judged) -> str:
    """How long a pair that is unclear would need."""
    time, layer = judged.time, judged.row.layer
    if not time or time.verdict != "unclear":
        return ""
    if not time.found or time.found.error is None:
        return f"{layer}: too few rounds in {time.seconds:.0f} s to say anything by time: try a longer BUDGET."
    needed = seconds_needed(time.found, time.alpha, time.threshold, time.seconds)
    if not math.isfinite(needed) or needed > LONGEST:
        return f"{layer}: unclear by time, and no practical budget would be enough."
    return f"{layer}: unclear by time after {time.seconds:.0f} s: it needs about {needed:.0f} s."


METRIC_KEYS = ("a", "b", "delta", "percent", "low", "high", "verdict")


def _metric(judged: Judged, name: str) -> dict[str, Any]:
    return {key: getattr(judged.metrics[name], key) for key in METRIC_KEYS}


def _metric_rows(judged: list[Judged]) -> list[Values]:
    return [
        {"layer": layer.row.layer, "metric": name, "unit": unit, **_metric(layer, name)}
        for layer in judged
        for name, unit in METRICS.items()
        if name in layer.metrics
    ]


def _as_object(record: Versus, judged: list[Judged]) -> dict[str, Any]:
    """The whole comparison."""
    versions = {name: pair for row in record.layers for name, pair in row.versions.items()}
    return {
        "schema": SCHEMA,
        "verdict": overall(judged),
        "a": record.a,
        "b": record.b,
        "packages": _sides(versions),
        "limit": record.limit,
        "threshold": record.threshold,
        "workload": record.workload,
        "floor": {"layer": record.floor_layer, "percent": floor_of(record)},
        "layers": [
            {
                "layer": layer.row.layer,
                "verdict": layer.verdict if layer.metrics else None,
                "by_counts": layer.by_counts,
                "by_time": layer.by_time,
                "metrics": {name: {**_metric(layer, name), "unit": METRICS[name]} for name in layer.metrics},
                "faults": layer.row.faults,
                "answers": layer.row.answers,
                "dependencies": _sides(layer.row.differ),
                "flags_left_out": {"a": layer.row.a.flags, "b": layer.row.b.flags},
                "exact": {"a": layer.row.a.exact, "b": layer.row.b.exact},
            }
            for layer in judged
        ],
        "functions": [
            {
                "layer": layer.row.layer,
                "name": function.name,
                "calls": {key: getattr(function.calls, key) for key in METRIC_KEYS[:3]},
                "bytecodes": {key: getattr(function.bytecodes, key) for key in METRIC_KEYS[:3]},
            }
            for layer in judged
            for function in layer.functions
        ],
        "bisection": msgspec.to_builtins(record.bisection),
        "machine": msgspec.to_builtins(record.machine),
        "python": msgspec.to_builtins(record.python),
        "made": record.made and record.made.isoformat(),
        "stopped": record.stopped,
    }


def _sides(versions: dict[str, tuple[str, str]]) -> dict[str, dict[str, str]]:
    return {name: {"a": a, "b": b} for name, (a, b) in versions.items()}
