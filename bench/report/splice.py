"""Records, contract -> the tables of README.md and docs/METHOD.md, between `<!-- NAME -->` and `<!-- end NAME -->`."""

import re

from bench.data.errors import BadInput
from bench.data.layers import Catalogue
from bench.data.record import Record
from bench.host.conformance import Contract, differences
from bench.report.decay_table import grid, render
from bench.stats.decay import figures


def blocks(record: Record, contract: Contract, catalogue: Catalogue) -> dict[str, str]:
    """The README's tables by name."""
    layers = catalogue.choose(None, "default")
    headings = ["a request with", *(layer.name for layer in layers), "what those that differ give"]
    ground = catalogue.ground(layers)
    adds = [[layer.name, ground[layer.name] or "", layer.adds] for layer in layers]
    return {
        "table": render(record, figures(record), "markdown"),
        "layers": grid(["layer", "on", "what it adds"], adds, "markdown", left=3),
        "contract": grid(headings, differences(contract, layers), "markdown", left=1),
    }


def splice(text: str, tables: dict[str, str], file: str = "README.md") -> str:
    """Put each table between its markers; raises BadInput where the markers are missing."""
    for name, table in tables.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        if not between.search(text):
            raise BadInput(f"{file} has no `<!-- {name} -->` and `<!-- end {name} -->` to put the table between")
        text = between.sub(lambda match, table=table: f"{match[1]}\n{table}\n\n{match[2]}", text)  # type: ignore[misc]
    return text
