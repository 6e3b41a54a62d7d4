"""A record -> its decay table, and what stands below it: how it was measured, where, and what to do next.

In short, a few lines of 80 columns; with WIDE=1, everything.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from msgspec.structs import asdict, replace

from asgi_anatomy.documents.document import Bars, Column, Document, Table, Values
from asgi_anatomy.documents.notes import Note, marked, marks, plain_notes, row_notes
from asgi_anatomy.documents.origin import LINE, described, driven, ending, made, named, workload_lines
from asgi_anatomy.suite.workloads import USER
from asgi_anatomy.turns.decay import Figures, figures
from asgi_anatomy.turns.estimate import ROUNDS
from asgi_anatomy.turns.levels import Levels
from asgi_anatomy.turns.record import Bench, Measured
from asgi_anatomy.turns.verdict import FLOOR

LONGEST = 7200
"""Seconds: no longer BUDGET is ever suggested."""
ONE_SPEED = "all turns at one speed: only another run would show that it is a slow one"
MATTERS = 5.0
"""Points by which a plain wrk must read higher before it is mentioned."""
FIRST = ("layer", "on", "decay", "decay_low", "decay_high", "cpu_us", "added_us", "rps_per_core", "note")
"""The keys that CSV begins with."""


def _decay(row: Values) -> str:
    """With half its interval; `±?` where there were too few rounds for one."""
    if row["failed"]:
        return "failed"
    decay, margin = row["decay"], row["margin"]
    if decay is None:
        return "-"
    if margin is None:
        return f"{decay:.1f}{' ±?' if row['measured'] else ''}"
    return f"{decay:.1f} ±{margin:.1f}" if margin >= 0.05 else f"{decay:.1f} ±<0.1"


def _cpu(key: str) -> Callable[[Values], str]:
    return lambda row: "-" if row[key] is None else f"{row[key]:,.{2 if row[key] < 10 else 1}f}"


def _bound(key: str, sign: str) -> Callable[[Values], str]:
    """A figure of plain windows, marked where the server was not the limit."""
    return lambda row: "-" if row[key] is None else f"{f'{sign} ' if row['bound'] else ''}{row[key]:,.0f}"


def _mebibytes(key: str) -> Callable[[Values], str]:
    return lambda row: "-" if row[key] is None else f"{row[key] / 2**20:,.1f}"


def _span(key: str, name: str, form: str) -> Column:
    low, high = f"{key}_low", f"{key}_high"
    return Column(f"{low} {high}", name, "", f"{{{low}:{form}}} - {{{high}:{form}}}", wide=True)


def _around(key: str, name: str) -> Column:
    """A figure in µs with half of its interval."""
    keys = f"{key}_us", f"{key}_low", f"{key}_high"

    def shown(row: Values) -> str:
        figure, low, high = (row[each] for each in keys)
        margin = "" if low is None else f" ±{(high - low) / 2:,.1f}"
        return "-" if figure is None else f"{figure:,.1f}{margin}"

    return Column(" ".join(keys), name, "", shown, wide=True)


COLUMNS = (
    Column("layer", "layer", "", "{layer}{marks}", left=True, tree="on"),
    Column("on", "on", left=True, wide=True),
    Column("decay", "decay", "%", _decay),
    _span("decay", "95% interval", ".1f"),
    Column("added_us", "+ µs/req", "", "{added_us:+,.1f}"),
    Column("cpu_us", "CPU µs", "", _cpu("cpu_us")),
    Column("rps_per_core", "req/s per core", "", "{rps_per_core:,.0f}"),
    Column("share", "share", "%", "{share:.1f}", wide=True),
    _span("added", "+ µs interval", ",.1f"),
    _span("cpu", "CPU µs interval", ",.1f"),
    _span("rps_per_core", "req/s interval", ",.0f"),
    Column("idle", "idle CPU", "%", "{idle:.2f}", wide=True),
    Column("rounds", "rounds", wide=True),
    Column("turns", "turns", wide=True),
    Column("plain_rps bound", "plain req/s", "", _bound("plain_rps", ">="), wide=True),
    _span("plain_rps", "lowest - highest", ",.0f"),
    Column("plain_cpu_us", "plain CPU µs", "", _cpu("plain_cpu_us"), wide=True),
    Column("plain_decay", "plain decay", "%", "{plain_decay:.1f}", wide=True),
    Column("sleeps", "sleeps per req", "", "{sleeps:.2f}", wide=True),
    Column("p50_us", "p50", "µs", _bound("p50_us", "<="), wide=True),
    Column("p99_us", "p99", "µs", _bound("p99_us", "<="), wide=True),
    _span("p99", "lowest - highest", ",.0f"),
    Column("windows", "windows", wide=True),
    Column("margin"),
    Column("note"),
    Column("rss_start", "started", "MiB", _mebibytes("rss_start"), wide=True),
    Column("rss_end", "at the end", "MiB", _mebibytes("rss_end"), wide=True),
    Column("rss_requests", "after requests", "", "{rss_requests:,.0f}", wide=True),
    _around("user", "user µs"),
    _around("system", "system µs"),
    Column("plain_system_us", "plain system µs", "", _cpu("plain_system_us"), wide=True),
    Column("user_decay user_decay_low user_decay_high"),
    Column("", bars=Bars("under_us", "cpu_us", "µs")),
)


def decay_table(record: Measured, only: Iterable[str] = ()) -> Table:
    """The table of a record, or of some of its columns, by their headings; its rows are without marks."""
    rows = figures(record)
    return _table(record, rows, row_notes(record, rows), only)


def live_table(record: Measured, width: int) -> str:
    """The table of a run that is not over, in text, without anything below it."""
    return _table(record, figures(record), {}).for_people("text", width=width)


def decay_document(
    record: Measured, wide: bool = False, path: str = "", newest: bool = False, runs: Sequence[Bench] = ()
) -> Document:
    """The table of a record, notes on its rows, where it comes from, and how far it is from other runs of the same.

    `newest` says that commands find the record without its path.
    """
    rows = figures(record)
    notes = row_notes(record, rows)
    table = _table(record, rows, notes)
    if wide:
        lines = [f"{row['layer']}: {row['note']}" for row in table.rows if row["note"]]
        last = [*filter(None, [between_runs(record, runs)]), *([f"Record: {path}"] if path else [])]
        return Document([table, *lines, "", *in_full(record, rows), *last], table)
    signs = marks(notes.values())
    with_marks = [
        {**row, "marks": "".join(signs.get(note.short, "") for note in notes[row["layer"]])} for row in table.rows
    ]
    shown = replace(table, rows=with_marks)
    return Document([*named(record), shown, *marked(notes), "", *_in_short(record, rows, path, newest, runs)], table)


def _table(
    record: Measured, rows: Sequence[Figures], notes: Mapping[str, Sequence[Note]], only: Iterable[str] = ()
) -> Table:
    values = []
    for figure in rows:
        row, cpu, added = record.row(figure.layer), figure.cpu_us, figure.added_us
        texts = [*(note.text for note in notes.get(row.name, ())), *plain_notes(record, row, figure)]
        values.append(
            {
                **asdict(figure),
                "under_us": 0.0 if cpu is None or added is None else cpu - added,
                "marks": "",
                "measured": bool(record.machine),
                "failed": bool(row.faults),
                "note": "; ".join(texts),
            }
        )
    return Table([column for column in COLUMNS if not only or column.heading in only], values, FIRST)


def _in_short(record: Measured, rows: Sequence[Figures], path: str, newest: bool, runs: Sequence[Bench]) -> list[str]:
    """A few lines: what a figure is, how the run went, its machine, its record, and what to do next.

    Without a path, as on a page, not the last two; a record that was made elsewhere has no last one.
    """
    per = "CPU-second" if record.turn_ms or record.machine else "second"
    interval = ", ± at 95%" if any(row.margin for row in rows) else ""
    lines = [
        f"decay: % fewer requests per {per} than the layer it stands on{interval}"
        if any(row.on for row in record.layers)
        else "req/s per core: 1,000,000 / CPU µs",
        "CPU µs: CPU time per request, by turns on one core" if record.turn_ms else "",
        _how(record, rows),
        ONE_SPEED if record.turn_ms and record.rounds and not Levels(record).speeds else "",
        between_runs(record, runs),
        *_wake_ups(rows),
        f"Source: {record.source}" if record.source else "",
        made(record),
    ]
    if path:
        lines += [f"Record: {path}", _next(record, rows, "" if newest else f" RECORD={path}")]
    elif record.stopped:
        lines.append(ending(record))
    return [*filter(None, lines)]


def _how(record: Measured, rows: Sequence[Figures]) -> str:
    """How the run went: as many clauses as fit on a line, without the rounds if need be."""
    seconds = [f"{record.seconds:.0f} s"] if record.seconds else []
    count = len(record.rounds)
    rounds = [f"{count} round{'s' * (count != 1)}"] if record.machine and count else []
    last = []
    if any(row.on for row in record.layers) and not record.turn_ms and record.machine:
        last.append("one after another, not by turns: indicative only")
    if speeds := Levels(record).speeds:
        last.append(f"{100 * speeds.slow:.0f}% of turns slow, left out")
    if _without_cpu_times(record):
        last.append("CPU µs from req/s")
    margins = _margins(record, rows)
    whole, shorter = (
        "; ".join(filter(None, [", ".join(clauses), margins]))
        for clauses in ([*seconds, *rounds, *last], [*seconds, *last])
    )
    return whole if len(whole) <= LINE else shorter


def between_runs(record: Measured, runs: Sequence[Bench]) -> str:
    """How far the runs of the same layers on one machine are apart, in the layer that costs most; or nothing."""
    rows = [row for row in map(_dearest, (record, *runs)) if row]
    if len(rows) < 2 or len({row.layer for row in rows}) > 1:
        return ""
    costs = sorted(row.cpu_us or 0 for row in rows)
    return f"{len(rows)} runs of these layers on this machine: {rows[0].layer} {costs[0]:,.1f} to {costs[-1]:,.1f} µs"


def _dearest(record: Measured) -> Figures | None:
    return max((row for row in figures(record) if row.cpu_us), key=lambda row: row.cpu_us or 0, default=None)


def _without_cpu_times(record: Measured) -> bool:
    return not record.turn_ms and not any(window.server_cpu_ns for window in record.windows)


def _wake_ups(rows: Sequence[Figures]) -> list[str]:
    """What a wrk with a core of its own would show of the layer in which it differs most, where it differs much."""
    apart = [
        (row.plain_decay - row.decay, row.plain_cpu_us - row.cpu_us, row)
        for row in rows
        if row.plain_decay is not None and row.decay is not None and row.plain_cpu_us and row.cpu_us and not row.bound
    ]
    points, more, row = max(apart, key=lambda one: one[0], default=(0.0, 0.0, None))
    if not row or points < MATTERS:
        return []
    sleeps = f"; wrk sleeps {row.sleeps:.1f} times per request" if row.sleeps else ""
    return [
        f"with wrk on a core of its own {row.layer} costs {more:.0f} µs more and reads {row.plain_decay:.0f}%{sleeps}"
    ]


def _split(rows: Sequence[Figures]) -> list[str]:
    if all(row.system_us is None for row in rows):
        return []
    return [
        "user, system: CPU µs outside the kernel and in it, as its clock samples them, ± at 95% from the scatter of"
        " rounds."
    ]


def _margins(record: Measured, rows: Sequence[Figures]) -> str:
    margins = sorted(row.margin for row in rows if row.margin is not None)
    if not margins:
        few = "too few rounds had fast turns" if len(record.rounds) >= ROUNDS else "too few rounds"
        return f"no margins: {few}" if any(row.decay is not None for row in rows) and record.machine else ""
    target = _missed(record, rows)
    digits = 2 if target and round(margins[-1], 1) <= target else 1
    low, high = (f"±{margin:.{digits}f}" for margin in (margins[0], margins[-1]))
    span = f"margin {low}" if low == high else f"margins {low} to {high}"
    return f"{span} pp{f' (target ±{target:g})' if target else ''}"


def _missed(record: Measured, rows: Sequence[Figures]) -> float | None:
    """The target for the margins, in percentage points, where one of them misses it."""
    target = record.precision if isinstance(record, Bench) else None
    return target if target and any(row.margin and row.margin > target for row in rows) else None


def _next(record: Measured, rows: Sequence[Figures], at: str) -> str:
    """What to type next; `at` is the option that names the record, or empty."""
    if record.stopped:
        return ending(record)
    if not record.machine:
        return ""
    own = any(not row.cases for row in record.layers)  # a layer of the user's own: its record has not all its options
    steps = [] if own else [f"make anatomy{_which(record)}"]
    if isinstance(record, Bench) and (more := _longer(record, rows)):
        needed, what_for = more
        steps = [f"{'the same with' if own else f'make bench{_which(record)}'} BUDGET={needed} for {what_for}"]
    steps += [f"make table{at} WIDE=1"] if at else ["make report", "make table WIDE=1"]
    return f"Next: {'; '.join(steps)}"


def _which(record: Measured) -> str:
    """The options that name its layers and its workload."""
    ladder = getattr(record, "ladder", "")
    named = f" LAYERS='{' '.join(row.name for row in record.layers)}'"
    which = "" if ladder == "default" else f" LADDER={ladder}" if ladder else named
    return f"{which}{f' WORKLOAD={record.workload}' if record.workload != USER else ''}"


def _longer(record: Bench, rows: Sequence[Figures]) -> tuple[int, str] | None:
    """The BUDGET that would give margins, or those that were asked for, where it is not longer than anybody waits."""
    worst, count = max((row.margin or 0.0 for row in rows), default=0.0), len(record.rounds)
    target, decays = _missed(record, rows), any(row.decay is not None for row in rows)
    times = (worst / target) ** 2 if target else ROUNDS / max(1, count) if decays and count < ROUNDS else 0.0
    needed = math.ceil((record.seconds or 0) * times / 10) * 10
    if times and needed <= (record.budget or 0):  # a round took longer than was expected
        needed = math.ceil((record.budget or 0) / 5) * 10
    if not 0 < needed <= LONGEST:
        return None
    return needed, f"±{target:g} pp" if target else "margins"


def in_full(record: Measured, rows: Sequence[Figures]) -> list[str]:
    """What the words mean, the method, and where it was made."""
    wrk, has_decays = driven(record.load), any(row.on for row in record.layers)
    lines = ["req/s per core: 1,000,000 / CPU µs."]
    if has_decays:
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
        lines += _wake_ups(rows)
    elif has_decays:
        lines.append("Decay and CPU time come from windows one after another, not from turns: they do not repeat well.")
    if _without_cpu_times(record):
        lines.append("CPU µs/req was not measured: it is 1,000,000 / req/s, as if each server had filled its core.")
    lines += [
        *workload_lines(record),
        *_split(rows),
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
    if any(row.bound for row in rows):
        lines.append(
            ">=, <=: the server did not fill its core, so plain req/s is a lower bound, and p50 and p99 are upper ones."
        )
    if record.quota:
        lines.append(f"The container may use the CPU time of {record.quota:g} cores.")
    if stopped := sum(bool(round_.throttled) for round_ in record.rounds):
        lines.append(
            f"In {stopped} of {len(record.rounds)} rounds the container was throttled, since it had used up its share"
            " of the CPU."
        )
    return [*lines, *described(record, wide=True)]
