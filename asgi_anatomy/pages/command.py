"""`make report`, `charts`, `readme`, `schema` and `walk`: what shows several kinds of records at once."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from asgi_anatomy.anatomy.command import command as anatomy_command
from asgi_anatomy.bench.command import command as bench_command
from asgi_anatomy.cli import needs_group, run_in_group
from asgi_anatomy.documents.source import Shown, Source, Subject, matrices
from asgi_anatomy.documents.store import (
    REFERENCE,
    alike,
    anatomy_of,
    encode,
    files_of,
    folders_of,
    label,
    latest,
    newest_in,
    read_all,
    read_record,
    runs_like,
    schema,
    shared,
)
from asgi_anatomy.documents.words import plain, say, show
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.history.record import is_counted
from asgi_anatomy.history.record import read_all as read_counted
from asgi_anatomy.history.steps import Series, all_series
from asgi_anatomy.kinds import KINDS, page_of
from asgi_anatomy.options import Command, Drawn, budget_option, drawn_options
from asgi_anatomy.pages.readme import pages, splice
from asgi_anatomy.suite.contract import read_contract
from asgi_anatomy.suite.layers import ROOT, read_catalogue
from asgi_anatomy.turns.record import Anatomy, Bench, Kind, Layers, Measured


def reference(catalogue_file: Path) -> list[Shown]:
    """What there is of each ladder, and of each package, among the reference records."""
    ladders: list[Shown] = []
    for ladder in read_catalogue(catalogue_file).ladders:
        paths = filter(None, (newest_in(REFERENCE / ladder, kind) for kind in ("bench", "anatomy")))
        ladders += gather({path: read_record(path, Kind) for path in paths}, ladder)
    return [*ladders, *map(releases_of, sorted((REFERENCE / "history").glob("*.json")))]


def reference_workloads() -> list[Bench]:
    """The reference records of workloads."""
    folder = REFERENCE / "workloads"
    records = read_all(str(folder), say).values() if folder.is_dir() else ()
    return [record for record in records if isinstance(record, Bench)]


def releases_of(path: Path) -> Subject[list[Series]]:
    """The releases that a file has; raises BadInput."""
    series = all_series(read_counted(path))
    return Subject("history", f"releases of {series[0].package}", series, _shown(path))


def chosen(paths: str) -> tuple[Path, list[Shown]]:
    """The records that were named, or the newest bench, and the first of their files; raises BadInput."""
    paths = paths if paths.strip() else str(latest("bench", tell=say))
    files = files_of(paths)
    releases = [file for file in files if is_counted(file)]
    records = read_all(paths, say, releases)
    if not releases and not records:
        raise BadInput(f"no record in {paths}: expected files, or folders with *.json")
    sources = [*gather(records), *map(releases_of, releases)]
    if not sources:
        *kinds, last = (kind for kind, entry in KINDS.items() if entry.page and entry.record)
        raise BadInput(f"no record of {', '.join(kinds)} or {last} among these: try RECORD=results/NAME.json")
    return next(file for file in files if file in records or file in releases), sources


def gather(records: Mapping[Path, Kind], called: str = "") -> list[Shown]:
    """A source for each record of times, with its anatomy, for each anatomy that is left, and for each other record."""
    paths = [*records]
    anatomies = {path: record for path, record in records.items() if isinstance(record, Anatomy)}
    used: set[Path] = set()
    timed: list[Shown] = []
    others: list[Shown] = []
    for path, record in records.items():
        if isinstance(record, Measured):
            pair = _own(record, path, anatomies)
            counts_path, counts = pair or (None, None)
            used |= {counts_path} if counts_path else set()
            place = _shown(counts_path) if counts_path else ""
            runs = runs_like(record, folders_of(path)) if isinstance(record, Bench) and record.machine else []
            timed.append(Source(called or label(path, paths), record, counts, _shown(path), place, runs))
        elif path in anatomies:
            continue
        elif KINDS[record.kind].page:
            others.append(Subject(record.kind, label(path, paths), record, _shown(path)))
        else:
            say(f"note: {_shown(path)} is a record of `make {record.kind}`, which has no picture yet: left out")
    alone = [
        Source(called or label(path, paths), None, record, "", _shown(path))
        for path, record in anatomies.items()
        if path not in used
    ]
    return [*timed, *alone, *others]


def _own(record: Measured, path: Path, counted: dict[Path, Anatomy]) -> tuple[Path, Anatomy] | None:
    """The anatomy that belongs to it: of those that were named, or else the newest that is kept."""
    among = [(file, each) for file, each in counted.items() if alike(record, each)]
    if among:
        return max(among, key=lambda each: (len(shared(record, each[1])), str(each[1].made)))
    return anatomy_of(record, folders_of(path)) if isinstance(record, Bench) else None


def _shown(path: Path) -> str:
    """As it is typed, and without the folders above this checkout's."""
    relative = os.path.relpath(path)
    return path.name if relative.startswith("..") else relative


def _only_one(drawn: Drawn) -> None:
    """Raise BadInput unless it is clear which records are meant."""
    if drawn.reference and drawn.paths.strip():
        raise BadInput("REFERENCE=1 draws the reference records, RECORD= others: leave out one of them")


