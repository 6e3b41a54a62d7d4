"""What each release of a package cost: a sentence, a table for each series, its steps, and its gaps."""

from collections import defaultdict
from collections.abc import Sequence

from asgi_anatomy.counts.changes import LIMIT, Change
from asgi_anatomy.counts.figures import UNSURE, spread
from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.words import counted
from asgi_anatomy.history.steps import SCOPES, UNITS, Point, Series, Step

NAMED = 3  # functions of a step
SHOWN = 100  # characters of a reason
DEPS = {"held": "others as locked", "newest": "the newest dependencies", "dated": "dependencies of the day"}
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
        table = Table(COLUMNS, values(series), FIRST)
        rows += table.rows
        where = f"{called(series)}, on the host{'s' * (len(series.hosts) > 1)} {' '.join(series.hosts)}:"
        parts += ["", sentence(series), learnt(series), "", where, table, *lines(series)]
    if not every:
        parts = ["", f"No release of {package} is counted yet."]
    return Document(parts[1:], Table(COLUMNS, rows, FIRST))


def sentence(series: Series) -> str:
    """How the cost changed since the first release."""
    points = series.counted
    if len(points) < 2:
        return f"{series.package} in {series.layer}: {len(points)} of {len(series.points)} releases could be counted."
    first, last, unit = points[0], points[-1], series.unit
    whole = Change(first.whole or 0.0, last.whole or 0.0)
    own = Change(*(point.split.get(("own", unit), 0.0) for point in (first, last)))
    steps = sum(step.scope == "own" for step in series.steps)
    if whole.percent and abs(whole.percent) > LIMIT:
        words = (
            f"A request to {series.layer} takes {abs(whole.percent):.1f}% {'more' if whole.delta > 0 else 'fewer'}"
            f" instructions with {series.package} {last.version} than with {first.version}"
            f" ({whole.a:,.0f} -> {whole.b:,.0f})"
        )
    else:
        words = (
            f"A request to {series.layer} takes about as many instructions with {series.package} {last.version} as with"
            f" {first.version}: {whole.b:,.0f} and {whole.a:,.0f}"
        )
    words += f"; its own {unit} went from {own.a:,.0f} to {own.b:,.0f}"
    words += f", in {counted(steps, 'step')}" if own.delta or steps else ": no step"
    compiled = unit == "bytecodes" and any(("own", "instructions") in point.split for point in (first, last))
    if not compiled and not _accounts_for(own, whole, in_instructions=unit == "instructions"):
        words += "; the rest is other code, or differs from count to count"
    return f"{words}."


def _accounts_for(own: Change, whole: Change, in_instructions: bool) -> bool:
    """Whether what a package changed itself may be why the whole changed, which is in instructions.

    Bytecodes cannot be subtracted from instructions; but a part that changed by some percent changes the whole by less.
    """
    if abs(whole.percent or 0.0) <= LIMIT or own.percent is None:
        return True
    if own.delta * whole.delta <= 0:
        return False
    if in_instructions:
        return abs(whole.delta) <= 2 * abs(own.delta)
    return abs(whole.percent or 0.0) <= abs(own.percent)


def learnt(series: Series) -> str:
    """Which releases changed the cost most, by which functions; and what its dependencies changed."""
    if len(series.counted) < 2:
        return ""
    own, others = ([step for step in series.steps if step.scope == scope] for scope in SCOPES)
    words = []
    for what, steps in (
        ("added", [step for step in own if step.change.delta > 0]),
        ("taken away", [step for step in own if step.change.delta < 0]),
    ):
        words += [f"Most was {what} by {_largest(steps, series.package)}."] if steps else []
    if others:
        releases = counted(len({step.version for step in others}), "release")
        most = _largest(others, series.package)
        words.append(f"The work of other packages moved with {releases}, most with {most}.")
    else:
        words.append(f"No release moved the work of other packages by more than {LIMIT:g}%.")
    return " ".join(words)


def _largest(steps: Sequence[Step], package: str) -> str:
    """The largest step, such as: fastapi 0.158.2: +58 bytecodes (+3.9%), f +48, g +10."""
    step = max(steps, key=lambda step: step.change.size)
    percent = "" if step.change.percent is None else f" ({step.change.percent:+.1f}%)"
    drift = f" since {step.before}" if step.drift else ""
    return ", ".join(
        [f"{package} {step.version}: {step.change.delta:+,.0f} {step.unit}{percent}{drift}", *_moved(step)]
    )


