"""The generated parts of README.md and docs/, from the reference records, the catalogue and the contract.

Each part is between `<!-- NAME -->` and `<!-- end NAME -->`.

A `why` of a ladder in layers.toml is a template that is filled in from the anatomy, so a sentence that names a package
or a component the layer does not have is an error. The fields compare a layer with the one it stands on:
`{share[h11]}` and `{part[ld.so]}` are a package's share of the added bytecodes and a component's share of the added
instructions, in percent; `{bytecodes[h11]}` and `{instructions[ld.so]}` are the numbers added; `{calls}` the added
Python calls; `{gone[h11]}` the bytecodes or instructions removed; `{syscalls[futex]}` the layer's own system calls.
"""

import html
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import msgspec

from asgi_anatomy.anatomy.text import anatomy_document, anatomy_table
from asgi_anatomy.bench.clients import clients_document
from asgi_anatomy.bench.workloads import workloads_document
from asgi_anatomy.counts.figures import components, lines
from asgi_anatomy.documents.document import Column, Table, Values
from asgi_anatomy.documents.notes import terms
from asgi_anatomy.documents.origin import cpu_name, described, python_name
from asgi_anatomy.documents.source import Source, matrices
from asgi_anatomy.documents.store import REFERENCE, newest_in, read_record
from asgi_anatomy.documents.words import UNFIT, markdown
from asgi_anatomy.errors import BadInput
from asgi_anatomy.history.record import read_all
from asgi_anatomy.history.steps import all_series, chief
from asgi_anatomy.history.text import history_document
from asgi_anatomy.layers.command import layers_table
from asgi_anatomy.pages.answer import answer, words
from asgi_anatomy.pair.sensitivity import sensitivity_document
from asgi_anatomy.suite.contract import Contract, differences
from asgi_anatomy.suite.layers import BAD_TEMPLATE, ROOT, Catalogue
from asgi_anatomy.suite.workloads import read_entries, read_names
from asgi_anatomy.turns.plan import Client
from asgi_anatomy.turns.record import Anatomy, Bench, Counts, Kind, Sensitivity
from asgi_anatomy.turns.table import decay_document, decay_table, in_full


def row(layer: str, cpu_us: float, own_ms: float, rps: float) -> dict[str, object]:
    """A layer's share of a request with `own_ms` of its own work; assets/page.js computes the same."""
    whole = own_ms * 1000 + cpu_us
    return {
        "layer": layer, "share": 100 * cpu_us / whole, "request": whole / 1000, "per_core": 1e6 / whole,
        "cores": rps * whole / 1e6,
    }  # fmt: skip


SHOWN = ("layer", "decay %", "+ µs/req", "CPU µs", "req/s per core", "rounds")
BUDGET = 60
"""Seconds: the default of make bench."""
ALONE = (Column("layer", "layer", left=True, tree="on"),)
"""The columns before those of COUNTED where there are no times."""
COUNTED = (
    Column("instructions", "instructions", "", "{instructions:,.0f}"),
    Column("added", "added", "", "{added:+,.0f}"),
    Column("bytecodes", "bytecodes", "", "{bytecodes:,.0f}"),
    Column("syscalls", "system calls", "", "{syscalls:.1f}"),
)


class Figures(dict[str, float]):
    """Counts by name; an unknown name is a mistake in layers.toml."""

    def __missing__(self, name: str) -> float:
        raise KeyError(f"{name!r} is not one of {', '.join(self) or 'nothing'}")


def title(catalogue: Catalogue, ladder: str) -> str:
    """The heading of a ladder, its question, and what it shows."""
    about = catalogue.ladders[ladder]
    shows = f"{about.adds[:1].upper()}{about.adds[1:]}."
    return "\n\n".join(filter(None, [f"### {ladder}", about.question and f"**{about.question}**", shows]))


