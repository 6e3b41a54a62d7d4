"""The sections of the page, in order: one file each, or one picture each.

A section is a function of a source that makes a part, or None where there is nothing to say. To add one, write a file
here and put it into the list. Two versions of a package have parts of their own, versus.py, and so have its releases,
history.py.
"""

from collections.abc import Callable

import msgspec

from bench.report.charts import bytecodes, cost, decays, instructions, latency, wakeups
from bench.report.page.html import folded, paragraphs, table
from bench.report.page.part import Part, of_pictures
from bench.report.page.sections import answer, course, made, tree, yours
from bench.report.source import Source

Section = Callable[[Source], Part | None]


def _cost(source: Source) -> Part:
    part = of_pictures("cost", cost.TITLE, cost.picture(source))
    if not part.charts or not source.table:
        return part
    shown = {row.layer for row in source.shown()}
    lacking = [f"{row['layer']} has no figure: {row['note']}" for row in source.table.rows if row["layer"] not in shown]
    figures = folded("The figures", table(source.table, "The decay table"))
    return msgspec.structs.replace(part, body=paragraphs(lacking, "missing") + part.body + figures)


def _wake_ups(source: Source) -> Part:
    return of_pictures("wake-ups", wakeups.TITLE, wakeups.picture(source))


def _decays(source: Source) -> Part:
    return of_pictures("decays", decays.TITLE, decays.picture(source))


def _instructions(source: Source) -> Part:
    return of_pictures("instructions", instructions.TITLE, instructions.picture(source))


def _bytecodes(source: Source) -> Part:
    return of_pictures("bytecodes", bytecodes.TITLE, bytecodes.picture(source))


def _latency(source: Source) -> Part:
    return of_pictures("latency", latency.TITLE, latency.picture(source))


SECTIONS: tuple[Section, ...] = (
    answer.part,
    yours.part,
    _cost,
    _wake_ups,
    _decays,
    _instructions,
    _bytecodes,
    tree.part,
    _latency,
    course.part,
    made.part,
)
