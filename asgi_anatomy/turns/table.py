"""A record -> its decay table, and what stands below it: how it was measured, where, and what to do next.

In short, a few lines of 80 columns; with WIDE=1, everything.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import msgspec

from asgi_anatomy.documents.document import Bars, Column, Document, Table, Values
from asgi_anatomy.documents.notes import Note, marked, marks, plain_notes, row_notes
from asgi_anatomy.documents.origin import LINE, driven, ending, made, named, origin_origin, workload_lines
from asgi_anatomy.turns.decay import Figures, figures
from asgi_anatomy.turns.estimate import ROUNDS
from asgi_anatomy.turns.levels import Levels
from asgi_anatomy.turns.record import Bench, Measured, Row
from asgi_anatomy.turns.verdict import FLOOR

LONGEST = 7200
"""Seconds: no longer BUDGET is ever suggested."""
MATTERS = 5.0
"""Points by which a plain wrk must read higher before it is mentioned."""


def in_short(record: Measured, found: Sequence[Figures], path: str = "") -> list[str]:
    """A few lines: what a decay is, how the run went, its machine, its record, and what to do next.

    Without a path, as on a page, not the last two; a record that was made elsewhere has no last one.
    """
    has_decays = any(row.on for row in record.layers)
    per = "CPU-second" if record.turn_ms or record.machine else "second"
    meaning = f"decay: % fewer requests per {per} than the layer it stands on"
    interval = ", ± at 95%" if any(each.margin for each in found) else ""
    lines = [f"{meaning}{interval}" if has_decays else "req/s per core: 1,000,000 / CPU µs"]
    lines += [_how(record, found), *wake_ups(found)]
    lines += [f"Source: {record.source}" if record.source else "", made(record)]
    if path:
        lines += [f"Record: {path}", _next(record, found)]
    elif record.stopped:
        lines.append(ending(record))
    return [*filter(None, lines)]


def _how(record: Measured, found: Sequence[Figures]) -> str:
    """How the run went: as many clauses as fit on a line, without the rounds if need be."""
    has_decays = any(row.on for row in record.layers)
    seconds = [f"{record.seconds:.0f} s"] if record.seconds else []
    count = len(record.rounds)
    rounds = [f"{count} round{'s' * (count != 1)}"] if record.machine and count else []
    last = []
    if has_decays and not record.turn_ms and record.machine:
        last.append("one after another, not by turns: indicative only")
    if speeds := Levels(record).speeds:
        last.append(f"{100 * speeds.slow:.0f}% of turns slow, left out")
    if not record.turn_ms and not any(window.server_cpu_ns for window in record.windows):
        last.append("CPU µs from req/s")
    margins = _margins(record, found)
    for clauses in ([*seconds, *rounds, *last], [*seconds, *last]):
        if len(line := "; ".join(filter(None, [", ".join(clauses), margins]))) <= LINE:
            break
    return line


def wake_ups(found: Sequence[Figures]) -> list[str]:
    """What a wrk with a core of its own would show, where that is another picture: of the layer in which it differs
    most.
    """
    told = [
        (each.plain_decay - each.decay, each)
        for each in found
        if each.plain_decay is not None
        and each.decay is not None
        and each.plain_cpu_us
        and each.cpu_us
        and not each.bound
    ]
    off, each = max(told, key=lambda pair: pair[0], default=(0.0, None))
    if not each or off < MATTERS:
        return []
    more = (each.plain_cpu_us or 0.0) - (each.cpu_us or 0.0)
    sleeps = f"; wrk sleeps {each.sleeps:.1f} times per request" if each.sleeps else ""
    return [
        f"with wrk on a core of its own {each.layer} costs {more:.0f} µs more and reads {each.plain_decay:.0f}%{sleeps}"
    ]


def _margins(record: Measured, found: Sequence[Figures]) -> str:
    margins = sorted(each.margin for each in found if each.margin is not None)
    if not margins:
        few = "too few rounds had fast turns" if len(record.rounds) >= ROUNDS else "too few rounds"
        return f"no margins: {few}" if any(each.decay is not None for each in found) and record.machine else ""
    target = missed(record, found)
    digits = 2 if target and round(margins[-1], 1) <= target else 1
    low, high = (f"±{each:.{digits}f}" for each in (margins[0], margins[-1]))
    span = f"margin {low}" if low == high else f"margins {low} to {high}"
    return f"{span} pp{f' (target ±{target:g})' if target else ''}"


def missed(record: Measured, found: Sequence[Figures]) -> float | None:
    """The target for the margins, in percentage points, where one of them misses it."""
    target = record.precision if isinstance(record, Bench) else None
    return target if target and any(each.margin and each.margin > target for each in found) else None


def _next(record: Measured, found: Sequence[Figures]) -> str:
    """What to do next: what fits the record."""
    if record.stopped:
        return ending(record)
    if not record.machine:
        return ""
    ladder = f" LADDER={record.ladder}" if isinstance(record, Bench) and record.ladder not in ("", "default") else ""
    target = missed(record, found)
    worst = max((each.margin for each in found if each.margin), default=0.0)
    needed = math.ceil((record.seconds or 0) * (worst / target) ** 2 / 10) * 10 if target else 0
    if not worst and any(each.decay is not None for each in found):
        return "Next: a longer BUDGET, for margins; WIDE=1 for every column"
    if target and 0 < needed <= LONGEST:
        return f"Next: BUDGET={needed} for ±{target:g} pp; make report; WIDE=1 for every column"
    return f"Next: make anatomy{ladder}; make report; WIDE=1 for every column"


def in_full(record: Measured, found: Sequence[Figures], path: str = "") -> list[str]:
    """What the words mean, the method, and where it was made."""
    load = record.load
    wrk = driven(load)
    lines = ["req/s per core: 1,000,000 / CPU µs."]
    if any(row.on for row in record.layers):
        per = "per CPU-second" if record.turn_ms else "per second"
        lines = [
            f"decay: % fewer requests {per} than the layer it stands on; + µs/req: the CPU time per request that it"
            f" adds; {lines[0]}"
        ]
    if record.turn_ms:
        lines.append(
            f"By turns: all servers share one core, each with its own {wrk}; one wrk at a time has it for"
            f" {record.turn_ms} ms. 95% intervals, from the scatter of rounds."
        )
        if speeds := Levels(record).speeds:
            lines.append(
                f"In {100 * speeds.slow:.0f}% of the time, neighbours made the core {speeds.times:.1f} times as slow:"
                " only turns at its fast speed count."
            )
        lines += wake_ups(found)
    elif any(row.on for row in record.layers):
        lines.append("Decay and CPU time come from windows one after another, not from turns: they do not repeat well.")
    if not record.turn_ms and not any(window.server_cpu_ns for window in record.windows):
        lines.append("CPU µs/req was not measured: it is 1,000,000 / req/s, as if each server had filled its core.")
    lines += workload_lines(record)
    lines += _columns(record, wrk)
    if record.quota:
        lines.append(f"The container may use the CPU time of {record.quota:g} cores.")
    if stopped := sum(bool(each.throttled) for each in record.rounds):
        lines.append(
            f"In {stopped} of {len(record.rounds)} rounds the container was throttled, since it had used up its share"
            " of the CPU."
        )
    return [*lines, *origin_origin(record, wide=True), *([f"Record: {path}"] if path else [])]


def _columns(record: Measured, wrk: str) -> list[str]:
    lines = [
        "share: requests per CPU-second, in percent of the lowest layer's. idle CPU: percent of a core that a server"
        " uses while nobody asks it anything, subtracted.",
        "MiB: resident memory, summed over a layer's processes, once started, and at the end after that many requests.",
    ]
    if record.turn_ms:
        lines.append(f"A/A noise floor: no difference below {FLOOR:g}% is claimed.")
    if record.windows:
        seconds = median(window.duration_us / 1e6 for window in record.windows)
        lines.append(
            f"plain: the median of windows of {seconds:.0f} s under {wrk} on a core of its own, as everybody runs it;"
            " sleeps: how often wrk fell asleep per request, which the server pays for."
        )
    return lines


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
