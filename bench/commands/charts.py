"""`make charts`: the pictures of a record as SVG and PNG."""

import os
from pathlib import Path

import click

from bench.commands.groups import needs_group
from bench.commands.options import Drawn, drawn_options
from bench.commands.output import say, show
from bench.data.errors import BadInput
from bench.data.layers import ROOT

REFERENCE_CHARTS = ROOT / "docs" / "charts"


@click.command("charts")
@drawn_options
@click.pass_obj
def command(catalogue_file: Path, /, drawn: Drawn) -> None:
    """Draw the pictures of a record, light and dark, and print the folder.

    Of the reference records, those of the default ladder, as SVG only.
    """
    needs_group("report")
    from bench.commands.drawn import chosen, reference
    from bench.report.charts.draw import draw, draw_all
    from bench.report.charts.sweep import pictures
    from bench.report.source import Sides, Source

    if drawn.reference:
        folder, found = drawn.out or REFERENCE_CHARTS, reference(catalogue_file)[:1]
    else:
        given, found = chosen(drawn.paths)
        folder = drawn.out or given[0].with_name(f"{given[0].stem}-charts")
    source = next((each for each in found if not isinstance(each, Sides)), None)
    if not source:
        raise BadInput(f"{found[0].label} is a versus, of which there are no charts: try `make report`")
    if len(found) > 1:
        say(f"note: only one of {len(found)} records is drawn, {source.label}; `make report` shows all")
    try:
        for each in [] if isinstance(source, Source) else pictures(source.record):
            draw(each, folder, with_png=True)
        for missing in draw_all(source, folder, with_png=not drawn.reference) if isinstance(source, Source) else []:
            say(f"note: no {missing.name}: {missing.why}")
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}: try OUT=another/folder") from None
    show(os.path.relpath(folder))
