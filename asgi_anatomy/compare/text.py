"""What changed between two records, layer by layer."""

from collections.abc import Sequence

import msgspec

from asgi_anatomy.compare.verdict import Change, Obstacle, versions
from asgi_anatomy.documents.document import Column, Document, Table
from asgi_anatomy.documents.origin import cpu_name
from asgi_anatomy.turns.estimate import ROUNDS
from asgi_anatomy.turns.record import Measured, Verdict

COLUMNS = (
    Column("layer", "layer", left=True),
    Column("a_decay", "decay % A", "", "{a_decay:.1f}"),
    Column("b_decay", "decay % B", "", "{b_decay:.1f}"),
    Column("a_cpu", "CPU A", "", "{a_cpu:.2f}", wide=True),
    Column("b_cpu", "CPU B", "", "{b_cpu:.2f}", wide=True),
    Column("ratio", "ratio", "", "{ratio:.4f}"),
    Column("ratio_low ratio_high", "interval", "", "{ratio_low:.4f} - {ratio_high:.4f}"),
    Column("verdict", "verdict"),
)
GRAVEST_FIRST: tuple[Verdict, ...] = ("slower", "unclear", "faster", "same")
OTHERWISE = {"same": "the same"}
SAID = {
    "python": "they were made with Python {a} and {b}",
    "workload": "their workloads are {a} and {b}",
    "contract": "their layers were checked against different contracts",
    "connections": "they were loaded with {a} and {b} connections",
    "turns": "only one of them was measured by turns",
}


def say(obstacle: Obstacle) -> str:
    """Why two records should not be compared, in words."""
    return SAID[obstacle.what].format(a=obstacle.a or "unknown", b=obstacle.b or "unknown")


def _made(record: Measured) -> list[str]:
    """When, on what and with which code a record was made, as far as it says so."""
    machine, python = record.machine, record.python
    return [
        f"{record.made:%Y-%m-%d %H:%M} UTC" if record.made else "no date",
        f"{machine.cores} cores {cpu_name(machine)}" if machine else "no machine",
        f"Python {python.version}" if python else "no Python",
        f"asgi-anatomy at {f'commit {record.revision}' if record.revision else 'an unknown commit'}",
    ]


def _short_of_rounds(a: Measured, b: Measured) -> str:
    """Which record has too few rounds."""
    short = [side for side, record in (("A", a), ("B", b)) if len(record.rounds) < ROUNDS]
    return f"too few rounds in {' and '.join(short)}" if short else "too few rounds had fast turns"


def comparison_document(
    changes: list[Change], a: Measured, b: Measured, threshold: float, wide: bool = False
) -> Document:
    """A sentence, the changes, and what else differs."""
    rows = [msgspec.structs.asdict(each) for each in changes]
    table = Table(COLUMNS, rows)
    level = f"{100 * (1 - 0.05 / len(changes)):.4g}% interval{'s, 95% for all together' if len(changes) > 1 else ''}"
    lowest = a.layers[0].name
    differ = [f"{name}: {old or 'none'} -> {new or 'none'}" for name, old, new in versions(a, b)]
    unclear = any(change.verdict == "unclear" for change in changes)
    lacking = any(change.ratio_low is None for change in changes)
    cost = f"CPU: CPU time per request, as a multiple of {lowest}'s in the same record. " if wide else ""
    said: list[str | Table] = [
        sentence(changes, threshold),
        "",
        table,
        "",
        *([f"no interval: {_short_of_rounds(a, b)}"] if lacking else []),
        *(["unclear: record both again with a longer BUDGET"] if unclear and a.machine and b.machine else []),
        f"{cost}ratio: requests per CPU-second of B to those of A, each against {lowest} in its own record; {level}.",
        *(f"{side}: {', '.join(_made(record))}" for side, record in (("A", a), ("B", b))),
        *([f"differs: {'; '.join(differ)}"] if differ else []),
    ]
    return Document(said, table)


def sentence(changes: Sequence[Change], threshold: float) -> str:
    """The gravest verdict, which layers have it, and how many have another."""
    by_verdict = {verdict: [each for each in changes if each.verdict == verdict] for verdict in GRAVEST_FIRST}
    verdict, found = next((verdict, found) for verdict, found in by_verdict.items() if found)
    if verdict == "same":
        who = f"all {len(found)} layers serve" if len(found) > 1 else f"{found[0].layer} serves"
        return f"same: {who} as many requests per CPU-second in B as in A, within {threshold:g}%."
    if verdict == "unclear":
        names = ", ".join(each.layer for each in found) if len(found) <= 3 else f"{len(found)} of {len(changes)} layers"
        what = f"whether B differs from A in {names}"
    else:
        most = max(found, key=lambda each: abs(1 - each.ratio))
        few = "fewer" if verdict == "slower" else "more"
        ends = sorted(100 * abs(1 - each) for each in (most.ratio_low, most.ratio_high) if each)
        what = f"{100 * abs(1 - most.ratio):.1f}% {few} ({ends[0]:.1f} to {ends[-1]:.1f}%)"
        what = f"{most.layer} serves {what} requests per CPU-second in B than in A"
        if len(found) > 1:
            what = f"{len(found)} of {len(changes)} layers, most of all {what}"
    others = {name: len(each) for name, each in by_verdict.items() if each and name != verdict}
    said = [f"{count} {'is' if count == 1 else 'are'} {OTHERWISE.get(name, name)}" for name, count in others.items()]
    return f"{verdict}: {what}{f'; {", ".join(said)}' if said else ''}."
