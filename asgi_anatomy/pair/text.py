"""The outcome of a pair: a sentence, and its figures."""

import math

from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.notes import terms
from asgi_anatomy.documents.origin import origin_origin, workload_lines
from asgi_anatomy.turns.estimate import ROUNDS, decay
from asgi_anatomy.turns.record import Pair
from asgi_anatomy.turns.verdict import LOOKS, Outcome, seconds_needed

COLUMNS = (
    Column("a", "a", left=True, wide=True),
    Column("b", "b", left=True, wide=True),
    Column("ratio", "ratio", "", "{ratio:.4f}"),
    Column("ratio_low ratio_high", "interval", "", "{ratio_low:.4f} - {ratio_high:.4f}"),
    Column("decay", "decay", "%", "{decay:.2f}"),
    Column("verdict", "verdict", wide=True),
    Column("rounds", "rounds"),
    Column("seconds", "seconds", "", "{seconds:.0f}"),
    Column("level"),
)


def pair_document(outcome: Outcome, record: Pair, wide: bool = False) -> Document:
    """A sentence, the figures, and what they mean."""
    table = Table(COLUMNS, [_values(outcome)])
    said: list[str | Table] = [
        sentence(outcome),
        "",
        table,
        "",
        *workload_lines(record),
        *(f"{row.name}: {told}" for row in record.layers if (told := terms(row))),
        f"ratio: requests per CPU-second of {outcome.b} to those of {outcome.a}, by turns of {record.turn_ms} ms on one"
        f" core, with new servers for each round. The interval allows for {LOOKS} looks, whose false-positive rate is"
        " 5% together (Pocock).",
        *origin_origin(record, wide),
    ]
    return Document(said, table, single=True)


def _values(outcome: Outcome) -> Values:
    found = outcome.found
    interval = found.interval(outcome.alpha) if found else None
    return {
        "a": outcome.a,
        "b": outcome.b,
        "ratio": math.exp(found.mean) if found else None,
        "ratio_low": math.exp(interval[0]) if interval else None,
        "ratio_high": math.exp(interval[1]) if interval else None,
        "decay": decay(found.mean) if found else None,
        "verdict": outcome.verdict,
        "rounds": found.rounds if found else 0,
        "seconds": round(outcome.seconds, 1),
        "level": 1 - outcome.alpha,
    }


def sentence(outcome: Outcome) -> str:
    """The verdict in words, with its interval and the level of that."""
    found, a, b = outcome.found, outcome.a, outcome.b
    interval = found.interval(outcome.alpha) if found else None
    if not found or not interval:
        rounds = found.rounds if found else 0
        return f"unclear: {rounds} of the {ROUNDS} rounds that a verdict needs: try a longer BUDGET."
    low, high = (decay(each) for each in reversed(interval))
    level = f"{100 * (1 - outcome.alpha):.4g}% interval"
    match outcome.verdict:
        case "same":
            within = f"within {outcome.threshold:g}% ({level} {low:+.2f} to {high:+.2f}% fewer)"
            return f"same: {b} serves as many requests per CPU-second as {a}, {within}."
        case "slower":
            fewer = f"{decay(found.mean):.2f}% fewer requests per CPU-second than {a}"
            return f"slower: {b} serves {fewer} ({level} {low:.2f} to {high:.2f}%)."
        case "faster":
            more = f"{-decay(found.mean):.2f}% more requests per CPU-second than {a}"
            return f"faster: {b} serves {more} ({level} {-high:.2f} to {-low:.2f}%)."
    needed = seconds_needed(found, outcome.alpha, outcome.threshold, outcome.seconds)
    budget = f"about {needed:.0f} s should be enough: try BUDGET={math.ceil(needed / 10) * 10}"
    return (
        f"unclear: {b} is {_between(low, high)} than {a} ({level});"
        f" {budget if needed < 86400 else 'no practical budget would be enough'}."
    )


def _between(low: float, high: float) -> str:
    """Two losses in percent, negative where they are gains, in words."""
    if low < 0 < high:
        return f"between {-low:.2f}% faster and {high:.2f}% slower"
    least, most = sorted((abs(low), abs(high)))
    return f"{least:.2f}% to {most:.2f}% {'faster' if low < 0 else 'slower'}"
