"""record of windows -> notes on each row: in full, and in short as a mark beside its name."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bench.data.record import Bench, Row, Measured
from bench.data.window import Window
from bench.stats.decay import Figures, figures_of
from bench.stats.estimate import decay
from bench.stats.undisturbed import Undisturbed, disagreement, undisturbed
from bench.stats.windows import BUSY, full_windows, good_windows, solo_windows

TOLD = ("Python", "uvicorn", "uvloop", "httptools")
"""Of the versions in a custom server's own environment, those that say how an app is served there."""

EQUAL = {"bytes": "to the byte", "dated": "apart from Date and Server headers", "json": "as JSON"}
MARKS = ("*", "†", "‡", "§", "¶", "#", "**", "††", "‡‡")
AS_JSON = "its answer is equal as JSON, not to the byte"
DATED = "its answers have Date and Server headers"
ALONE = "held to its request alone, not to contract.toml"
OWN = "in an environment of its own"
LEFT_OUT = "some of its windows were left out"
THROTTLED = "some of its windows were throttled: the container had used up its CPU"
OF_PAIRS = "CPU µs from pairs only: no solo window in which it filled its core"
DISAGREE = "solo windows and pairs disagree: its decay lies between them"


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


def row_notes(record: Measured, fit: Undisturbed | None = None) -> dict[str, list[Note]]:
    """What a reader must know of each layer's row; `fit` is the record's, if the caller has it."""
    fit = fit or undisturbed(record)
    found = {row.layer: row for row in figures_of(record, fit)}
    return {row.name: _row(record, row, found[row.name], fit) for row in record.layers}


def _row(record: Measured, row: Row, found: Figures, fit: Undisturbed | None) -> list[Note]:
    if row.faults:
        return [Note(row.faults[0], fails=True)]
    notes = [Note(told, _short_terms(row))] if (told := terms(row)) else []
    own = [each for each in record.windows if each.layer == row.name]
    notes += _left_out(own)
    if not any(not each.fault for each in own):
        notes.append(Note("no good window" if own else "not measured", fails=True))
    elif row.on and found.decay is None:
        lacking = not good_windows(record, record.row(row.on))
        why = f"{row.on} has no figure" if lacking else f"not measured beside {row.on}"
        notes.append(Note(f"no decay: {why}", fails=True))
    if found.decay is not None and found.margin is None and record.machine:
        notes.append(Note("one round only, so no interval: try a longer BUDGET"))
    if found.decay is not None and record.machine and not record.paired:
        notes.append(Note("its decay is from windows one after another, not side by side: indicative only"))
    margin, target = found.margin, record.precision if isinstance(record, Bench) else None
    if target and margin and margin > target:
        notes.append(Note(f"its decay is known to ±{margin:.2f} pp (target ±{target:g}): try a longer BUDGET"))
    if fit and found.cpu_us and not fit.level(row.name):
        level = "its CPU µs/req is that of its pairs, disturbed or not"
        notes.append(Note(f"no solo window in which it filled its core: {level}", OF_PAIRS))
    if fit and (told := _disagrees(fit, row, len(record.layers) - 1)):
        notes.append(Note(told, DISAGREE))
    return notes


def _disagrees(fit: Undisturbed, row: Row, count: int) -> str:
    """Where solo windows and pairs contradict each other, or nothing."""
    found = disagreement(fit, row, 0.05 / max(count, 1))
    if not found or found.low <= 0 <= found.high:
        return ""
    solo, pairs = decay(found.solo.mean), decay(found.pairs.mean)
    return (
        f"solo windows say {solo:.1f}%, pairs {pairs:.1f}%, which is more than their intervals explain: its decay"
        " lies between"
    )


def _left_out(own: list[Window]) -> list[Note]:
    notes = []
    if faults := [each.fault for each in own if each.fault]:
        short = LEFT_OUT if len(faults) < len(own) else ""
        notes.append(Note(f"{len(faults)} of {len(own)} windows left out: {faults[0]}", short, fails=not short))
    if stopped := sum(bool(each.throttled) for each in own):
        share = f"{stopped} of {len(own)} windows throttled"
        notes.append(Note(f"{share}: the container had used up its share of the CPU", THROTTLED))
    return notes


def solo_notes(record: Measured, row: Row, found: Figures) -> list[str]:
    """Notes on a layer's solo requests/s, wherever that is shown."""
    if row.faults:
        return []
    used = full_windows(record, row)
    cores = max((each.cores for each in used), default=1)
    percent = 100 * max((each.busy or 0 for each in used), default=0)
    share = f"{percent:.0f}% of its {f'{cores} cores' if cores > 1 else 'core'}"
    notes = [f"solo req/s is on {cores} cores, all else per CPU-second of one"] if cores > 1 else []
    if idle := len(solo_windows(record, row)) - len(used):
        left = f"{idle} of {idle + len(used)} solo windows left out"
        notes.append(f"{left}: the server had under {BUSY:.0%} of its core")
    if found.bound:
        shared = record.machine and cores >= record.machine.cores
        limit = "wrk had to share them" if shared else "the client or the machine was the limit"
        notes.append(f"solo req/s is a lower bound: the server had at most {share}, so {limit}")
    elif row.waits and used:
        notes.append(f"it waits: solo it used {share}")
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
