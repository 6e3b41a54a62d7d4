"""The outcome of a pair: a sentence, and its figures."""

import math

from bench.data.record import Pair
from bench.report.document import Column, Document, Table, Values
from bench.report.notes import terms
from bench.report.origin import origin
from bench.report.workload import workload_lines
from bench.stats.estimate import decay
from bench.stats.verdict import LOOKS, MIN_ROUNDS, Outcome, seconds_needed

COLUMNS = (
    Column("a", "a", left=True),
    Column("b", "b", left=True),
    Column("ratio", "ratio", "", "{ratio:.4f}"),
    Column("ratio_low ratio_high", "interval", "", "{ratio_low:.4f} - {ratio_high:.4f}"),
    Column("decay", "decay", "%", "{decay:.2f}"),
    Column("verdict", "verdict"),
    Column("windows", "windows"),
    Column("restarts", "rounds"),
    Column("seconds", "seconds", "", "{seconds:.0f}"),
    Column("level"),
)


def pair_document(outcome: Outcome, record: Pair) -> Document:
    """A sentence, the figures, and what they mean."""
    table = Table(COLUMNS, [_values(outcome)], ("a", "b", "ratio", "ratio_low", "ratio_high", "decay"))
    said: list[str | Table] = [
        sentence(outcome),
        table,
        f"ratio: requests per CPU-second of b to those of a, with its {100 * (1 - outcome.alpha):.4g}% interval, from"
        f" windows of {record.load.seconds} s side by side on one core, with new servers for each.",
        f"The interval allows for {LOOKS} looks (O'Brien and Fleming): their overall false-positive rate is 5%.",
        *workload_lines(record),
        *(f"{row.name}: {told}" for row in record.layers if (told := terms(row))),
        *origin(record),
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
        "windows": found.windows if found else 0,
        "restarts": found.rounds if found else 0,
        "seconds": round(outcome.seconds, 1),
        "level": 1 - outcome.alpha,
    }


def sentence(outcome: Outcome) -> str:
    """The verdict in words."""
    found, a, b = outcome.found, outcome.a, outcome.b
    interval = found.interval(outcome.alpha) if found else None
    if not found or not interval or found.rounds < MIN_ROUNDS:
        return f"unclear: too few rounds to compare {b} with {a}: try a longer BUDGET."
    low, high = sorted(abs(decay(each)) for each in interval)
    match outcome.verdict:
        case "same":
            return f"same: {b} serves as many requests per CPU-second as {a}, within {outcome.threshold:g}%."
        case "slower":
            fewer = f"{decay(found.mean):.2f}% fewer requests per CPU-second than {a} ({low:.2f} to {high:.2f}%)"
            return f"slower: {b} serves {fewer}."
        case "faster":
            more = f"{-decay(found.mean):.2f}% more requests per CPU-second than {a} ({low:.2f} to {high:.2f}%)"
            return f"faster: {b} serves {more}."
    needed = seconds_needed(found, outcome.alpha, outcome.threshold, outcome.seconds)
    budget = f"about {needed:.0f} s should be enough: try BUDGET={math.ceil(needed / 10) * 10}"
    return (
        f"unclear: {b} loses between {decay(interval[1]):+.2f}% and {decay(interval[0]):+.2f}% against {a};"
        f" {budget if needed < 86400 else 'no practical budget would be enough'}."
    )
