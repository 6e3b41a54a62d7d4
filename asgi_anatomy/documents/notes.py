"""What a reader must know of a layer's row: in full, and in short as a mark beside its name."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from asgi_anatomy.turns.decay import BUSY, Figures, figures, full_windows, good_windows
from asgi_anatomy.turns.estimate import ROUNDS
from asgi_anatomy.turns.record import Measured, Row

TOLD = ("Python", "uvicorn", "uvloop", "httptools")
"""Of the versions in an own layer's environment, those that say how an app is served there."""

EQUAL = {"bytes": "to the byte", "dated": "apart from Date and Server headers", "json": "as JSON"}
MARKS = ("*", "†", "‡", "§", "¶", "#", "**", "††", "‡‡")
AS_JSON = "its answer is equal as JSON, not to the byte"
DATED = "its answers have Date and Server headers"
ALONE = "held to its request alone, not to contract.toml"
OWN = "in an environment of its own"
PLAIN = "measured under a wrk with a core of its own, like what it stands on"
ENDED = "some of its processes ended, and took their CPU time with them"
IDLE = 0.5
"""Percent of a core: a server that uses more while nobody asks it anything is said to."""


class Note(msgspec.Struct, frozen=True):
    """Something that a reader must know of a row."""

    text: str
    short: str = ""
    """The same for all rows with the same mark. Without it, the lines below the table say it."""
    fails: bool = False
    """Whether it says why there is no figure: always shown in full."""


def marks(notes: Iterable[Sequence[Note]]) -> dict[str, str]:
    """A mark for each short note there is, in order."""
    shorts = dict.fromkeys(note.short for row in notes for note in row if note.short)
    return dict(zip(shorts, MARKS, strict=False))


def marked(notes: Mapping[str, Sequence[Note]]) -> list[str]:
    """What stands below a table in short: what the marks mean, and why rows have no figures."""
    failed = [f"{name}: {note.text}" for name, row in notes.items() for note in row if note.fails]
    return [*failed, *(f"{mark} {short}" for short, mark in marks(notes.values()).items())]


def row_notes(record: Measured, found: Sequence[Figures] = ()) -> dict[str, list[Note]]:
    """What a reader must know of each layer's row; `found` are the record's figures, if the caller has them."""
    by_name = {row.layer: row for row in found or figures(record)}
    return {row.name: _row(record, row, by_name[row.name], by_name.get(row.on or "")) for row in record.layers}


def _row(record: Measured, row: Row, found: Figures, below: Figures | None) -> list[Note]:
    if row.faults:
        return [Note(row.faults[0], fails=True)]
    notes = [Note(told, _short_terms(row))] if (told := terms(row)) else []
    if row.plain and record.turn_ms:
        notes.append(Note(f"{PLAIN}: {row.plain}", f"{PLAIN}: {row.plain}"))
    notes += _left_out(record, row)
    if found.cpu_us is None and not any(note.fails for note in notes):
        notes.append(Note("not measured", fails=True))
    elif row.on and found.decay is None and found.cpu_us is not None:
        known = below and below.cpu_us is not None
        why = f"no round has turns that count of both it and {row.on}" if known else f"{row.on} has no figure"
        notes.append(Note(f"no decay: {why}", fails=True))
    if (found.idle or 0.0) > IDLE:
        notes.append(
            Note(f"uses {found.idle:.1f}% of a core while nobody asks it anything, which is not in its figures")
        )
    if found.decay is not None and found.margin is None and record.machine:
        notes.append(Note(f"no interval: {found.rounds} of the {ROUNDS} rounds that one needs"))
    if found.decay is not None and record.machine and not record.turn_ms:
        notes.append(Note("its decay is from windows one after another: indicative only"))
    return notes


def _left_out(record: Measured, row: Row) -> list[Note]:
    own = [each for made in record.rounds for each in made.instances if each.layer == row.name]
    windows = [each for each in record.windows if each.layer == row.name]
    notes = []
    for what, each in (("rounds", own), ("plain windows", windows)):
        if faults := [one.fault for one in each if one.fault]:
            only = len(faults) == len(each) and (what == "rounds" or bool(row.plain) or not record.turn_ms)
            text = f"{len(faults)} of {len(each)} {what} left out: {faults[0]}"
            notes.append(Note(text, "" if only else f"some of its {what} were left out: {faults[0]}", fails=only))
    if void := sum(each.server_cpu_ns is None and not each.fault for each in windows if record.cores):
        only = void == len(windows) and bool(row.plain or not record.turn_ms)
        text = f"{void} of {len(windows)} plain windows have no CPU time: {ENDED}"
        notes.append(Note(text, "" if only else f"some of its plain windows have no CPU time: {ENDED}", fails=only))
    turns = [turn for made in record.rounds for turn in made.turns if turn.layer == row.name]
    if void := sum(turn.cpu_ns is None for turn in turns):
        text = f"{void} of {len(turns)} turns left out: {ENDED}"
        short = "" if void == len(turns) else f"some of its turns were left out: {ENDED}"
        notes.append(Note(text, short, fails=not short))
    return notes


def plain_notes(record: Measured, row: Row, found: Figures) -> list[str]:
    """Notes on what a layer shows under a plain wrk, wherever that is shown."""
    if row.faults:
        return []
    used = full_windows(record, row)
    cores = max((each.cores for each in used), default=1)
    percent = 100 * max((each.busy or 0 for each in used), default=0)
    share = f"{percent:.0f}% of its {f'{cores} cores' if cores > 1 else 'core'}"
    notes = [f"plain req/s is on {cores} cores, all else per CPU-second of one"] if cores > 1 else []
    if idle := len(good_windows(record, row)) - len(used):
        left = f"{idle} of {idle + len(used)} plain windows left out"
        notes.append(f"{left}: the server had under {BUSY:.0%} of its core")
    if found.bound:
        shared = record.machine and cores >= record.machine.cores
        limit = "wrk had to share them" if shared else "its core was not the limit"
        bounds = "plain req/s is a lower bound, p50 and p99 are upper ones"
        notes.append(f"{bounds}: the server had at most {share}, so {limit}")
    elif row.waits and used:
        notes.append(f"it waits: under a plain wrk it used {share}")
    return notes


def terms(row: Row) -> str:
    """On what terms a layer was measured, if these are not the usual ones, or nothing."""
    found = []
    if row.answer != "bytes" or not row.cases:
        alone = f"the request of {row.request} alone" if row.request else "the User request alone"
        equal = EQUAL[row.answer]
        size = row.answer_bytes or "a varying number of"
        found.append(f"held to {'contract.toml' if row.cases else alone}, its answer equal {equal} ({size} bytes)")
    if row.packages:
        names = TOLD if "uvicorn" in row.command else TOLD[:1]
        told = [f"{name} {row.packages[name]}" for name in names if name in row.packages]
        all_of_them = f"(the record has all {len(row.packages)} versions)"
        found.append(f"in its own environment: {', '.join(told)} {all_of_them}")
    return "; ".join(found)


def _short_terms(row: Row) -> str:
    held = ALONE if not row.cases else {"bytes": "", "dated": DATED, "json": AS_JSON}[row.answer]
    return "; ".join(filter(None, [held, OWN if row.packages else ""]))
