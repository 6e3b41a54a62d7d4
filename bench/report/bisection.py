"""A bisection: which releases or commits moved a count, and by how much."""

from bench.data.versus import Versus
from bench.stats.bisection import Step, steps


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
