"""A series in words: how the cost changed since the first release, which release changed it most, and how."""

from bench.report.words import counted
from bench.stats.changes import LIMIT, Change
from bench.stats.history import PARTS, Part, Point, Series, Step, Unit

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


def _steps(series: Series, part: Part) -> list[Step]:
    return [each for each in series.steps if each.part == part]


def _size(step: Step) -> float:
    return abs(step.change.percent) if step.change.percent is not None else float("inf")


def _count(point: Point, part: Part, unit: Unit) -> float:
    return point.split.get((part, unit), 0.0)


def _amount(percent: float) -> str:
    """So much more or fewer."""
    return f"{abs(percent):.1f}% {'more' if percent > 0 else 'fewer'}"