def part(catalogue: Catalogue, ladder: str, measured: Bench | None, counted: Anatomy) -> str:
    """One ladder's part of the page, as Markdown: counts, and times where they were measured."""
    nothing = dict.fromkeys(column.keys for column in COUNTED)
    counts = {line.layer: msgspec.structs.asdict(line) for line in lines(counted)}
    known = Source(ladder, measured).shown() if measured else []
    times = decay_table(measured, SHOWN) if measured else Table(ALONE, _alone(counted))
    rows = [{**row, **{key: counts.get(row["layer"], nothing)[key] for key in nothing}} for row in times.rows]
    why = catalogue.ladders[ladder].why
    ground = {row.name: row.on for row in counted.layers}
    names = [row["layer"] for row in rows]
    reasons = [reason(name, why[name], ground.get(name), counted) for name in names if name in why]
    parts = (
        title(catalogue, ladder),
        markdown(answer(ladder, known)) if known else "",
        Table([*times.columns, *COUNTED], rows).for_people("markdown", wide=True),
        "\n".join(reasons),
        "\n".join(f"- {row['layer']}: {markdown(row['note'])}." for row in rows if row["note"]),
        f"Produced by {' and '.join(_commands(ladder, measured))}.",
        " ".join(map(markdown, described(measured or counted, wide=True))),
        f"Counted in {python_name(counted.python)}." if measured else "",
    )
    return "\n\n".join(filter(None, parts))


def _alone(counted: Anatomy) -> list[Values]:
    """Rows of counts without times."""
    notes = {row.name: "; ".join(filter(None, [*row.faults, terms(row)])) for row in counted.layers}
    return [{"layer": row.name, "on": row.on, "note": notes[row.name]} for row in counted.layers]


def _commands(ladder: str, measured: Bench | None) -> list[str]:
    """What to type for a ladder's part."""
    counts = f"`make anatomy LADDER={ladder}`"
    if not measured:
        return [counts]
    budget = "" if measured.budget in (None, BUDGET) else f" BUDGET={measured.budget:.0f}"
    return [f"`make bench LADDER={ladder}{budget}`", counts]


def reason(layer: str, why: str, on: str | None, counted: Anatomy) -> str:
    """Why a layer costs what it does, with figures; raises BadInput if the anatomy lacks one of them."""
    found = {each.layer: each for each in counted.anatomy}
    own, below = found.get(layer, Counts(layer=layer)), found.get(on or "", Counts(layer=""))
    bytecodes, instructions = _less(own.bytecodes, below.bytecodes), _less(components(own), components(below))
    try:
        text = why.format(
            bytecodes=Figures(bytecodes),
            share=Figures(_percent(bytecodes)),
            instructions=Figures(instructions),
            gone=Figures({name: -count for name, count in (instructions | bytecodes).items()}),
            part=Figures(_percent(instructions)),
            calls=sum(own.calls.values()) - sum(below.calls.values()),
            syscalls=Figures(own.syscalls),
        )
    except BAD_TEMPLATE as error:
        raise BadInput(f"layers.toml: the `why` of {layer!r} cannot be filled in: {error}") from None
    return f"- **{layer}**{f' on {on}' if on else ''}: {text}"


def _less(own: Mapping[str, float], below: Mapping[str, float]) -> dict[str, float]:
    return {
        name: own.get(name, 0) - below.get(name, 0) for name in (*own, *(each for each in below if each not in own))
    }


def _percent(counts: Mapping[str, float]) -> dict[str, float]:
    """Each count in percent of everything added; what is gone is not subtracted from that."""
    total = sum(count for count in counts.values() if count > 0)
    return {name: 100 * count / total if total else 0.0 for name, count in counts.items()}


OWN = ("fastapi", "starlette", "uvicorn")
"""Packages whose versions README.md names beside its first table."""
OWN_MS = (0, 1, 10)
RPS = 2000
"""Of the table in README.md: what a request does itself, and how many of them a service gets per second."""


