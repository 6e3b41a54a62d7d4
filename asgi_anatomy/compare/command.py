"""`make compare`: which layers changed between two records."""

from pathlib import Path

import click

from asgi_anatomy.compare.text import comparison_document
from asgi_anatomy.compare.text import say as in_words
from asgi_anatomy.compare.verdict import compare, obstacles
from asgi_anatomy.documents.store import at, read_record
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput
from asgi_anatomy.options import PATH, Command, Printing, printing_options, threshold_option
from asgi_anatomy.turns.record import Measured


@click.command("compare", cls=Command)
@click.option("--a", type=PATH, help="A record.")
@click.option("--b", type=PATH, help="The record to compare with A.")
@click.option("--force", is_flag=True, help="Compare records even if they are not comparable.")
@threshold_option
@printing_options
@click.pass_context
def command(
    context: click.Context, /, a: Path | None, b: Path | None, force: bool, threshold: float, printing: Printing
) -> None:
    """Compare two records, each layer against its lowest one.

    Exit codes: 0 nothing is slower, 3 a layer is slower in B, 4 none is slower, but some are unclear.
    """
    if not a or not b:
        raise BadInput("a comparison needs two records: set A= and B=")
    old, new = read_record(at(a, "bench"), Measured), read_record(at(b, "bench"), Measured)
    why = [in_words(each) for each in obstacles(old, new)]
    if why and not force:
        raise BadInput(f"{a} and {b} should not be compared: {'; '.join(why)}. FORCE=1 compares them anyway")
    changes = compare(old, new, threshold)
    show(printing.render(comparison_document(changes, old, new, threshold, printing.wide)))
    for each in why:
        say(f"warning: {each}")
    verdicts = {change.verdict for change in changes}
    context.exit(3 if "slower" in verdicts else 4 if "unclear" in verdicts else 0)
