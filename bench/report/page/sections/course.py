"""The course of a run: every turn over time, so that a run with noisy neighbours looks like one."""

from bench.report.charts import turns
from bench.report.page.part import Part, of_pictures
from bench.report.source import Source


def part(source: Source) -> Part | None:
    """The turns of a record of times."""
    return of_pictures("course", "How the run went", turns.picture(source)) if source.measured else None
