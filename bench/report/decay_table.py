"""The decay table of a bench: its columns, and what stands below them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from bench.data.record import Measured, Row
from bench.report.bars import Bars
from bench.report.below import in_full, in_short
from bench.report.document import Column, Document, Table, Values
from bench.report.notes import Note, marked, marks, plain_notes, row_notes
from bench.report.workload import named
from bench.stats.decay import Figures, figures

FIRST = ("layer", "on", "decay", "decay_low", "decay_high", "cpu_us", "added_us", "rps_per_core", "note")
"""The keys that CSV begins with."""


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


def _cpu(key: str) -> Callable[[Values], str]:
    def show(row: Values) -> str:
        cpu = row[key]
        return "-" if cpu is None else f"{cpu:,.2f}" if cpu < 10 else f"{cpu:,.1f}"

    return show


def _bound(key: str) -> Callable[[Values], str]:
    """A figure of plain windows, marked where the server was not the limit."""

    def show(row: Values) -> str:
        return "-" if row[key] is None else f"{'>= ' if row['bound'] else ''}{row[key]:,.0f}"

    return show


def _mebibytes(count: float | None) -> str:
    return "-" if count is None else f"{count / 2**20:,.1f}"


COLUMNS = (
    Column("layer", "layer", "", _name, left=True, tree="on"),
    Column("on", "on", left=True, wide=True),
    Column("decay", "decay", "%", _decay),
    Column("decay_low decay_high", "95% interval", "", "{decay_low:.1f} - {decay_high:.1f}", wide=True),
    Column("added_us", "+ µs/req", "", "{added_us:+,.1f}"),
    Column("cpu_us", "CPU µs", "", _cpu("cpu_us")),
    Column("rps_per_core", "req/s per core", "", "{rps_per_core:,.0f}"),
    Column("share", "share", "%", "{share:.1f}", wide=True),
    Column("added_low added_high", "+ µs interval", "", "{added_low:,.1f} - {added_high:,.1f}", wide=True),
    Column("cpu_low cpu_high", "CPU µs interval", "", "{cpu_low:,.1f} - {cpu_high:,.1f}", wide=True),
    Column(
        "rps_per_core_low rps_per_core_high",
        "req/s interval",
        "",
        "{rps_per_core_low:,.0f} - {rps_per_core_high:,.0f}",
        wide=True,
    ),
    Column("idle", "idle CPU", "%", "{idle:.2f}", wide=True),
    Column("rounds", "rounds", wide=True),
    Column("turns", "turns", wide=True),
    Column("plain_rps bound", "plain req/s", "", _bound("plain_rps"), wide=True),
    Column(
        "plain_rps_low plain_rps_high",
        "lowest - highest",
        "",
        "{plain_rps_low:,.0f} - {plain_rps_high:,.0f}",
        wide=True,
    ),
    Column("plain_cpu_us", "plain CPU µs", "", _cpu("plain_cpu_us"), wide=True),
    Column("plain_decay", "plain decay", "%", "{plain_decay:.1f}", wide=True),
    Column("sleeps", "sleeps per req", "", "{sleeps:.2f}", wide=True),
    Column("p50_us", "p50", "µs", _bound("p50_us"), wide=True),
    Column("p99_us", "p99", "µs", _bound("p99_us"), wide=True),
    Column("p99_low p99_high", "lowest - highest", "", "{p99_low:,.0f} - {p99_high:,.0f}", wide=True),
    Column("windows", "windows", wide=True),
    Column("margin"),
    Column("note"),
    Column("rss_start", "started", "MiB", lambda row: _mebibytes(row["rss_start"]), wide=True),
    Column("rss_end", "at the end", "MiB", lambda row: _mebibytes(row["rss_end"]), wide=True),
    Column("rss_requests", "after requests", "", "{rss_requests:,.0f}", wide=True),
    Column("", bars=Bars("under_us", "cpu_us", "µs")),
)


def values(found: Figures, row: Row, notes: Sequence[Note] = (), measured: bool = True) -> dict[str, Any]:
    """A row of the table, by the keys of COLUMNS."""
    under = 0.0 if found.cpu_us is None or found.added_us is None else found.cpu_us - found.added_us
    shown = {"under_us": under, "marks": "", "measured": measured, "failed": bool(row.faults)}
    return {**msgspec.structs.asdict(found), **shown, "note": "; ".join(note.text for note in notes)}


def decay_table(record: Measured, only: Iterable[str] = ()) -> Table:
    """The table of a record, or of some of its columns, by their headings; its rows are without marks."""
    return _decay_table(record, found := figures(record), row_notes(record, found), only)


def _decay_table(
    record: Measured, found: Sequence[Figures], notes: Mapping[str, Sequence[Note]], only: Iterable[str] = ()
) -> Table:
    columns = [each for each in COLUMNS if not only or each.heading in only]
    rows = []
    for each in found:
        row = record.row(each.layer)
        told = [*notes[each.layer], *map(Note, plain_notes(record, row, each))]
        rows.append(values(each, row, told, bool(record.machine)))
    return Table(columns, rows, FIRST)


def decay_document(record: Measured, wide: bool = False, path: str = "") -> Document:
    """The table of a record, notes on its rows, and where it comes from."""
    found = figures(record)
    notes = row_notes(record, found)
    table = _decay_table(record, found, notes)
    if wide:
        said = [f"{row['layer']}: {row['note']}" for row in table.rows if row["note"]]
        return Document([table, *said, "", *in_full(record, found, path)], table)
    signs = marks(notes.values())
    rows = [{**row, "marks": "".join(signs.get(each.short, "") for each in notes[row["layer"]])} for row in table.rows]
    marked_table = msgspec.structs.replace(table, rows=rows)
    return Document([*named(record), marked_table, *marked(notes), "", *in_short(record, found, path)], table)


def live_table(record: Measured, width: int) -> str:
    """The table of a run that is not over, in text, without anything below it."""
    return _decay_table(record, figures(record), {row.name: () for row in record.layers}).for_people(
        "text", width=width
    )
