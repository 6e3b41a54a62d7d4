"""Two versions of packages: a verdict, a row for each layer, which functions changed, and what else differs."""

from bench.data.versus import Versus
from bench.report.bisection import bisection_lines
from bench.report.document import Column, Document, Table, Values
from bench.report.versus_data import data_table
from bench.report.versus_notes import notes
from bench.stats.bisection import steps
from bench.stats.changes import FunctionChange
from bench.stats.estimate import decay
from bench.stats.versus import CPU, Judged, chief, judge_layers, overall

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
