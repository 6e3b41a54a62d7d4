"""What each release of a package cost: a sentence, a table for each series, its steps, and its gaps."""

from collections.abc import Sequence

from bench.report.document import Column, Document, Table, Values
from bench.report.history_sentences import learnt, own_unit, sentence, step_line
from bench.stats.changes import LIMIT, Change
from bench.stats.counts import UNSURE, spread
from bench.stats.history import Point, Series, Step, Unit

SHOWN = 100  # characters of a reason

COLUMNS = (
    Column("release", "release", left=True),
    Column("uploaded", "day", left=True),
    Column("instructions", "instr./req", "", "{instructions:,.0f}"),
    Column("instructions_percent", "+", "%", "{instructions_percent:+.2f}"),
    Column("own", "own", "", "{own:,.0f}"),
    Column("own_percent", "+", "%", "{own_percent:+.2f}"),
    Column("dependencies", "deps", "", "{dependencies:,.0f}"),
    Column("dependencies_percent", "+", "%", "{dependencies_percent:+.2f}"),
    Column("step", "step", left=True),
    Column("own_unit dependencies_bytecodes dependencies_instructions own_bytecodes own_instructions"),
    Column("gap versions left_out host seconds"),
)
FIRST = ("package", "layer", "python", "deps", "release")


def history_document(every: Sequence[Series], package: str) -> Document:
    """All series of a package."""
    parts: list[str | Table] = []
    rows: list[Values] = []
    for series in every:
        own = values(series)
        rows += own
        table = Table(COLUMNS, own, FIRST)
        parts += [sentence(series), learnt(series), "", heading(series), table, *lines(series), ""]
    if not every:
        parts = [f"No release of {package} is counted yet."]
    return Document(parts[:-1] or parts, Table(COLUMNS, rows, FIRST))


def heading(series: Series) -> str:
    """Which series this is, and where it was counted."""
    return f"{called(series)}, on the host{'s' * (len(series.hosts) > 1)} {' '.join(series.hosts)}:"


def called(series: Series) -> str:
    """Which series this is."""
    months = sorted({each.found.wanted.when[:7] for each in series.points if each.found.wanted.when})
    when = (
        f" as of {' and '.join(dict.fromkeys([months[0], months[-1]]))}" if months and series.deps == "newest" else ""
    )
    what = {"held": "others as locked", "newest": f"the newest dependencies{when}", "dated": "dependencies of the day"}
    return f"{series.package} in {series.layer}, Python {series.python}, {what[series.deps]}"


def values(series: Series) -> list[Values]:
    """A row for each release; percentages are since the release before it that was counted."""
    rows: list[Values] = []
    unit = own_unit(series)
    last: Point | None = None
    for each in series.points:
        found = each.found
        counted = not found.gap
        now = _figures(each, unit) if counted else dict.fromkeys(("instructions", "own", "dependencies"))
        before = _figures(last, unit) if last and counted else dict.fromkeys(now)
        steps = [step for step in series.steps if step.version == found.wanted.version]
        rows.append({
            "package": series.package, "layer": series.layer, "python": series.python, "deps": series.deps,
            "release": found.wanted.version, "uploaded": f"{found.uploaded:%Y-%m-%d}" if found.uploaded else None,
            **now,
            **{f"{name}_percent": _percent(before[name], now[name]) for name in now},
            "step": " ".join(dict.fromkeys(_mark(step) for step in steps)) if counted else "gap",
            "own_unit": unit,
            **{f"{part}_{each_unit}": each.split.get((part, each_unit)) if counted else None
               for part in ("own", "dependencies") for each_unit in ("bytecodes", "instructions")},
            "gap": found.gap or None,
            "versions": " ".join(f"{name}=={version}" for name, version in found.versions.items()),
            "left_out": " ".join(found.left_out), "host": found.host.name, "seconds": found.seconds,
        })  # fmt: skip
        last = each if counted else last
    return rows


def _figures(point: Point, unit: Unit) -> dict[str, float | None]:
    return {
        "instructions": point.whole,
        "own": point.split.get(("own", unit)),
        "dependencies": point.split.get(("dependencies", "bytecodes")),
    }


def _percent(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else Change(a, b).percent


def _mark(step: Step) -> str:
    return f"{'own' if step.part == 'own' else 'deps'}{' drift' if step.drift else ''}"


def lines(series: Series) -> list[str]:
    """Steps, gaps, and what the columns are."""
    unit = own_unit(series)
    floor = ", ".join(f"{part} {unit} {percent:.3f}%" for (part, unit), percent in series.floor.items())
    gaps: dict[str, list[str]] = {}
    for each in series.points:
        if each.found.gap:
            version = each.found.wanted.version
            why = each.found.gap.removeprefix(f"{series.package}=={version} ")
            gaps.setdefault(why.replace(f"{series.package}=={version};", f"{series.package};"), []).append(version)
    unsure = [
        f"{each.found.wanted.version} ({far:.1f}%)"
        for each in series.counted
        if (far := spread(each.found.counts)) > UNSURE
    ]
    left_out = {" ".join(each.found.left_out) for each in series.counted} - {""}
    return [
        *([""] if series.steps else []),
        *(step_line(step) for step in series.steps),
        "",
        *(f"gap {' '.join(versions)}: {cut(why)}" for why, versions in gaps.items()),
        *([f"not sure, as their repeats differ: instructions with {', '.join(unsure)}"] if unsure else []),
        *(f"left out where a release lacks it: {each}" for each in sorted(left_out)),
        f"own: {unit} per request of {series.package} itself; deps: bytecodes of all other Python code; instr: all"
        " instructions in user space; +: since the release above.",
        f"step: own or deps moved by more than {LIMIT:g}%, compiled dependencies only where their version differs"
        + (f" (A against A: {floor})." if floor else "."),
        "instr. makes no step by itself: two counts of one release may differ by as much.",
    ]


def cut(text: str) -> str:
    """A reason on one line."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"
