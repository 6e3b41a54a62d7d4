"""Several records beside each other: decays, and where there are two of the same layers, what changed."""

import contextlib
from collections.abc import Sequence

from bench.data.errors import BadInput
from bench.data.record import Measured
from bench.report.charts import beside
from bench.report.charts.picture import Picture
from bench.report.comparison import comparison_document, say
from bench.report.document import Table
from bench.report.page.html import folded, paragraphs, table
from bench.report.page.part import Part, of_pictures
from bench.report.source import Source
from bench.stats.comparison import compare, obstacles

THRESHOLD = 1.0


def part(sources: Sequence[Source]) -> Part | None:
    """A part of all sources; None where there is only one, or nothing in common."""
    workloads = [source.record.workload for source in sources]
    sources = [source for source in sources if workloads.count(source.record.workload) > 1]
    if len(sources) < 2:
        return None
    found = beside.picture(sources)
    measured = [source for source in sources if source.measured]
    changes = _changes(measured[0], measured[1]) if len(measured) == 2 else ""
    if not isinstance(found, Picture) and not changes:
        return None
    made = of_pictures("beside", beside.TITLE, found)
    return Part(made.key, made.title, made.sentence, made.charts, changes + made.body)


def _changes(a: Source, b: Source) -> str:
    """As `make compare` has it."""
    if not a.measured or not b.measured:
        return ""
    why = [say(each) for each in obstacles(a.measured, b.measured)]
    with contextlib.suppress(BadInput):
        head = f"A is {a.label}, B is {b.label}."
        lines = [head, *(f"They should not be compared: {each}." for each in why)]
        return paragraphs(lines, "note") + folded(
            "What changed from A to B", table(_table(a.measured, b.measured), "Changes")
        )
    return ""


def _table(a: Measured, b: Measured) -> Table:
    return comparison_document(compare(a, b, THRESHOLD), a, b, THRESHOLD).data
