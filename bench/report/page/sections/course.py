"""The course of a run: the core's state and every window over time, so that a disturbed run looks disturbed."""

from bench.report.charts import readings, windows
from bench.report.page.part import Part, of_pictures
from bench.report.source import Source


def part(source: Source) -> Part | None:
    """Two pictures over the same time."""
    if not source.measured:
        return None
    return of_pictures("course", "How the run went", readings.of_run(source), windows.picture(source))
