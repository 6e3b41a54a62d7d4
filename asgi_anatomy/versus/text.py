"""A bisection: which releases or commits moved a count, and by how much.

Below the figures of two versions: what else differs, what is not sure, and where it was made, a line each.

Two versions of packages, for programs: the rows of CSV, and a JSON object with a version of its own.

Two versions of packages: a verdict, a row for each layer, which functions changed, and what else differs.

Two versions of packages as Markdown for a pull request: short, with what did not change folded away.
"""

import json
import math
import shlex
from typing import Any

import msgspec

from asgi_anatomy.counts.changes import FunctionChange
from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.origin import named, origin_origin
from asgi_anatomy.documents.words import cell, markdown
from asgi_anatomy.suite.workloads import USER
from asgi_anatomy.turns.estimate import decay
from asgi_anatomy.turns.record import Verdict
from asgi_anatomy.turns.verdict import seconds_needed
from asgi_anatomy.versus.bisect import Step, steps
from asgi_anatomy.versus.figures import CPU, Judged, chief, floor_of, judge_layers, overall
from asgi_anatomy.versus.record import Versus


def bisection_lines(record: Versus) -> list[str]:
    """A line for each step, and for what could not be counted."""
    found = record.bisection
    if not found:
        return []
    counted = sum(each.count is not None for each in found.points)
    lines = [
        f"Bisection of {found.package} on {found.layer}: {counted} of {len(found.points)} versions counted; steps of"
        f" more than {record.limit:g}% of {found.metric}:"
    ]
    moved = steps(found.points, record.limit)
    for step in moved:
        between = f" (or one of {len(step.between)} before it, which were not counted)" if step.between else ""
        said = f"{step.after.name} {step.after.subject}".strip()
        if step.after.differ != step.before.differ:
            others = ", ".join(f"{name} {version}" for name, (_, version) in step.after.differ.items())
            said += f" (with {others or 'the other packages of A'})"
        lines.append(f"  {step.delta:+,.0f} ({step.percent:+.2f}%) {said}{between}")
    ends = found.points[0], found.points[-1]
    if not moved and all(each.count is not None for each in ends):
        lines.append(f"  none: {ends[0].name} and {ends[1].name} take {ends[0].count:,.0f} and {ends[1].count:,.0f}.")
    elif moved:
        whole = Step(*ends, between=[])
        lines.append(f"  {whole.delta:+,.0f} ({whole.percent:+.2f}%) in all, from {ends[0].name} to {ends[1].name}.")
    lines += [f"  skipped: {each.name} {each.subject}: {each.fault}" for each in found.points if each.fault]
    return lines


def notes(record: Versus, judged: list[Judged], wide: bool = False) -> list[str]:
    """What else differs, what is not sure, and where it was made, a line each."""
    return [*remarks(record, judged), *made(record, wide)]


def made(record: Versus, wide: bool = False) -> list[str]:
    """Where and with what it was made; of the packages, those that both sides have in one version, the lock's."""
    other = {name for row in record.layers for name in (*row.moved, *row.differ)}
    packages = {name: version for name, version in record.packages.items() if name not in other}
    where = f"Counted by workers on {', '.join(record.counted_on)}; times, if any, are of this machine:"
    return ([where] if record.counted_on else []) + origin_origin(
        msgspec.structs.replace(record, packages=packages), wide
    )


def remarks(record: Versus, judged: list[Judged]) -> list[str]:
    """What else differs, and what is not sure."""
    lines = [*named(record), *(f"{each.row.layer}: {fault}" for each in judged for fault in each.row.faults)]
    lines += [
        f"{each.row.layer}: counts say {each.by_counts}, time says {each.by_time}: they disagree."
        for each in judged
        if each.disagree
    ]
    lines += differences(record)
    lines += _floor(record, judged)
    lines += _missing(judged)
    return lines + [told for each in judged if (told := _unclear(each))]


def differences(record: Versus) -> list[str]:
    """In what the sides differ beside the packages compared: dependencies, flags, answers."""
    lines = []
    for what, found in (
        ("deps differ", _shared(record, "differ")),
        ("both sides have, not as locked", _shared(record, "moved")),
        ("they answer differently", _shared(record, "answers")),
        ("flags left out in A", {row.layer: " ".join(row.a.flags) for row in record.layers if row.a.flags}),
        ("flags left out in B", {row.layer: " ".join(row.b.flags) for row in record.layers if row.b.flags}),
    ):
        if found:
            lines.append(f"{what}: {', '.join(f'{name} {value}' for name, value in found.items())}.")
    asked = [one.exact for row in record.layers for one in (row.a, row.b) if one.exact is not None]
    if asked:
        every = "to the byte" if all(asked) else "as JSON, not to the byte"
        expected = "Both sides give the answers that the workload expects."
        lines.append(f"Both sides answer the User request {every}." if record.workload == USER else expected)
    return lines


