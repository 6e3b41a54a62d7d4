"""What changed between two records, layer by layer."""

import msgspec

from bench.data.record import Windows
from bench.report.document import Column, Document, Table
from bench.stats.comparison import Change, Obstacle, versions

COLUMNS = (
    Column("layer", "layer", left=True),
    Column("a_decay", "decay % A", "", "{a_decay:.1f}"),
    Column("b_decay", "decay % B", "", "{b_decay:.1f}"),
    Column("a_cost", "CPU A", "", "{a_cost:.2f}"),
    Column("b_cost", "CPU B", "", "{b_cost:.2f}"),
    Column("ratio", "ratio", "", "{ratio:.4f}"),
    Column("ratio_low ratio_high", "95% interval", "", "{ratio_low:.4f} - {ratio_high:.4f}"),
    Column("verdict", "verdict"),
)
SAID = {
    "python": "they were made with Python {a} and {b}",
    "workload": "their workloads are {a} and {b}",
    "contract": "their layers were checked against different contracts",
    "connections": "they were loaded with {a} and {b} connections",
    "slices": "servers that shared a core had time slices of different lengths, or did not share one in both",
}


def say(obstacle: Obstacle) -> str:
    """Why two records should not be compared, in words."""
    return SAID[obstacle.what].format(a=obstacle.a or "unknown", b=obstacle.b or "unknown")


def _made(record: Windows) -> list[str]:
    """When, on what and with which code a record was made, as far as it says so."""
    machine, python = record.machine, record.python
    return [
        f"{record.made:%Y-%m-%d %H:%M} UTC" if record.made else "no date",
        f"{machine.cpu}, {machine.cores} cores" if machine else "no machine",
        f"Python {python.version}" if python else "no Python",
        f"suite {record.revision or 'of no known revision'}",
    ]


def comparison_document(changes: list[Change], a: Windows, b: Windows) -> Document:
    """The changes, with what else differs."""
    rows = [{**msgspec.structs.asdict(each), "a_cost": each.a_cpu, "b_cost": each.b_cpu} for each in changes]
    table = Table(COLUMNS, rows)
    level = 100 * (1 - 0.05 / len(changes))
    lacking = any(change.ratio_low is None for change in changes)
    said: list[str | Table] = [
        table,
        *(f"{side}: {', '.join(_made(record))}" for side, record in (("A", a), ("B", b))),
        f"CPU: CPU time per request, as a multiple of {a.layers[0].name}'s in the same record; ratio: requests per"
        f" CPU-second of B to those of A in that unit, with a {level:.4g}% interval per layer, 95% for all together.",
        *(["no interval: one of the records has only one round; record it with a longer BUDGET"] if lacking else []),
        *(f"differs: {name}: {old or 'none'} -> {new or 'none'}" for name, old, new in versions(a, b)),
    ]
    return Document(said, table)
