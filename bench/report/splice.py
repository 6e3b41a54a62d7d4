"""Reference records, catalogue, contract -> the generated parts of README.md and docs/.

Each is between `<!-- NAME -->` and `<!-- end NAME -->`.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from bench.data.contract import Contract, differences
from bench.data.errors import BadInput
from bench.data.history import read_all
from bench.data.layers import ROOT, Catalogue
from bench.data.plan import Client
from bench.data.record import Anatomy, Bench, Kind, Sensitivity
from bench.data.store import REFERENCE, newest_in, read_record
from bench.data.workloads import read_entries, read_names
from bench.report import answer
from bench.report.anatomy import anatomy_document, anatomy_table
from bench.report.below import in_full
from bench.report.clients import clients_document
from bench.report.decay_table import decay_document
from bench.report.document import Column, Table
from bench.report.escape import markdown
from bench.report.history import history_document
from bench.report.ladders import part, title
from bench.report.sensitivity import sensitivity_document
from bench.report.share import row
from bench.report.source import Source, matrices
from bench.report.trees import UNFIT
from bench.report.workloads import workloads_document
from bench.stats.history import all_series, chief

OWN_MS = (0, 1, 10)
RPS = 2000
"""Of the table in README.md: what a request does itself, and how many of them a service gets per second."""


NOT_YET = "Not on record yet: `make {}`."
PICTURE = """\
<picture>
<source media="(prefers-color-scheme: dark)" srcset="charts/{name}-dark.svg">
<img alt="{alt}" src="charts/{name}-light.svg">
</picture>"""
"""As in README.md: light, or dark where the reader's system is."""


def pages(catalogue: Catalogue, contract: Contract) -> dict[Path, dict[str, str]]:
    """Each page, with the Markdown of its generated parts by name."""
    measured, counted = newest("default", "bench", Bench), newest("default", "anatomy", Anatomy)
    tried = newest("default", "sensitivity", Sensitivity)
    return {
        ROOT / "README.md": _front(measured, counted),
        ROOT / "docs" / "CONTRACT.md": {
            "layers": layers_table(catalogue).for_people("markdown"),
            "contract": contract_table(catalogue, contract).for_people("markdown"),
        },
        ROOT / "docs" / "METHOD.md": {
            "clients": _clients(),
            "sensitivity": sensitivity_document(tried).render("markdown") if tried else NOT_YET.format("sensitivity"),
        },
        ROOT / "docs" / "ANATOMY.md": {
            "anatomy": anatomy_document(counted, wide=True).render("markdown", wide=True)
            if counted
            else NOT_YET.format("anatomy")
        },
        ROOT / "docs" / "WORKLOADS.md": {
            "workloads": workloads_table().for_people("markdown"),
            "arena": workloads_table("arena").for_people("markdown"),
            "matrix": _matrix(catalogue, "default"),
            "arena-matrix": _matrix(catalogue, "arena"),
        },
        ROOT / "docs" / "HISTORY.md": {"history": "\n\n".join(_history()) or NOT_YET.format("history PACKAGE=fastapi")},
        ROOT / "docs" / "LADDERS.md": {
            "ladders": "\n\n".join(ladder_part(catalogue, name) for name in catalogue.ladders)
        },
    }


def newest[K: Kind](ladder: str, name: str, kind: type[K]) -> K | None:
    """The newest reference record of a ladder, or None; raises BadInput."""
    path = newest_in(REFERENCE / ladder, name)
    return read_record(path, kind) if path else None


def _front(measured: Bench | None, counted: Anatomy | None) -> dict[str, str]:
    """The parts of README.md: times and counts of the default ladder."""
    source = Source("default", measured, counted)
    again = NOT_YET.format("walk LADDER=default")
    times = dict.fromkeys(("answer", "table", "yours", "provenance"), again)
    if measured:
        times = {
            "answer": _answer(source),
            "table": decay_document(measured).render("markdown"),
            "yours": yours_table(source).for_people("markdown"),
            "provenance": "\n\n".join(map(markdown, in_full(measured, source.figures))),
        }
    return {**times, "anatomy": anatomy_table(counted).for_people("markdown") if counted else again}


def _clients() -> str:
    """The same layers under three clients."""
    read = [read_record(path, Bench) for path in sorted((REFERENCE / "clients").glob("*.json"))]
    records = {record.client: record for record in read}
    return (
        clients_document(records).render("markdown") if {*records} == {*get_args(Client)} else NOT_YET.format("clients")
    )


