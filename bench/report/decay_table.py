"""The decay table of a bench: its columns, and what stands below them."""

from collections.abc import Iterable
from typing import Any

import msgspec

from bench.data.record import Windows
from bench.report.document import Column, Document, Table, Values
from bench.report.notes import below, row_notes, solo_notes
from bench.stats.decay import Figures, figures_of
from bench.stats.undisturbed import undisturbed

FIRST = (
    *("layer", "on", "rps", "decay", "cost_us", "added_us", "share", "p50_us", "p99_us"),
    *("decay_low", "decay_high", "rps_low", "rps_high", "windows", "restarts", "note"),
)
"""The keys that CSV has always begun with; others scripts may count columns."""


def _cpu(row: Values) -> str:
    cpu = row["cost_us"]
    return "-" if cpu is None else f"{cpu:,.2f}" if cpu < 10 else f"{cpu:,.1f}"


def _rps(row: Values) -> str:
    return "-" if row["rps"] is None else f"{'>= ' if row['bound'] else ''}{row['rps']:,.0f}"


COLUMNS = (
    Column("layer", "layer", left=True),
    Column("on", "on", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("decay_low decay_high", "95% interval", "", "{decay_low:.1f} - {decay_high:.1f}"),
    Column("added_us", "+ µs/req", "", "{added_us:+,.1f}"),
    Column("cost_us", "CPU µs/req", "", _cpu),
    Column("rps_per_core", "req/s per core", "", "{rps_per_core:,.0f}"),
    Column("share", "share", "%", "{share:.1f}", wide=True),
    Column("rps bound", "solo req/s", "", _rps, wide=True),
    Column("rps_low rps_high", "lowest - highest", "", "{rps_low:,.0f} - {rps_high:,.0f}", wide=True),
    Column("p50_us", "p50", "µs", "{p50_us:,.0f}", wide=True),
    Column("p99_us", "p99", "µs", "{p99_us:,.0f}", wide=True),
    Column("p99_low p99_high", "lowest - highest", "", "{p99_low:,.0f} - {p99_high:,.0f}", wide=True),
    Column("added_low added_high", "+ µs interval", "", "{added_low:,.1f} - {added_high:,.1f}", wide=True),
    Column("cost_low cost_high", "CPU µs interval", "", "{cost_low:,.1f} - {cost_high:,.1f}", wide=True),
    Column(
        "rps_per_core_low rps_per_core_high",
        "req/s interval",
        "",
        "{rps_per_core_low:,.0f} - {rps_per_core_high:,.0f}",
        wide=True,
    ),
    Column("disturbed", "disturbed", "%", "{disturbed:.0f}", wide=True),
    Column("windows pairs solo", "windows", "", "{solo} + {pairs}", wide=True),
    Column("restarts", "rounds", wide=True),
    Column("margin"),
    Column("note"),
)


def values(found: Figures, note: str = "") -> dict[str, Any]:
    """A row of the table, by the keys of COLUMNS."""
    older = {"cost_us": found.cpu_us, "cost_low": found.cpu_low, "cost_high": found.cpu_high}
    older |= {"restarts": found.rounds, "windows": found.windows}
    return {**msgspec.structs.asdict(found), **older, "note": note}


def decay_table(record: Windows, only: Iterable[str] = ()) -> Table:
    """The table of a record, or of some of its columns, by their headings."""
    fit = undisturbed(record)
    columns = [each for each in COLUMNS if not only or each.heading in only]
    notes = row_notes(record, fit)
    rows = []
    for row in figures_of(record, fit):
        solo = solo_notes(record, record.row(row.layer), row)
        rows.append(values(row, "; ".join([*notes[row.layer], *solo])) | {"brief": "; ".join(notes[row.layer])})
    return Table(columns, rows, FIRST)


def decay_document(record: Windows, wide: bool = False) -> Document:
    """The table of a record, what must be said of its rows, and where it comes from."""
    table = decay_table(record)
    told = "note" if wide or not record.paired else "brief"  # solo req/s is a column of the wide table
    said = [f"{row['layer']}: {row[told]}" for row in table.rows if row[told]]
    return Document([table, *said, "", *below(record, wide)], table)
