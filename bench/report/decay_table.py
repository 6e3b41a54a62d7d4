"""The decay table of a bench: its columns, and what stands below them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from bench.data.record import Row, Measured
from bench.report.bars import Bars
from bench.report.below import in_full, in_short
from bench.report.document import Column, Document, Table, Values
from bench.report.notes import Note, marked, marks, row_notes, solo_notes
from bench.report.workload import named
from bench.stats.decay import Figures, figures_of
from bench.stats.undisturbed import undisturbed

FIRST = (
    *("layer", "on", "rps", "decay", "cost_us", "added_us", "share", "p50_us", "p99_us"),
    *("decay_low", "decay_high", "rps_low", "rps_high", "windows", "restarts", "note"),
)
"""The keys that CSV has always begun with; others scripts may count columns."""


def _name(row: Values) -> str:
    return f"{row['layer']}{row['marks']}"


def _decay(row: Values) -> str:
    """With half its interval; `±?` where a run of one round tells none."""
    if row["failed"]:
        return "failed"
    decay, margin = row["decay"], row["margin"]
    if decay is None:
        return "-"
    if margin is None:
        return f"{decay:.1f}{' ±?' if row['measured'] else ''}"
    return f"{decay:.1f} ±{margin:.1f}" if margin >= 0.05 else f"{decay:.1f} ±<0.1"


def _cpu(row: Values) -> str:
    cpu = row["cost_us"]
    return "-" if cpu is None else f"{cpu:,.2f}" if cpu < 10 else f"{cpu:,.1f}"


def _rps(row: Values) -> str:
    return "-" if row["rps"] is None else f"{'>= ' if row['bound'] else ''}{row['rps']:,.0f}"


def _mebibytes(count: float | None) -> str:
    return "-" if count is None else f"{count / 2**20:,.1f}"


COLUMNS = (
    Column("layer", "layer", "", _name, left=True, tree="on"),
    Column("on", "on", left=True, wide=True),
    Column("decay", "decay", "%", _decay),
    Column("decay_low decay_high", "95% interval", "", "{decay_low:.1f} - {decay_high:.1f}", wide=True),
    Column("added_us", "+ µs/req", "", "{added_us:+,.1f}"),
    Column("cost_us", "CPU µs", "", _cpu),
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
    Column("rss_start", "started", "MiB", lambda row: _mebibytes(row["rss_start"]), wide=True),
    Column("rss_end", "at the end", "MiB", lambda row: _mebibytes(row["rss_end"]), wide=True),
    Column("rss_requests", "after requests", "", "{rss_requests:,.0f}", wide=True),
    Column("", bars=Bars("under_us", "cost_us", "µs")),
)


def values(found: Figures, row: Row, notes: Sequence[Note] = (), measured: bool = True) -> dict[str, Any]:
    """A row of the table, by the keys of COLUMNS."""
    older = {"cost_us": found.cpu_us, "cost_low": found.cpu_low, "cost_high": found.cpu_high}
    older |= {"restarts": found.rounds, "windows": found.windows}
    under = 0.0 if found.cpu_us is None or found.added_us is None else found.cpu_us - found.added_us
    shown = {"under_us": under, "marks": "", "measured": measured, "failed": bool(row.faults)}
    return {**msgspec.structs.asdict(found), **older, **shown, "note": "; ".join(note.text for note in notes)}


def decay_table(record: Measured, only: Iterable[str] = ()) -> Table:
    """The table of a record, or of some of its columns, by their headings; its rows are without marks."""
    return _decay_table(record, figures_of(record, fit := undisturbed(record)), row_notes(record, fit), only)


def _decay_table(
    record: Measured, found: Sequence[Figures], notes: Mapping[str, Sequence[Note]], only: Iterable[str] = ()
) -> Table:
    columns = [each for each in COLUMNS if not only or each.heading in only]
    rows = []
    for each in found:
        row = record.row(each.layer)
        told = [*notes[each.layer], *map(Note, solo_notes(record, row, each))]
        rows.append(values(each, row, told, bool(record.machine)))
    return Table(columns, rows, FIRST)


def decay_document(record: Measured, wide: bool = False, path: str = "") -> Document:
    """The table of a record, notes on its rows, and where it comes from."""
    fit = undisturbed(record)
    found, notes = figures_of(record, fit), row_notes(record, fit)
    table = _decay_table(record, found, notes)
    if wide:
        said = [f"{row['layer']}: {row['note']}" for row in table.rows if row["note"]]
        return Document([table, *said, "", *in_full(record, path)], table)
    signs = marks(notes.values())
    rows = [{**row, "marks": "".join(signs.get(each.short, "") for each in notes[row["layer"]])} for row in table.rows]
    marked_table = msgspec.structs.replace(table, rows=rows)
    return Document([*named(record), marked_table, *marked(notes), "", *in_short(record, found, path)], table)


def live_table(record: Measured, width: int) -> str:
    """The table of a run that is not over, in text, without anything below it."""
    found = figures_of(record, undisturbed(record))
    return _decay_table(record, found, {row.name: () for row in record.layers}).for_people("text", width=width)