def _history() -> Iterator[str]:
    """Each package whose releases are counted: its heading, chart, sentences, tables and steps."""
    for path in sorted((REFERENCE / "history").glob("*.json")):
        every = all_series(read_all(path))
        package = every[0].package
        yield f"## {markdown(package)}"
        if len(chief(every).counted) > 1:
            yield _picture(f"history-{UNFIT.sub('_', package)}", f"What each release of {package} cost, as a step line")
        yield history_document(every, package).render("markdown")


def _picture(name: str, alt: str) -> str:
    """A chart in docs/charts, with what it shows in words."""
    return PICTURE.format(name=name, alt=html.escape(alt))


def ladder_part(catalogue: Catalogue, ladder: str) -> str:
    """A ladder's part of docs/LADDERS.md, from its reference records, or how to make them."""
    counted = newest(ladder, "anatomy", Anatomy)
    if not counted:
        layers = layers_table(catalogue, ladder).for_people("markdown")
        return "\n\n".join((title(catalogue, ladder), layers, NOT_YET.format(f"walk LADDER={ladder}")))
    return part(catalogue, ladder, newest(ladder, "bench", Bench), counted)


def _matrix(catalogue: Catalogue, ladder: str) -> str:
    """The workloads of a ladder, from the newest reference record of each."""
    again = f"workloads MEASURE=1{f' LADDER={ladder}' if ladder != 'default' else ''}"
    folders = [each for each in (REFERENCE / "workloads", REFERENCE / ladder) if each.is_dir()]
    read = [read_record(path, Bench) for folder in folders for path in sorted(folder.glob("*-bench.json"))]
    found = next((each.records for each in matrices(read) if each.ladder == ladder), None)
    if not found:
        return NOT_YET.format(again)
    published = {
        name: entry.published for name, entry in read_entries(catalogue.choose("", ladder)[0].contract).items()
    }
    document = workloads_document(found, next(iter(found)), [], [], published)
    picture = _picture(f"matrix-{ladder}", f"Decays of the ladder {ladder} by layer and workload")
    return f"{picture}\n\n{document.render('markdown')}\n\nProduced by `make {again}`."


def workloads_table(contract: str = "") -> Table:
    """Every workload of a contract, and what it is."""
    columns = (Column("workload", "workload", left=True), Column("about", "what it is", left=True))
    return Table(columns, [{"workload": name, "about": about} for name, about in read_names(contract).items()])


def _answer(source: Source) -> str:
    """What the whole suite found, in two or three sentences."""
    headline, said = answer.words(source)
    return f"**{markdown(headline)}** {markdown(said[0])}"


def yours_table(source: Source) -> Table:
    """The share of the dearest layer in a request that does work of its own, and the cores that takes."""
    top = max(source.shown(), key=lambda each: each.cpu_us or 0)
    columns = (
        Column("own_ms", "your own CPU time", "", "{own_ms} ms"),
        Column("share", f"{top.layer}'s share", "%", "{share:.1f}"),
        Column("per_core", "req/s per core", "", "{per_core:,.0f}"),
        Column("cores", f"cores for {RPS:,.0f} req/s", "", "{cores:.1f}"),
    )
    return Table(columns, [{"own_ms": own, **row(top.layer, top.cpu_us or 0, own, RPS)} for own in OWN_MS])


def layers_table(catalogue: Catalogue, ladder: str = "default") -> Table:
    """The layers of a ladder, what each stands on, and what it adds."""
    layers = catalogue.choose("", ladder)
    on = catalogue.ground(layers, ladder)
    columns = (
        Column("layer", "layer", left=True, tree="on"),
        Column("adds", "what it adds", left=True, wraps=True),
    )
    return Table(columns, [{"layer": each.name, "on": on[each.name], "adds": each.adds} for each in layers])


def contract_table(catalogue: Catalogue, contract: Contract) -> Table:
    """The cases in which layers of the default ladder differ: what each answers, and what that buys."""
    layers = [layer.name for layer in catalogue.choose("", "default")]
    columns = (
        Column("case", "request with", left=True),
        *(Column(name, name) for name in layers),
        Column("gets", "what the difference buys", left=True),
    )
    rows = differences(contract, catalogue.choose("", "default"))
    return Table(columns, [dict(zip(("case", *layers, "gets"), row, strict=True)) for row in rows])


def splice(text: str, parts: dict[str, str], file: str = "README.md") -> str:
    """Put each part between its markers; raises BadInput if they are missing."""
    for name, new in parts.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        if not between.search(text):
            raise BadInput(f"{file} lacks the markers `<!-- {name} -->` and `<!-- end {name} -->`")
        text = between.sub(lambda match, new=new: f"{match[1]}\n{new}\n\n{match[2]}", text)  # type: ignore[misc]
    return text
