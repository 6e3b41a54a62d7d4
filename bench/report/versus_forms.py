"""Two versions of packages, in each format."""

from bench.data.versus import Versus
from bench.report.versus import versus_document
from bench.report.versus_data import versus_json
from bench.report.versus_markdown import versus_markdown


def render(record: Versus, form: str, wide: bool = False) -> str:
    """A record in one of FORMATS."""
    if form == "json":
        return versus_json(record)
    return versus_markdown(record) if form == "markdown" else versus_document(record).render(form, wide)
