"""`make charts`: the pictures of a record as SVG and PNG."""

import os
from pathlib import Path

import click

from bench.commands.groups import needs_group
from bench.commands.output import say, show
from bench.data.errors import BadInput
from bench.data.layers import ROOT

needs_group("report")

from bench.commands.drawn import chosen, drawn_options, reference  # noqa: E402
from bench.report.charts import PICTURES  # noqa: E402
from bench.report.charts.draw import COLOURS, png, svg  # noqa: E402
from bench.report.charts.picture import Picture  # noqa: E402
from bench.report.charts.source import Source  # noqa: E402

REFERENCE_CHARTS = ROOT / "docs" / "charts"


@click.command("charts")
@drawn_options
@click.pass_obj
def command(catalogue_file: Path, /, paths: str, out: Path | None, reference_: bool) -> None:
    """Draw the pictures of a record, light and dark, and print the folder.

    Of the reference records it is the default ladder's, as SVG.
    """
    if reference_:
        folder, source = out or REFERENCE_CHARTS, reference(catalogue_file)[0]
    else:
        given, sources = chosen(paths)
        folder, source = out or given[0].with_name(f"{given[0].stem}-charts"), sources[0]
        if len(sources) > 1:
            say(f"note: of {len(sources)} records the first is drawn, {source.label}; `make report` shows them all")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _draw(source, folder, with_png=not reference_)
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}: try OUT=another/folder") from None
    show(os.path.relpath(folder))


def _draw(source: Source, folder: Path, with_png: bool) -> None:
    for make in PICTURES:
        found = make(source)
        if not isinstance(found, Picture):
            say(f"note: no {found.name}: {found.why}")
            continue
        for scheme in COLOURS:
            path = folder / f"{found.name}-{scheme}.svg"
            path.write_text(svg(found.spec, scheme, found.title), encoding="utf-8")
            if with_png:
                path.with_suffix(".png").write_bytes(png(found.spec, scheme, found.title))