def _shared(record: Versus, key: str) -> dict[str, str]:
    """What is said of several layers, once."""
    found: dict[str, str] = {}
    for row in record.layers:
        for name, value in getattr(row, key).items():
            said = value if isinstance(value, str) else f"{value[0] or 'none'} -> {value[1] or 'none'}"
            if found.setdefault(name, said) != said:
                found[f"{name} ({row.layer})"] = said
    return found


def _floor(record: Versus, judged: list[Judged]) -> list[str]:
    floor = floor_of(record)
    lines = []
    if floor:
        said = ", ".join(f"{value:.2f}% of {name}" for name, value in floor.items())
        lines.append(f"Floor: A against A on {record.floor_layer} differs by {said}. Below {record.limit:g}%: same.")
    if times := [each.time for each in judged if each.time]:
        alpha = min(each.alpha for each in times)
        lines.append(
            f"By time: turns on one core, intervals at {100 * (1 - alpha):.4g}%; below {record.threshold:g}%: same."
        )
    return lines


def _missing(judged: list[Judged]) -> list[str]:
    """What could not be counted, and of what."""
    found: dict[str, list[str]] = {}
    for each in judged:
        for side, served in (("A", each.row.a), ("B", each.row.b)):
            for note in served.counts.notes if served.counts else []:
                found.setdefault(note, []).append(f"{each.row.layer} in {side}")
    everything = sum(2 for each in judged if each.row.a.counts)
    return [f"{note}{'' if len(of) == everything else f' ({", ".join(of)})'}" for note, of in found.items()]


def _unclear(judged: Judged) -> str:
    """How long a pair that is unclear would need."""
    time = judged.time
    unclear: Verdict = "unclear"
    if not time or time.verdict != unclear:
        return ""
    if not time.found or time.found.error is None:
        return (
            f"{judged.row.layer}: too few rounds in {time.seconds:.0f} s to say anything by time: try a longer BUDGET."
        )
    needed = seconds_needed(time.found, time.alpha, time.threshold, time.seconds)
    if not math.isfinite(needed) or needed > 86400:
        return f"{judged.row.layer}: unclear by time, and no practical budget would be enough."
    return f"{judged.row.layer}: unclear by time after {time.seconds:.0f} s: it needs about {needed:.0f} s."


SCHEMA = 1
"""The version of the JSON object: keys are only ever added to one version."""
METRICS = {"instructions": "instructions", "bytecodes": "bytecodes", "calls": "calls", "syscalls": "calls", CPU: "us"}
"""The unit of each metric; all are per request."""
KEYS = ("layer", "metric", "unit", "a", "b", "delta", "percent", "low", "high", "verdict")


def data_table(judged: list[Judged]) -> Table:
    """A row for each layer and metric."""
    rows: list[Values] = [
        {"layer": each.row.layer, "metric": name, "unit": METRICS[name], **_metric(each, name)}
        for each in judged
        for name in METRICS
        if name in each.metrics
    ]
    return Table([Column(key) for key in KEYS], rows)


def _metric(judged: Judged, name: str) -> dict[str, Any]:
    found = judged.metrics[name]
    return {**msgspec.structs.asdict(found), "delta": found.delta, "percent": found.percent}


def versus_json(record: Versus) -> str:
    """The whole comparison as one JSON object."""
    judged = judge_layers(record)
    value = {
        "schema": SCHEMA,
        "verdict": overall(judged),
        "a": record.a,
        "b": record.b,
        "packages": {
            name: {"a": pair[0], "b": pair[1]} for row in record.layers for name, pair in row.versions.items()
        },
        "limit": record.limit,
        "threshold": record.threshold,
        "workload": record.workload,
        "floor": {"layer": record.floor_layer, "percent": floor_of(record)},
        "layers": [_layer(each) for each in judged],
        "functions": [
            {
                "layer": each.row.layer,
                "name": found.name,
                "calls": {"a": found.calls.a, "b": found.calls.b, "delta": found.calls.delta},
                "bytecodes": {"a": found.bytecodes.a, "b": found.bytecodes.b, "delta": found.bytecodes.delta},
            }
            for each in judged
            for found in each.functions
        ],
        "bisection": msgspec.to_builtins(record.bisection),
        "machine": msgspec.to_builtins(record.machine),
        "python": msgspec.to_builtins(record.python),
        "made": record.made and record.made.isoformat(),
        "stopped": record.stopped,
    }
    return json.dumps(_rounded(value), indent=1)


