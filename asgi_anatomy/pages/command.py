"""What `make report` and `make charts` share: the records that they are given, as sources of pictures.

Needs the group `report`.

`make report`: records as one HTML page.

`make charts`: the pictures of a record as SVG and PNG.

`make readme`: the generated parts of README.md and docs/.

`make schema`: the JSON Schema of a record.

`make walk`: measure and count every ladder again, and regenerate the pages.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from asgi_anatomy.anatomy.command import command as anatomy_command
from asgi_anatomy.bench.command import command as bench_command
from asgi_anatomy.cli import needs_group, run_in_group
from asgi_anatomy.documents.source import Releases, Shown, Sides, Source, Swept
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
    schema,
    shared,
)
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.history.figures import all_series
from asgi_anatomy.history.record import is_counted
from asgi_anatomy.history.record import read_all as read_counted
from asgi_anatomy.options import Command, Drawn, budget_option, drawn_options
from asgi_anatomy.pages.readme import pages, splice
from asgi_anatomy.suite.contract import read_contract
from asgi_anatomy.suite.layers import ROOT, read_catalogue
from asgi_anatomy.sweep.record import Sweep
from asgi_anatomy.turns.record import Anatomy, Bench, Kind, Layers, Measured
from asgi_anatomy.versus.record import Versus


def reference(catalogue_file: Path) -> list[Shown]:
    """A source for each ladder that has reference records, and for each package whose releases are counted there."""
    found: list[Shown] = []
    for ladder in read_catalogue(catalogue_file).ladders:
        paths = filter(None, (newest_in(REFERENCE / ladder, kind) for kind in ("bench", "anatomy")))
        found += gather({path: read_record(path, Kind) for path in paths}, ladder)
    return found + reference_releases()


def reference_releases() -> list[Releases]:
    """A source for each package whose releases are counted among the reference records."""
    return [releases_of(path) for path in sorted((REFERENCE / "history").glob("*.json"))]


def reference_workloads() -> list[Bench]:
    """The reference records of workloads."""
    found = read_all(str(REFERENCE / "workloads"), say) if (REFERENCE / "workloads").is_dir() else {}
    return [record for record in found.values() if isinstance(record, Bench)]


def releases_of(path: Path) -> Releases:
    """The releases that a file has; raises BadInput."""
    every = all_series(read_counted(path))
    return Releases(f"releases of {every[0].package}", every, _shown(path))


def chosen(paths: str) -> tuple[list[Path], list[Shown]]:
    """The records that were named, or the newest bench; raises BadInput."""
    paths = paths if paths.strip() else str(latest("bench", tell=say))
    files = files_of(paths)
    past = [file for file in files if is_counted(file)]
    read = read_all(paths, say, past)
    if not past and not read:
        raise BadInput(f"no record in {paths}: expected files, or folders with *.json")
    found = [*gather(read), *map(releases_of, past)]
    if not found:
        raise BadInput("no record of bench, pair, anatomy, versus or sweep among these: try RECORD=results/NAME.json")
    return [file for file in files if file in read or file in past], found


def gather(read: Mapping[Path, Kind], called: str = "") -> list[Shown]:
    """One for each record of times, with its anatomy, each anatomy that is left, each versus, and each sweep."""
    paths = [*read]
    counted = {path: record for path, record in read.items() if isinstance(record, Anatomy)}
    used: set[Path] = set()
    sources: list[Shown] = []
    for path, record in read.items():
        if not isinstance(record, Measured):
            continue
        own = _own(record, path, counted)
        used |= {own[0]} if own else set()
        counts, place = (own[1], _shown(own[0])) if own else (None, "")
        sources.append(Source(called or label(path, paths), record, counts, _shown(path), place))
    for path, each in counted.items():
        if path not in used:
            sources.append(Source(label(path, paths), None, each, "", _shown(path)))
    for path, other in read.items():
        if isinstance(other, Versus):
            sources.append(Sides(label(path, paths), other, _shown(path)))
        elif isinstance(other, Sweep):
            sources.append(Swept(label(path, paths), other, _shown(path)))
        elif not isinstance(other, Measured | Anatomy):
            say(f"note: {_shown(path)} is a record of `make {other.kind}`, which has no picture yet: left out")
    return sources


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


REFERENCE_PAGE = ROOT / "docs" / "report.html"


@click.command("report", cls=Command)
@drawn_options
@click.pass_obj
def command(catalogue_file: Path, /, drawn: Drawn) -> None:
    """Write one HTML page about records, which needs no network."""
    needs_group("report")
    from asgi_anatomy.pages.page import page

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


REFERENCE_CHARTS = ROOT / "docs" / "charts"


@click.command("charts", cls=Command)
@drawn_options
@click.pass_obj
def charts_command(catalogue_file: Path, /, drawn: Drawn) -> None:
    """Draw the charts of a record, light and dark.

    Of the reference records, those of the default ladder, and one of each package's releases, as SVG only.
    """
    needs_group("report")
    from asgi_anatomy.bench.page import matrix_picture
    from asgi_anatomy.documents.draw import draw
    from asgi_anatomy.documents.source import Releases, Source, Swept, matrices
    from asgi_anatomy.history.page import pictures, reference_picture
    from asgi_anatomy.pages.page import PICTURES
    from asgi_anatomy.sweep.page import pictures as of_sweep

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
    made += map(matrix_picture, grids)
    for missing in draw(made, folder, with_png=not drawn.reference):
        say(f"note: no {missing.name}: {missing.why}")
    show(os.path.relpath(folder))


@click.command("readme", cls=Command)
@click.option("--check", is_flag=True, help="Change nothing; fail if a page is out of date.")
@click.pass_obj
def readme_command(catalogue_file: Path, /, check: bool) -> None:
    """Regenerate the generated parts of README.md and docs/.

    With their charts and docs/report.html, from the reference records.
    """
    for path, parts in pages(read_catalogue(catalogue_file), read_contract()).items():
        old = path.read_text(encoding="utf-8")
        new = splice(old, parts, path.name)
        if check and new != old:
            raise Fault(f"{path.name} is out of date with its records and the contract: type `make readme`")
        if new != old:
            path.write_text(new, encoding="utf-8")
    if not check:
        for each in ("charts", "report"):
            run_in_group("report", each, "--reference")


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