NOT_YET = "Not among the reference records yet: `make {}`."
PICTURE = """\
<picture>
<source media="(prefers-color-scheme: dark)" srcset="charts/{name}-dark.svg">
<img alt="{alt}" src="charts/{name}-light.svg">
</picture>"""
"""As in README.md: light, or dark where the reader's system is."""
SMALL = "(max-width: 600px)"
REQUEST = f"""\
<picture>
<source media="{SMALL} and (prefers-color-scheme: dark)" srcset="docs/charts/request-narrow-dark.svg">
<source media="{SMALL}" srcset="docs/charts/request-narrow-light.svg">
<source media="(prefers-color-scheme: dark)" srcset="docs/charts/request-dark.svg">
<img alt="One request from left to right: how many µs each phase takes" src="docs/charts/request-light.svg">
</picture>"""


def pages(catalogue: Catalogue, contract: Contract) -> dict[Path, dict[str, str]]:
    """Each page, with the Markdown of its generated parts by name."""
    measured, counted = newest("default", "bench", Bench), newest("default", "anatomy", Anatomy)
    tried = newest("sensitivity", "sensitivity", Sensitivity)
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
            "anatomy": "\n\n".join(
                [
                    _picture("bytecodes", "Bytecodes of one request in each layer, by package"),
                    _picture("instructions", "Instructions of one request in each layer, by component"),
                    anatomy_document(counted, wide=True).render("markdown", wide=True),
                ]
            )
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
    times = dict.fromkeys(("answer", "table", "request", "ground", "yours", "provenance"), again)
    if measured:
        times = {
            "answer": _answer(source),
            "table": front_table(source).for_people("markdown"),
            "ground": "\n".join(_basis(measured)),
            "yours": yours_table(source).for_people("markdown"),
            "provenance": "\n\n".join(map(markdown, in_full(measured, source.figures))),
        }
    if measured:  # older records do not tell the kernel's time from the rest
        times["request"] = REQUEST if source.phases else ""
    return {**times, "anatomy": _counts(counted) if counted else again}


def front_table(source: Source) -> Table:
    """The dearest layer and all that it stands on, each on the row above it."""
    rows = {row["layer"]: row for row in (source.table.rows if source.table else ())}
    stack = [max(rows.values(), key=lambda row: row["cpu_us"] or 0)]
    while stack[0]["on"] in rows:
        stack.insert(0, rows[stack[0]["on"]])
    columns = (
        Column("layer", "layer", left=True),
        Column("added_us", "adds", "µs", "{added_us:,.1f}"),
        Column("cpu_us", "total", "µs", "{cpu_us:,.1f}"),
        Column("rps_per_core", "requests/s per core", "", "{rps_per_core:,.0f}"),
        Column("decay margin", "decay", "%", "{decay:.1f} ±{margin:.1f}"),
    )
    return Table(columns, stack)


def _basis(record: Bench) -> list[str]:
    """What was measured, where and when: a line each."""
    versions = ", ".join(f"{name} {record.packages[name]}" for name in OWN if name in record.packages)
    where = [cpu_name(record.machine) if record.machine else "", python_name(record.python)]
    return [
        f"- **What**: CPU time for the same small POST, over and over, on {record.load.connections} connections."
        f" Servers take turns on one core, here for {record.seconds or 0:.0f} s. ±: the 95% interval within this run.",
        f"- **Where**: {', '.join(filter(None, where))}.",
        f"- **When**: {record.made:%Y-%m-%d}, {versions}.",
    ]


def _counts(record: Anatomy) -> str:
    """The counts of one request, and the build of Python that they are of."""
    table = anatomy_table(record).for_people("markdown")
    return f"{table}\n\nCounted in {python_name(record.python)}: another build of Python gives other counts."


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
    measured, counted = newest(ladder, "bench", Bench), newest(ladder, "anatomy", Anatomy)
    if counted:
        found = part(catalogue, ladder, measured, counted)
        if ladder == "frameworks":
            found += "\n\n" + _picture("frameworks", "Instructions of one request in each framework, by component")
        return found
    if measured:
        shown, again = decay_document(measured).render("markdown"), f"anatomy LADDER={ladder}"
    else:
        shown, again = layers_table(catalogue, ladder).for_people("markdown"), f"walk LADDER={ladder}"
    return "\n\n".join((title(catalogue, ladder), shown, NOT_YET.format(again)))


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
    headline, said = words(source)
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
