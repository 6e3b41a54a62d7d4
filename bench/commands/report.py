"""`make report`: records as one HTML page."""

import os
from pathlib import Path

import click

from bench.commands.groups import needs_group
from bench.commands.options import Drawn, drawn_options
from bench.commands.output import show
from bench.data.errors import BadInput
from bench.data.layers import ROOT

REFERENCE_PAGE = ROOT / "docs" / "report.html"


@click.command("report")
@drawn_options
@click.pass_obj
def command(catalogue_file: Path, /, drawn: Drawn) -> None:
    """Write one HTML page about records, which needs no network, and print its path."""
    needs_group("report")
    from bench.commands.drawn import chosen, reference, reference_workloads
    from bench.report.page.page import page

    if drawn.reference:
        target, sources = drawn.out or REFERENCE_PAGE, reference(catalogue_file)
        more = reference_workloads()
    else:
        more = []
        given, sources = chosen(drawn.paths)
        target = drawn.out or given[0].with_suffix(".html")
    if target.is_dir():
        target = target / "report.html"
    if target.suffix == ".json":
        raise BadInput(f"OUT={target} would be taken for a record: expected a file such as report.html, or a folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(sources, more), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {target}: {error.strerror}: try OUT=another/file.html") from None
    show(os.path.relpath(target))
