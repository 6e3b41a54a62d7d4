"""The course of a run: the core's state and every window over time, so that a disturbed run looks disturbed."""

from bench.report.charts import readings, windows
from bench.report.charts.source import Source
from bench.report.page.part import Part, of_pictures


def part(source: Source) -> Part | None:
    """Two pictures over the same time."""
    if not source.measured:
        return None
    return of_pictures("course", "How the run went", readings.of_run(source), windows.picture(source))