@click.command("report", cls=Command)
@drawn_options
@click.pass_obj
def command(catalogue_file: Path, /, drawn: Drawn) -> None:
    """Write one HTML page about records, which needs no network."""
    _only_one(drawn)
    needs_group("report")
    from asgi_anatomy.pages.page import page

    if drawn.reference:
        target, sources = drawn.out or ROOT / "docs" / "report.html", reference(catalogue_file)
        more = reference_workloads()
    else:
        first, sources = chosen(drawn.paths)
        target, more = drawn.out or first.with_suffix(".html"), []
    if target.is_dir():
        target = target / "report.html"
    if target.suffix == ".json":
        raise BadInput(f"OUT={target} would be taken for a record: expected a file such as report.html, or a folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(sources, more), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {target}: {error.strerror}: try OUT=another/file.html") from None
    show(plain(os.path.relpath(target)))


ON_PAGE_ONLY = ("decays", "latency")
"""Charts of the reference records that no page of docs/ shows."""


@click.command("charts", cls=Command)
@drawn_options
@click.pass_obj
def charts_command(catalogue_file: Path, /, drawn: Drawn) -> None:
    """Draw the charts of a record, light and dark.

    Of the reference records, those that README.md and docs/ show, as SVG only.
    """
    _only_one(drawn)
    needs_group("report")
    from asgi_anatomy.anatomy.page import instructions_picture
    from asgi_anatomy.bench.page import matrix_picture
    from asgi_anatomy.documents.draw import draw
    from asgi_anatomy.history.page import reference_picture

    if drawn.reference:
        folder, sources = drawn.out or ROOT / "docs" / "charts", reference(catalogue_file)
        measured = [*_of_layers(sources), *reference_workloads()]
        pictures = [
            reference_picture(source.record)
            for source in sources
            if isinstance(source, Subject) and source.kind == "history"
        ]
        pictures += [
            instructions_picture(source, "frameworks")
            for source in sources
            if isinstance(source, Source) and source.ladder == "frameworks"
        ]
        sources = sources[:1]
    else:
        first, sources = chosen(drawn.paths)
        folder = drawn.out or first.with_name(f"{first.stem}-charts")
        measured, pictures = _of_layers(sources), []
    grids = [matrix_picture(matrix) for matrix in matrices(measured)]
    labels: list[str] = []
    names: set[str] = set()
    for source in sources:
        of_source = _pictures(source)
        if of_source and names.isdisjoint(picture.name for picture in of_source):
            labels.append(source.label)
            names |= {picture.name for picture in of_source}
            pictures += of_source
    if not labels:
        source = sources[0]
        raise BadInput(f"{source.label} is a record of `make {source.kind}`, which has no charts: try `make report`")
    if len(labels) < len(sources):
        by_itself = " by itself" if grids else ""
        what = f"only {len(labels)} of {len(sources)} records {'is' if len(labels) == 1 else 'are'} drawn{by_itself}"
        say(f"note: {what}, {', '.join(labels)}; `make report` shows all")
    if drawn.reference:
        pictures = [picture for picture in pictures if picture.name not in ON_PAGE_ONLY]
    for missing in draw([*pictures, *grids], folder, with_png=not drawn.reference):
        say(f"note: no {missing.name}: {missing.why}")
    show(plain(os.path.relpath(folder)))


def _of_layers(sources: Iterable[Shown]) -> list[Layers]:
    return [source.record for source in sources if isinstance(source, Source)]


def _pictures(source: Shown) -> list[Any]:
    """The charts of its kind; none where that has none."""
    draw = getattr(page_of(source.kind), "pictures", None)
    return [*draw(source if isinstance(source, Source) else source.record)] if draw else []


@click.command("readme", cls=Command)
@click.option("--check", is_flag=True, help="Change nothing; fail if a page is out of date.")
@click.pass_obj
def readme_command(catalogue_file: Path, /, check: bool) -> None:
    """Regenerate the generated parts of README.md and docs/.

    With their charts, from the reference records.
    """
    for path, parts in pages(read_catalogue(catalogue_file), read_contract()).items():
        old = path.read_text(encoding="utf-8")
        new = splice(old, parts, path.name)
        if check and new != old:
            raise Fault(f"{path.name} is out of date with its records and the contract: type `make readme`")
        if new != old:
            path.write_text(new, encoding="utf-8")
    if not check:
        run_in_group("report", "charts", "--reference")


@click.command("schema", cls=Command)
def schema_command() -> None:
    """Print the JSON Schema of a record."""
    sys.stdout.buffer.write(encode(schema()))


@click.command("walk", cls=Command)
@click.option("--ladder", default="", help="Only this ladder.")
@budget_option(60)
@click.pass_context
def walk_command(context: click.Context, /, ladder: str, budget: float) -> None:
    """Measure and count every ladder again, into results/reference.

    Or one, LADDER. Then README.md and docs/ are regenerated. Takes about an hour.
    """
    catalogue = read_catalogue(context.obj)
    if ladder:
        catalogue.choose("", ladder)
    for name in [ladder] if ladder else catalogue.ladders:
        folder = REFERENCE / name
        context.invoke(bench_command, ladder=name, budget=budget, results=folder)
        context.invoke(anatomy_command, ladder=name, results=folder)
        for kind in ("bench", "anatomy"):
            _keep_newest(folder, kind)
    context.invoke(readme_command)


def _keep_newest(folder: Path, kind: str) -> None:
    """Keep one reference record of each kind; git has the older ones."""
    newest = latest(kind, folder, tell=say)
    for path in folder.glob(f"2*-{kind}.json"):
        if path != newest:
            path.unlink()
