"""A series in words: how the cost changed since the first release, which release changed it most, and how.

What each release of a package cost: a sentence, a table for each series, its steps, and its gaps.
"""

from collections.abc import Sequence

from asgi_anatomy.counts.changes import LIMIT, Change
from asgi_anatomy.counts.figures import UNSURE, spread
from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.words import counted
from asgi_anatomy.history.figures import PARTS, Point, Scope, Series, Step, Unit

FUNCTIONS = 3  # that are named for a step


def own_unit(series: Series) -> Unit:
    """The unit of its own work: bytecodes, or instructions where none of it is Python."""
    return "bytecodes" if any(each.split.get(("own", "bytecodes")) for each in series.counted) else "instructions"


def sentence(series: Series) -> str:
    """How the cost changed since the first release."""
    points = series.counted
    if len(points) < 2:
        return f"{series.package} in {series.layer}: {len(points)} of {len(series.points)} releases could be counted."
    first, last = points[0], points[-1]
    names = first.found.wanted.version, last.found.wanted.version
    whole = Change(first.whole or 0.0, last.whole or 0.0)
    steps = _steps(series, "own")
    unit = own_unit(series)
    said = (
        f"A request to {series.layer} takes {_amount(whole.percent)} instructions with {series.package} {names[1]} than"
        f" with {names[0]} ({whole.a:,.0f} -> {whole.b:,.0f})"
        if whole.percent and abs(whole.percent) > LIMIT
        else f"A request to {series.layer} takes about as many instructions with {series.package} {names[1]} as with"
        f" {names[0]}: {whole.b:,.0f} and {whole.a:,.0f}"
    )
    own = Change(*(_count(each, "own", unit) for each in (first, last)))
    said += f"; its own {unit} went from {own.a:,.0f} to {own.b:,.0f}"
    said += f", in {counted(len(steps), 'step')}" if own.delta or steps else ": no step"
    compiled = unit == "bytecodes" and any(("own", "instructions") in each.split for each in (first, last))
    rest = "; the rest is other code, or differs from count to count"
    return f"{said}{'' if compiled or _accounts_for(own, whole, unit) else rest}."


def _accounts_for(own: Change, whole: Change, unit: Unit) -> bool:
    """Whether what a package changed itself may be why the whole changed, which is in instructions.

    Bytecodes cannot be subtracted from instructions; but a part that changed by some percent changes the whole by less.
    """
    if abs(whole.percent or 0.0) <= LIMIT or own.percent is None:
        return True
    if own.delta * whole.delta <= 0:
        return False
    return (
        abs(whole.delta) <= 2 * abs(own.delta)
        if unit == "instructions"
        else abs(whole.percent or 0.0) <= abs(own.percent)
    )


def learnt(series: Series) -> str:
    """Which releases changed the cost most, by which functions; and what its dependencies changed."""
    if len(series.counted) < 2:
        return ""
    own, others = (_steps(series, part) for part in PARTS)
    said = []
    for steps, most in (
        ([each for each in own if each.change.delta > 0], "Most was added by"),
        ([each for each in own if each.change.delta < 0], "Most was taken away by"),
    ):
        said += [f"{most} {_told(max(steps, key=_size), series.package)}."] if steps else []
    if others:
        count = counted(len({each.version for each in others}), "release")
        most = f"most with {_told(max(others, key=_size), series.package)}"
        said.append(f"The work of other packages moved with {count}, {most}.")
    else:
        said.append(f"No release moved the work of other packages by more than {LIMIT:g}%.")
    return " ".join(said)


def _told(step: Step, package: str) -> str:
    """Such as: fastapi 0.158.2: +58 bytecodes (+3.9%), f +48, g +10."""
    percent = [f"({step.change.percent:+.1f}%)"] if step.change.percent is not None else []
    drift = ["since", step.before] if step.drift else []
    head = " ".join([package, f"{step.version}:", f"{step.change.delta:+,.0f}", step.unit, *percent, *drift])
    return ", ".join([head, *moved(step)])


def step_line(step: Step) -> str:
    """One step: by how much, and which functions changed most."""
    whose = "own" if step.part == "own" else "dependencies'"
    percent = f" ({step.change.percent:+.2f}%)" if step.change.percent is not None else ""
    said = (
        f"{step.before} -> {step.version}: {'drift, ' if step.drift else ''}{whose} {step.unit}"
        f" {step.change.a:,.0f} -> {step.change.b:,.0f}{percent}"
    )
    found = ", ".join(moved(step))
    return f"{said}: {found}" if found else said


def moved(step: Step) -> list[str]:
    """What changed most: the functions of a package in Python, or else packages and components."""
    if step.part == "dependencies" or step.unit == "instructions":
        return [f"{name} {change.delta:+,.0f}" for name, change in [*step.packages.items()][:FUNCTIONS]]
    return [
        f"{each.name.rpartition(':')[2]} {each.bytecodes.delta:+,.0f}"
        for each in step.functions[:FUNCTIONS]
        if each.bytecodes.delta
    ]


def _steps(series: Series, part: Scope) -> list[Step]:
    return [each for each in series.steps if each.part == part]


def _size(step: Step) -> float:
    return abs(step.change.percent) if step.change.percent is not None else float("inf")


def _count(point: Point, part: Scope, unit: Unit) -> float:
    return point.split.get((part, unit), 0.0)


def _amount(percent: float) -> str:
    """So much more or fewer."""
    return f"{abs(percent):.1f}% {'more' if percent > 0 else 'fewer'}"


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