def step_line(step: Step) -> str:
    """One step: by how much, and which functions changed most."""
    whose = "own" if step.scope == "own" else "dependencies'"
    percent = "" if step.change.percent is None else f" ({step.change.percent:+.2f}%)"
    moved = ", ".join(_moved(step))
    return (
        f"{step.before} -> {step.version}: {'drift, ' if step.drift else ''}{whose} {step.unit}"
        f" {step.change.a:,.0f} -> {step.change.b:,.0f}{percent}{f': {moved}' if moved else ''}"
    )


def _moved(step: Step) -> list[str]:
    """What changed most: the functions of a package in Python, or else packages and components."""
    if step.scope == "dependencies" or step.unit == "instructions":
        return [f"{name} {change.delta:+,.0f}" for name, change in [*step.packages.items()][:NAMED]]
    return [
        f"{function.name.rpartition(':')[2]} {function.bytecodes.delta:+,.0f}"
        for function in step.functions[:NAMED]
        if function.bytecodes.delta
    ]


def called(series: Series) -> str:
    """Which series this is."""
    months = sorted({point.release.wanted.when[:7] for point in series.points} - {""})
    when = f" as of {' and '.join(dict.fromkeys([months[0], months[-1]]))}" if months else ""
    deps = DEPS[series.deps] + (when if series.deps == "newest" else "")
    return f"{series.package} in {series.layer}, Python {series.python}, {deps}"


def values(series: Series) -> list[Values]:
    """A row for each release; percentages are since the release before it that was counted."""
    rows: list[Values] = []
    last: Point | None = None
    for point in series.points:
        release, counted_ = point.release, not point.release.gap
        now = _figures(point if counted_ else None, series)
        before = _figures(last if counted_ else None, series)
        steps = [step for step in series.steps if step.version == point.version]
        marks = [f"{'own' if step.scope == 'own' else 'deps'}{' drift' if step.drift else ''}" for step in steps]
        rows.append({
            "package": series.package, "layer": series.layer, "python": series.python, "deps": series.deps,
            "release": point.version, "uploaded": f"{release.uploaded:%Y-%m-%d}" if release.uploaded else None,
            **now,
            **{f"{name}_percent": None if one is None or other is None else Change(one, other).percent
               for (name, other), one in zip(now.items(), before.values(), strict=True)},
            "step": " ".join(dict.fromkeys(marks)) if counted_ else "gap",
            "own_unit": series.unit,
            **{f"{scope}_{unit}": point.split.get((scope, unit)) if counted_ else None
               for scope in SCOPES for unit in UNITS},
            "gap": release.gap or None,
            "versions": " ".join(f"{name}=={version}" for name, version in release.versions.items()),
            "left_out": " ".join(release.left_out), "host": release.host.name, "seconds": release.seconds,
        })  # fmt: skip
        last = point if counted_ else last
    return rows


def _figures(point: Point | None, series: Series) -> dict[str, float | None]:
    return {
        "instructions": point.whole if point else None,
        "own": point.split.get(("own", series.unit)) if point else None,
        "dependencies": point.split.get(("dependencies", "bytecodes")) if point else None,
    }


def lines(series: Series) -> list[str]:
    """Steps, gaps, and what the columns are."""
    floor = ", ".join(f"{scope} {unit} {percent:.3f}%" for (scope, unit), percent in series.floor.items())
    gaps: dict[str, list[str]] = defaultdict(list)
    for point in series.points:
        if gap := point.release.gap:
            this = f"{series.package}=={point.version}"
            gaps[gap.removeprefix(f"{this} ").replace(f"{this};", f"{series.package};")].append(point.version)
    spreads = {point.version: spread(point.release.counts) for point in series.counted}
    unsure = ", ".join(f"{version} ({percent:.1f}%)" for version, percent in spreads.items() if percent > UNSURE)
    builds = {" ".join(point.release.host.build.split()) for point in series.points}
    left_out = {" ".join(point.release.left_out) for point in series.counted} - {""}
    return [
        f"Counted in Python {', '.join(sorted(builds))}: another build gives other counts.",
        *([""] if series.steps else []),
        *map(step_line, series.steps),
        "",
        *(f"gap {' '.join(versions)}: {_cut(why)}" for why, versions in gaps.items()),
        *([f"not sure, as their repeats differ: instructions with {unsure}"] if unsure else []),
        *(f"left out where a release lacks it: {flags}" for flags in sorted(left_out)),
        f"own: {series.unit} per request of {series.package} itself; deps: bytecodes of all other Python code; instr:"
        " all instructions in user space; +: since the release above.",
        f"step: own or deps moved by more than {LIMIT:g}%, compiled dependencies only where their version differs"
        + (f" (A against A: {floor})." if floor else "."),
        "instr. makes no step by itself: two counts of one release may differ by as much.",
    ]


def _cut(text: str) -> str:
    """A reason on one line."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"
