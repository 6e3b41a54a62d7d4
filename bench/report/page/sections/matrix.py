"""One ladder under several workloads: the heat map, and what follows from it."""

from bench.report.charts import matrix
from bench.report.page.part import Part, of_pictures
from bench.report.source import Matrix


def part(found: Matrix) -> Part:
    """A part of all records of the ladder."""
    return of_pictures("matrix", f"{matrix.TITLE}: ladder {found.ladder}", matrix.picture(found))
