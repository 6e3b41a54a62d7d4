"""`make charts`: the pictures of a record as SVG and PNG."""

import os
from pathlib import Path

import click

from bench.commands.groups import needs_group
from bench.commands.options import Drawn, drawn_options
from bench.commands.output import say, show
from bench.data.errors import BadInput
from bench.data.layers import ROOT
from bench.data.record import Layers

REFERENCE_CHARTS = ROOT / "docs" / "charts"


@click.command("charts")
@drawn_options
@click.pass_obj
def command(catalogue_file: Path, /, drawn: Drawn) -> None:
    """Draw the pictures of a record, light and dark, and print the folder.

    Of the reference records, those of the default ladder, and one of each package's releases, as SVG only.
    """
    needs_group("report")
    from bench.commands.drawn import chosen, reference, reference_releases, reference_workloads
    from bench.report.charts import PICTURES, matrix
    from bench.report.charts.draw import draw
    from bench.report.charts.history import pictures, reference_picture
    from bench.report.charts.sweep import pictures as of_sweep
    from bench.report.source import Releases, Source, Swept, matrices

    more: list[Layers] = []
    past: list[Releases] = []
    swept: list[Swept] = []
    if drawn.reference:
        folder, found = drawn.out or REFERENCE_CHARTS, reference(catalogue_file)
        more = [*(each.record for each in found if isinstance(each, Source)), *reference_workloads()]
        made = [reference_picture(each.series) for each in reference_releases()]
        found = found[:1]
    else:
        given, found = chosen(drawn.paths)
        folder = drawn.out or given[0].with_name(f"{given[0].stem}-charts")
        past = [each for each in found if isinstance(each, Releases)]
        made = [each for one in past for each in pictures(one.series)]
        swept = [each for each in found if isinstance(each, Swept)][:1]
        made += [each for one in swept for each in of_sweep(one.record)]
    source = next((each for each in found if isinstance(each, Source)), None)
    if not source and not past and not swept:
        raise BadInput(f"{found[0].label} is a record of `make versus`, which has no charts: try `make report`")
    grids = matrices([*(each.record for each in found if isinstance(each, Source)), *more])
    drawable = [source.label] if source else []
    drawable += [*(each.label for each in past), *(each.label for each in swept)]
    if len(found) > max(1, len(drawable)):
        by_itself = " by itself" if grids else ""
        what = ", ".join(drawable)
        say(f"note: only one of {len(found)} records is drawn{by_itself}, {what}; `make report` shows all")
    made += [make(source) for make in PICTURES] if source else []
    made += map(matrix.picture, grids)
    for missing in draw(made, folder, with_png=not drawn.reference):
        say(f"note: no {missing.name}: {missing.why}")
    show(os.path.relpath(folder))
