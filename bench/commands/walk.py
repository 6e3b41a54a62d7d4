"""`make walk`: measure and count every ladder again, and regenerate the pages."""

from pathlib import Path

import click

from bench.commands import anatomy, bench, readme
from bench.commands.options import budget_option
from bench.commands.output import say
from bench.data.catalogue import read_catalogue
from bench.data.store import REFERENCE, latest


@click.command("walk")
@click.option("--ladder", default="", help="Only this ladder.")
@budget_option
@click.pass_context
def command(context: click.Context, /, ladder: str, budget: float) -> None:
    """Measure and count every ladder, or one, into results/reference, and regenerate README.md and docs/."""
    catalogue = read_catalogue(context.obj)
    if ladder:
        catalogue.choose("", ladder)
    for name in [ladder] if ladder else catalogue.ladders:
        folder = REFERENCE / name
        context.invoke(bench.command, ladder=name, budget=budget, results=folder)
        context.invoke(anatomy.command, ladder=name, results=folder)
        for kind in ("bench", "anatomy"):
            _keep_newest(folder, kind)
    context.invoke(readme.command)


def _keep_newest(folder: Path, kind: str) -> None:
    """Keep one reference record of each kind; git has the older ones."""
    newest = latest(kind, folder, tell=say)
    for path in folder.glob(f"2*-{kind}.json"):
        if path != newest:
            path.unlink()