def _layer(judged: Judged) -> dict[str, Any]:
    row = judged.row
    return {
        "layer": row.layer,
        "verdict": judged.verdict if judged.metrics else None,
        "by_counts": judged.by_counts,
        "by_time": judged.by_time,
        "metrics": {name: {**_metric(judged, name), "unit": METRICS[name]} for name in judged.metrics},
        "faults": row.faults,
        "answers": row.answers,
        "dependencies": {name: {"a": pair[0], "b": pair[1]} for name, pair in row.differ.items()},
        "flags_left_out": {"a": row.a.flags, "b": row.b.flags},
        "exact": {"a": row.a.exact, "b": row.b.exact},
    }


def _rounded(value: Any) -> Any:
    """The same with four decimals at most."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


FUNCTIONS = 5  # named in text and Markdown
PLAIN = ("bytecodes", "calls", "syscalls")
LEAST = 0.1  # calls per request
UNITS = {"instructions": "instructions", "bytecodes": "bytecodes", CPU: "CPU time"}


def versus_document(record: Versus, wide: bool = False) -> Document:
    """What text, CSV and JSON have; Markdown has a form of its own."""
    judged = judge_layers(record)
    parts: list[str | Table] = [sentence(record, judged)]
    if any(each.metrics for each in judged):
        parts += ["", layers_table(judged)]
    if functions := functions_of(judged):
        parts += ["", f"Functions that changed most, on {functions[0]}, per request:", functions_table(functions[1])]
    parts += [*bisection_lines(record), "", *notes(record, judged, wide)]
    return Document(parts, data_table(judged))


def names(record: Versus) -> tuple[str, str]:
    """What the sides are, in words: "uvicorn 0.50.0"."""
    return " + ".join(record.a), " + ".join(record.b)


def sentence(record: Versus, judged: list[Judged]) -> str:
    """The verdict in words."""
    a, b = names(record)
    about = chief(judged)
    if record.bisection:
        count = len(steps(record.bisection.points, record.limit))
        moved = f"moved the {record.bisection.metric} by more than {record.limit:g}%"
        return f"{count} of the {len(record.bisection.points) - 1} versions after {a}, up to {b}, {moved}."
    if not about or not about.decisive:
        return f"unclear: {b} and {a} could not be compared on any layer."
    verdict, on = overall(judged), about.row.layer
    metric = next(name for name in UNITS if name in about.metrics)
    found = about.metrics[metric]
    amount = f"{abs(found.delta):,.10g}" if metric == "bytecodes" else f"{abs(found.delta):,.0f}"
    if metric == CPU:
        amount = f"{abs(found.delta):,.2f} µs"
    percent = f" ({found.percent:+.2f}%)" if found.percent is not None else ""
    few = "more" if found.delta >= 0 else "less" if metric == CPU else "fewer"
    more = f"{amount} {few} {UNITS[metric]} per request{percent}"
    gain = _gain(about)
    if verdict in ("slower", "faster"):
        if gain and about.time and about.time.verdict == verdict:
            return f"{verdict}: {b} serves {gain} per CPU-second than {a} on {on}, with {more}."
        return f"{verdict}: {b} takes {more} than {a} on {on}."
    if verdict == "unclear":
        return f"unclear: {b} takes {more} than {a} on {on}, which is no more than A differs from itself."
    limit = record.threshold if metric == CPU else record.limit
    return f"same: {b} and {a} differ by less than {limit:g}% of {UNITS[metric]} on every layer."


def _gain(judged: Judged) -> str:
    """How many more requests per CPU-second B serves: "3.1% more (2.5 to 3.8)"."""
    time = judged.time
    interval = time.found.interval(time.alpha) if time and time.found else None
    if not time or not time.found or not interval:
        return ""
    more = -decay(time.found.mean)
    low, high = sorted(-decay(each) * (1 if more > 0 else -1) for each in interval)
    return f"{abs(more):.1f}% {'more' if more > 0 else 'fewer'} requests ({low:.1f} to {high:.1f}%)"


def layers_table(judged: list[Judged]) -> Table:
    """A row for each layer: B against A."""
    timed = any(each.time for each in judged)
    counted = any(each.changes for each in judged)
    calls = any(_sure(each, "syscalls") for each in judged)
    columns = [Column("layer", "layer", left=True)]
    if counted:
        columns += [
            Column("instructions", "instructions", show="{instructions:,.0f}", wide=timed),
            Column("more", "B - A", show="{more:+,.0f}"),
            Column("percent", "%", show="{percent:+.2f}"),
            *(_delta(name, wide=name == "syscalls" and not calls) for name in PLAIN),
            Column("counts", "by counts" if not timed else "counts"),
        ]
    if timed:
        columns += [Column("gain", "req/CPU-s", "%"), Column("time", "by time" if not counted else "time")]
    return Table(columns, [_row(each) for each in judged if each.metrics])


def _sure(judged: Judged, name: str) -> bool:
    """Whether a metric changed enough for a column."""
    return name in judged.metrics and abs(judged.metrics[name].delta) >= LEAST


def _row(judged: Judged) -> Values:
    instructions = judged.metrics.get("instructions")
    time = judged.time
    interval = time.found.interval(time.alpha) if time and time.found else None
    gains = [-decay(each) for each in interval] if interval else []
    return {
        "layer": judged.row.layer,
        "instructions": instructions and instructions.a,
        "more": instructions and instructions.delta,
        "percent": instructions and instructions.percent,
        **{name: found.delta if (found := judged.metrics.get(name)) else None for name in PLAIN},
        "counts": judged.by_counts,
        "gain": f"{gains[0]:+.1f} to {gains[1]:+.1f}" if gains else None,
        "time": judged.by_time,
    }


def _delta(name: str, wide: bool) -> Column:
    zero_or_missing = {None: "-", 0: "0"}
    return Column(name, name, show=lambda row: zero_or_missing.get(row[name]) or f"{row[name]:+,.6g}", wide=wide)


def functions_of(judged: list[Judged]) -> tuple[str, list[FunctionChange]] | None:
    """The functions that changed, on the layer that the verdict is about, or else on any."""
    about = chief(judged)
    for each in filter(None, [about, *judged]):
        if each.functions:
            return each.row.layer, each.functions
    return None


def functions_table(functions: list[FunctionChange], most: int = FUNCTIONS) -> Table:
    """Calls and bytecodes of functions in A and B; a last row has what is left."""
    rows: list[Values] = [
        {
            "function": each.name,
            "calls_a": each.calls.a,
            "calls_b": each.calls.b,
            "bytecodes_a": each.bytecodes.a,
            "bytecodes_b": each.bytecodes.b,
            "more": each.bytecodes.delta,
        }
        for each in functions[:most]
    ]
    if rest := functions[most:]:
        more = sum(each.bytecodes.delta for each in rest)
        rows.append({**dict.fromkeys(rows[0]), "function": f"{len(rest)} more", "more": more})
    columns = (
        Column("function", "function", left=True),
        Column("calls_a calls_b", "calls", show="{calls_a:,.6g} -> {calls_b:,.6g}"),
        Column("bytecodes_a bytecodes_b", "bytecodes", show="{bytecodes_a:,.6g} -> {bytecodes_b:,.6g}"),
        Column("more", "B - A", show="{more:+,.6g}"),
    )
    return Table(columns, rows)


MARKER = "<!-- asgi-anatomy versus: {packages} -->"
"""By this a bot finds its own comment, to update it."""
MOST = 40  # functions in <details>


def versus_markdown(record: Versus) -> str:
    """One bold line, the rows that changed, and the rest in <details>."""
    judged = judge_layers(record)
    changed = [each for each in judged if not _same(each)]
    unchanged = [each for each in judged if _same(each) and each.metrics]
    parts = [_marker(record), f"**{markdown(sentence(record, judged))}**"]
    if any(each.metrics for each in changed):
        parts.append(_shown(layers_table(changed)))
    parts += [markdown(line) for line in bisection_lines(record)]
    parts += [markdown(f"{each.row.layer}: {fault}") for each in judged for fault in each.row.faults]
    folded = []
    if functions := functions_of(judged):
        table = _shown(functions_table(functions[1], MOST))
        folded += [f"Functions that changed, on {markdown(functions[0])}, per request:", table]
    if unchanged:
        folded += [f"Not changed by {record.limit:g}% or more:", _shown(layers_table(unchanged))]
    folded += [markdown(line) for line in notes(record, judged, wide=True)]
    folded.append(f"To repeat it:\n\n```sh\n{repeat(record)}\n```")
    return "\n\n".join(
        [*parts, "<details><summary>Functions, floor, and how to repeat it</summary>", *folded, "</details>"]
    )


def repeat(record: Versus) -> str:
    """The command that repeats it."""
    words = [f"{name}={shlex.quote(value)}" for name, value in record.asked.items()]
    return cell(" ".join(["make versus", *words]))


def _marker(record: Versus) -> str:
    names = dict.fromkeys(name for row in record.layers for name in row.versions)
    return MARKER.format(packages=" ".join(names))


def _same(judged: Judged) -> bool:
    return judged.by_counts in ("same", None) and judged.by_time in ("same", None) and not judged.row.faults


def _shown(table: Table) -> str:
    return table.for_people("markdown")
