"""One table of several machines: each layer's decay on each of them, by time and by instructions."""

from collections.abc import Sequence

from bench.data.record import Anatomy
from bench.report.document import Column, Document, Table, Values
from bench.stats.machines import Cell, Site, cells, differing_commands, spread

COLUMNS = (
    Column("layer first", "layer", "", lambda row: str(row["layer"]) if row["first"] else "", left=True),
    Column("machine", "machine", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("decay_low decay_high", "95% interval", "", "{decay_low:.1f} - {decay_high:.1f}"),
    Column("instructions", "instr.", "%", "{instructions:.1f}"),
    Column("differ", "differ", "pp", lambda row: _differ(row)),
    Column("on"),
    Column("beyond"),
    Column("disturbed"),
    Column("records"),
    Column("cpu"),
    Column("cores"),
    Column("system"),
    Column("python"),
    Column("optimised"),
)
FIRST = ("layer", "on", "machine", "decay", "decay_low", "decay_high", "instructions", "differ", "beyond")


def _differ(row: Values) -> str:
    if not row["first"] or row["differ"] is None:
        return ""
    return f"{row['differ']:.1f}{'*' if row['beyond'] else ''}"


def machines_document(sites: Sequence[Site], anatomies: Sequence[Anatomy]) -> Document:
    """The table, the machines, and what must be said of them; `anatomies` the newest first."""
    found = cells(sites, anatomies)
    rows = [_values(cell, found) for cell in found]
    table = Table([each for each in COLUMNS if each.keys != "layer first"], rows, FIRST)
    said = [_say(site) for site in sites]
    said += [
        f"{name}: started by another command on {', '.join(labels)}"
        for name, labels in differing_commands(sites).items()
    ]
    last = (
        "decay: % fewer requests per CPU-second than the layer that it stands on; instr.: the same by instructions;"
        " differ: highest less lowest machine, * where their intervals do not explain it."
    )
    return Document([Table(COLUMNS, rows), *said, "", last], table)


def _values(cell: Cell, found: Sequence[Cell]) -> Values:
    row = [each for each in found if (each.layer, each.on) == (cell.layer, cell.on)]
    differ, site = spread(row), cell.site
    return {
        "layer": cell.layer,
        "first": row[0] is cell,
        "on": cell.on,
        "machine": site.label,
        "decay": cell.decay,
        "decay_low": cell.decay_low,
        "decay_high": cell.decay_high,
        "instructions": cell.instructions,
        "differ": differ and differ.points,
        "beyond": differ and differ.beyond,
        "disturbed": site.disturbed,
        "records": len(site.records),
        "cpu": site.machine.cpu,
        "cores": site.machine.cores,
        "system": site.machine.system,
        "python": site.python.version,
        "optimised": site.python.optimised,
    }


def _say(site: Site) -> str:
    """A machine in one line."""
    how = {True: ", optimised", False: ", not optimised", None: ""}[site.python.optimised]
    count = f", {len(site.records)} records" if len(site.records) > 1 else ""
    state = "mixture: no sensor" if site.disturbed is None else f"{site.disturbed:.0f}% disturbed"
    machine = f"{site.machine.cores} cores {site.machine.cpu}, {site.machine.system}"
    return f"{site.label}: {machine}, Python {site.python.version}{how}{count}, {state}"
