"""One table of several machines: each layer's decay on each of them, by time and by instructions."""

from collections.abc import Mapping, Sequence

from bench.data.record import Anatomy
from bench.report.document import Column, Document, Table, Values
from bench.report.origin import cpu_name
from bench.stats.machines import Cell, Site, cells, differing_commands, spread

COLUMNS = (
    Column("layer first", "layer", "", lambda row: str(row["shown"]) if row["first"] else "", left=True),
    Column("machine", "machine", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("decay_low decay_high", "95% interval", "", "{decay_low:.1f} - {decay_high:.1f}"),
    Column("instructions", "instr.", "%", "{instructions:.1f}"),
    Column("differ", "differ", "pp", lambda row: _differ(row)),
    Column("on"),
    Column("beyond"),
    Column("records"),
    Column("cpu"),
    Column("cores"),
    Column("system"),
    Column("python"),
    Column("optimised"),
    Column("failed"),
)
FIRST = ("layer", "on", "machine", "decay", "decay_low", "decay_high", "instructions", "differ", "beyond")


def _differ(row: Values) -> str:
    if not row["first"] or row["differ"] is None:
        return ""
    return f"{row['differ']:.1f}{'*' if row['beyond'] else ''}"


def machines_document(
    sites: Sequence[Site],
    anatomies: Sequence[Anatomy],
    wide: bool = False,
    failed: Mapping[str, str] | None = None,
) -> Document:
    """A sentence, the table, the machines, and notes on them; `anatomies` the newest first.

    Each machine that was to be measured and `failed`, for the reason given, has a row and a line.
    """
    found = cells(sites, anatomies)
    rows = [_values(cell, found) for cell in found] + [_failed(name, why) for name, why in (failed or {}).items()]
    table = Table([each for each in COLUMNS if each.keys != "layer first"], rows, FIRST)
    said = [f"{name}: failed: {why}" for name, why in (failed or {}).items()]
    said += [_say(site, wide) for site in sites]
    ways: dict[str, list[str]] = {}
    for name, labels in differing_commands(sites).items():
        ways.setdefault(", ".join(labels), []).append(name)
    said += [f"started by another command on {labels}: {', '.join(names)}" for labels, names in ways.items()]
    last = (
        "decay: % fewer requests per CPU-second than the layer it stands on; instr.: the same by instructions; differ:"
        " highest minus lowest machine, * where that is more than their intervals explain."
    )
    return Document([sentence(found), "", Table(COLUMNS, rows), "", *said, last], table)


def sentence(found: Sequence[Cell]) -> str:
    """The layer in which machines differ most, or what a single machine reads."""
    if not found:
        return "No layer here has a decay: that needs a record of a layer and the one that it stands on."
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in found:
        rows.setdefault((cell.layer, cell.on), []).append(cell)
    shared = [(differ, row) for row in rows.values() if (differ := spread(row))]
    if not shared:
        labels = {cell.site.label for cell in found}
        what = f"{len(labels)} machines have no layer in common" if len(labels) > 1 else "This is one machine"
        return f"{what}: to compare, name records of one ladder on several with RECORD=."
    differ, row = max(shared, key=lambda each: each[0].points)
    explained = {True: " (more than their intervals explain)", False: " (within their intervals)", None: ""}
    decays = [each.decay for each in row]
    counted = [each.instructions for each in row if each.instructions is not None]
    said = f"Machines differ most in {row[0].layer} on {row[0].on}, by {differ.points:.1f} pp:"
    said += f" {_range(decays)} on {len(row)} machines{explained[differ.beyond]}"
    return f"{said}{f'; by instructions {_range(counted)} on {_share(counted, row)}' if counted else ''}."


def _range(percents: Sequence[float]) -> str:
    low, high = f"{min(percents):.1f}", f"{max(percents):.1f}"
    return f"{low}%" if low == high else f"{low} to {high}%"


def _share(some: Sequence[object], every: Sequence[object]) -> str:
    return "all" if len(some) == len(every) else f"{len(some)}"


def _values(cell: Cell, found: Sequence[Cell]) -> Values:
    row = [each for each in found if (each.layer, each.on) == (cell.layer, cell.on)]
    differ, site = spread(row), cell.site
    others = any(each.layer == cell.layer and each.on != cell.on for each in found)
    return {
        "layer": cell.layer,
        "shown": f"{cell.layer} on {cell.on}" if others else cell.layer,
        "first": row[0] is cell,
        "on": cell.on,
        "machine": site.label,
        "decay": cell.decay,
        "decay_low": cell.decay_low,
        "decay_high": cell.decay_high,
        "instructions": cell.instructions,
        "differ": differ and differ.points,
        "beyond": differ and differ.beyond,
        "records": len(site.records),
        "cpu": site.machine.cpu,
        "cores": site.machine.cores,
        "system": site.machine.system,
        "python": site.python.version,
        "optimised": site.python.optimised,
        "failed": None,
    }


def _failed(machine: str, why: str) -> Values:
    row: dict[str, str | bool | None] = {key: None for column in COLUMNS for key in column.keys.split()}
    return row | {"shown": "(failed)", "first": True, "machine": machine, "failed": why}


def _say(site: Site, wide: bool) -> str:
    """A machine in one line."""
    how = {True: " (optimised)", False: " (not optimised)", None: ""}[site.python.optimised]
    count = f", {len(site.records)} records" if len(site.records) > 1 else ""
    cpu = f"{site.machine.cpu}, {site.machine.system}" if wide else cpu_name(site.machine)
    return f"{site.label}: {site.machine.cores} cores {cpu}, Python {site.python.version}{how}{count}"
