"""What a record says first: the answer to its ladder's question, and how far it can be trusted.

The `answer` of a ladder in layers.toml is a template with the figures of the decay table, by layer: `{cpu[fastapi]}` is
its CPU time per request with its unit, `{than[fastapi]}` how much more or less that is than what it stands on takes,
`{beside[fastapi]}` its share of a request whose own code takes 1 ms, `{plain[fastapi]}` the requests per second that a
plain wrk saw. Where a record lacks one of them, or has no ladder, the answer is about its dearest layer and what that
stands on.
"""

from collections.abc import Sequence

from asgi_anatomy.documents.source import Source
from asgi_anatomy.documents.words import NBSP, OWN_US, counted, micro, thousands
from asgi_anatomy.errors import BadInput
from asgi_anatomy.pair.text import sentence
from asgi_anatomy.suite.layers import BAD_TEMPLATE, read_catalogue
from asgi_anatomy.turns.decay import Figures
from asgi_anatomy.turns.record import Pair
from asgi_anatomy.turns.table import between_runs
from asgi_anatomy.turns.verdict import outcome

CLOSE = 0.05
"""Where there is no interval, a smaller difference is none."""


def words(source: Source) -> tuple[str, list[str]]:
    """The headline, and what else there is to say."""
    if isinstance(source.measured, Pair):
        return _pair(source.measured), [*_ground(source)]
    rows = source.shown()
    if not rows:
        return _counted(source)
    headline, stop, rest = answer(source.ladder, rows).partition(". ")
    return f"{headline}{stop.strip()}", [*filter(None, [rest]), *_ground(source)]


def answer(ladder: str, rows: Sequence[Figures]) -> str:
    """The answer to a ladder's question from its figures; raises BadInput where layers.toml has a bad template."""
    known = read_catalogue().ladders.get(ladder)
    try:
        return known.answer.format(**_amounts(rows)) if known and known.answer else _dearest(rows)
    except KeyError:  # it was not measured in full
        return _dearest(rows)
    except BAD_TEMPLATE as error:
        raise BadInput(f"layers.toml: the `answer` of {ladder!r} cannot be filled in: {error}") from None


def _amounts(rows: Sequence[Figures]) -> dict[str, dict[str, str]]:
    """What a template may name."""
    return {
        "cpu": {row.layer: micro(row.cpu_us or 0) for row in rows},
        "than": {row.layer: _than(row) for row in rows if row.added_us is not None},
        "beside": {row.layer: _beside(row) for row in rows},
        "plain": {
            row.layer: f"{'at least ' if row.bound else ''}{row.plain_rps:,.0f}"
            for row in rows
            if row.plain_rps is not None
        },
    }


def _beside(row: Figures) -> str:
    cpu = row.cpu_us or 0
    return f"{100 * cpu / (cpu + OWN_US):.1f}%"


def _than(row: Figures) -> str:
    """How much more or less a layer takes than what it stands on, as far as its interval bears that out."""
    added, low, high = row.added_us or 0, row.added_low, row.added_high
    if low is not None and high is not None and low <= 0 <= high:
        return f"measurably neither more nor less than {row.on}"
    if low is None and abs(added) < CLOSE * (row.cpu_us or 0):
        return f"about as much as {row.on}"
    return f"{micro(abs(added))} {'less' if added < 0 else 'more'} than {row.on}"


def _dearest(rows: Sequence[Figures]) -> str:
    """What the dearest layer takes, and the lowest of those that it stands on."""
    by_name = {row.layer: row for row in rows}
    top = max(rows, key=lambda row: row.cpu_us or 0)
    low = top
    while low.on in by_name:
        low = by_name[low.on]
    said = f"A {top.layer} request costs {micro(top.cpu_us or 0)} of CPU time"
    if top.added_us is not None:
        said += f", {_than(top)}"
    if low.layer not in (top.layer, top.on):
        said += f"; {low.layer} takes {micro(low.cpu_us or 0)}"
    return f"{said}. In a request whose own code takes 1{NBSP}ms, that is {_beside(top)}."


def _pair(record: Pair) -> str:
    said = sentence(outcome(record, record.threshold or 1.0))
    verdict, _, rest = said.partition(": ")
    return rest if verdict in ("same", "slower", "faster") else said


def _counted(source: Source) -> tuple[str, list[str]]:
    """The layer with the most instructions, and the lowest of those that it stands on."""
    counts = {line.layer: line for line in source.counts if line.instructions}
    if not counts:
        return "No layer of this record has a figure.", []
    top = low = max(counts.values(), key=lambda line: line.instructions or 0)
    while low.on in counts:
        low = counts[low.on]
    headline = f"A {top.layer} request takes {thousands(top.instructions or 0)} instructions"
    headline += f", against {thousands(low.instructions or 0)} for {low.layer}." if top is not low else "."
    said = []
    if top.useful_share is not None:
        said.append(f"{top.useful_share:.1f}% of them are the endpoint's own work; the layers take the rest.")
    return headline, said


def _ground(source: Source) -> list[str]:
    """How far the figures can be trusted."""
    record, speeds = source.measured, source.speeds
    if not record:
        return []
    if not record.turn_ms:
        said = "Measured in windows one after another, not by turns: these figures are indicative only."
        if not any(window.server_cpu_ns for window in record.windows):
            said += " CPU time is 1,000,000 / requests per second, as if each server had filled its core."
        return [said]
    margins = [row.margin for row in source.figures if row.margin is not None]
    ends = [*dict.fromkeys(f"±{each:.1f}" for each in (min(margins), max(margins)))] if margins else []
    lacking = sum(row.decay is not None and row.margin is None for row in source.figures)
    without = f"; {counted(lacking, 'decay')} had too few rounds for a margin" if lacking else ""
    known = f" Decays are known to {' to '.join(ends)} points{without}." if ends else ""
    if not margins and any(row.decay is not None for row in source.figures):
        known = " Too few rounds for margins: these figures are indicative only."
    count = len(record.rounds)
    length = f" in {record.seconds:.0f} s" if record.seconds else ""
    slow = ""
    if speeds:
        slow = (
            f" In {100 * speeds.slow:.0f}% of the turns, neighbours made the core up to {speeds.times:.1f} times as"
            " slow: these do not count."
        )
    runs = between_runs(record, source.runs)
    said = f"By turns on one core: {count} round{'s' * (count != 1)}{length}.{known}{slow}"
    return [f"{said} {runs}." if runs else said]
