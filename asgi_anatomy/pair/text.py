"""The outcome of a pair: a sentence, and its figures."""

import math

from asgi_anatomy.documents.document import Column, Document, Table
from asgi_anatomy.documents.notes import terms
from asgi_anatomy.documents.origin import described, workload_lines
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
    step, (low, high) = outcome.found, outcome.interval or (None, None)
    values = {
        "a": outcome.a,
        "b": outcome.b,
        "ratio": math.exp(step.mean) if step else None,
        "ratio_low": None if low is None else math.exp(low),
        "ratio_high": None if high is None else math.exp(high),
        "decay": decay(step.mean) if step else None,
        "verdict": outcome.verdict,
        "rounds": step.rounds if step else 0,
        "seconds": round(outcome.seconds, 1),
        "level": 1 - outcome.alpha,
    }
    table = Table(COLUMNS, [values])
    parts: list[str | Table] = [
        sentence(outcome),
        "",
        table,
        "",
        *workload_lines(record),
        *(f"{row.name}: {note}" for row in record.layers if (note := terms(row))),
        f"ratio: requests per CPU-second of {outcome.b} to those of {outcome.a}, by turns of {record.turn_ms} ms on one"
        f" core, with new servers for each round. The interval allows for {LOOKS} looks, whose false-positive rate is"
        " 5% together (Pocock).",
        *described(record, wide),
    ]
    return Document(parts, table, single=True)


def sentence(outcome: Outcome) -> str:
    """The verdict in words, with its interval and the level of that."""
    a, b, step, interval = outcome.a, outcome.b, outcome.found, outcome.interval
    if not step or not interval:
        rounds = step.rounds if step else 0
        return f"unclear: {rounds} of the {ROUNDS} rounds that a verdict needs: try a longer BUDGET."
    loss, low, high = decay(step.mean), decay(interval[1]), decay(interval[0])
    level = f"{100 * (1 - outcome.alpha):.4g}% interval"
    match outcome.verdict:
        case "same":
            within = f"within {outcome.threshold:g}% ({level} {low:+.2f} to {high:+.2f}% fewer)"
            return f"same: {b} serves as many requests per CPU-second as {a}, {within}."
        case "slower":
            fewer = f"{loss:.2f}% fewer requests per CPU-second than {a}"
            return f"slower: {b} serves {fewer} ({level} {low:.2f} to {high:.2f}%)."
        case "faster":
            more = f"{-loss:.2f}% more requests per CPU-second than {a}"
            return f"faster: {b} serves {more} ({level} {-high:.2f} to {-low:.2f}%)."
    if low < 0 < high:
        between = f"between {-low:.2f}% faster and {high:.2f}% slower"
    else:
        least, most = sorted((abs(low), abs(high)))
        between = f"{least:.2f}% to {most:.2f}% {'faster' if low < 0 else 'slower'}"
    needed = seconds_needed(step, outcome.alpha, outcome.threshold, outcome.seconds)
    budget = "no practical budget would be enough"
    if needed < 86400:
        budget = f"about {needed:.0f} s should be enough: try BUDGET={math.ceil(needed / 10) * 10}"
    return f"unclear: {b} is {between} than {a} ({level}); {budget}."
