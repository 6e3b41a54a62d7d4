"""`make history`: what each release of a package cost, counted one request at a time."""

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from pathlib import Path

import click
import msgspec
from packaging.utils import canonicalize_name

from asgi_anatomy.cli import needs_group
from asgi_anatomy.documents.store import REFERENCE, require_folder
from asgi_anatomy.documents.words import counted, plain, say, show
from asgi_anatomy.errors import BadInput, Fault, Problem, Stopped, WorkersGone
from asgi_anatomy.history.record import (
    HISTORY,
    Deps,
    ReleaseSpec,
    keep,
    kept,
    matching,
    read_all,
    write_all,
)
from asgi_anatomy.history.run import SECONDS, ReleaseJob, count_release
from asgi_anatomy.history.steps import Series, all_series, pruned
from asgi_anatomy.history.text import history_document
from asgi_anatomy.machine.executor import finished, workers
from asgi_anatomy.machine.interpreters import find, set_up
from asgi_anatomy.machine.machine import read_python
from asgi_anatomy.machine.signals import held
from asgi_anatomy.machine.tools import COUNTERS, try_to_install
from asgi_anatomy.machine.versions import read_packages
from asgi_anatomy.options import (
    PATH,
    Bring,
    Command,
    Printing,
    Shown,
    bring_options,
    printing_options,
    pythons_option,
    scheduler_option,
)
from asgi_anatomy.packages.releases import Release, choose, releases
from asgi_anatomy.suite.contract import contract_of
from asgi_anatomy.suite.layers import PYTHON, ROOT, Catalogue, Layer
from asgi_anatomy.suite.own import its_contract
from asgi_anatomy.turns.record import now
from asgi_anatomy.turns.session import Display


def count_all(
    jobs: Sequence[ReleaseJob], uploaded: Mapping[str, datetime | None], scheduler: str, folder: Path, kept: str
) -> Fault | None:
    """Do jobs here, or on a cluster, each result kept as it comes; returns what failed.

    `uploaded` has the time of each release; `kept` is the line on the counts that exist already.
    """
    failed: list[str] = []
    with workers(scheduler) as executor:
        whole = SECONDS * len(jobs) / executor.width
        say(f"{kept}, {len(jobs)} to make, {executor.width} at a time: about {minutes(whole)}")
        display = Display(whole)
        begin = time.monotonic()
        with contextlib.closing(display):
            futures = {executor.submit(count_release, job): job for job in jobs}
            results = finished(futures)
            for done, (job, result) in enumerate(results, 1):
                if isinstance(result, Fault):
                    failed.append(f"{job.wanted.name}: {result.message}")
                    outcome = "failed"
                else:
                    result.uploaded = uploaded[job.wanted.version]
                    outcome = "a gap" if result.gap else "counted"
                    try:
                        with held():
                            keep(result, folder)
                    except OSError as error:
                        failed.append(f"{job.wanted.name}: cannot write to {folder}: {error.strerror}")
                        outcome = "not kept"
                spent = time.monotonic() - begin
                left = spent * (len(jobs) - done) / done
                display.seconds = spent + left
                display.tell(f"{job.wanted.name}: {outcome}, {len(jobs) - done} left, about {minutes(left)}", spent)
    for line in failed:
        say(f"failed: {line}")
    return Fault(f"{len(failed)} of {len(jobs)} jobs failed: the same command tries them again") if failed else None


def minutes(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


ANCHOR = "uvicorn"
NEWEST = ("fastapi",)
"""Packages that pin a range of what is below them: their releases get the newest that they allow."""


@click.command("history", cls=Command)
@click.option("--package", default="", help="A package that a layer serves with, such as fastapi.")
@click.option("--releases", "which", default="minors", help="minors (the last of each) or all.  [minors]")
@click.option("--since", default="", help="The first release; 0.50 means its last patch.")
@click.option("--until", default="", help="The last release.")
@click.option("--layers", default="", help="Layers to count in.  [the lowest that runs the package]")
@bring_options
@click.option("--deps", type=click.Choice(["held", "newest", "dated"]), help="Which versions of other packages.")
@pythons_option
@scheduler_option
@click.option("--record", "path", cls=Shown, type=PATH, help="Print this file of counted releases instead of counting.")
@click.option("--out", type=PATH, help="A folder: draw RECORD as SVG there instead of printing it.")
@click.option("--reference", is_flag=True, help="Keep what is printed among the reference records as well.")
@click.option("--results", "folder", type=PATH, default=HISTORY, help="The folder for counts.")
@printing_options
@click.pass_obj
def command(
    catalogue_file: Path,
    /,
    package: str,
    which: str,
    since: str,
    until: str,
    layers: str,
    bring: Bring,
    deps: Deps | None,
    pythons: str,
    scheduler: str,
    path: Path | None,
    out: Path | None,
    reference: bool,
    folder: Path,
    printing: Printing,
) -> None:
    """Count one request with each release of a package.

    Says when its cost changed, and why. What is counted already is not counted again.
    """
    if out and not path:
        raise BadInput("OUT= draws a file of counted releases: name it, such as RECORD=results/history/fastapi.jsonl")
    if path:
        every = read_all(path)
        if out:
            needs_group("report")
            return draw_series(all_series(every), out)
        return show(printing.render(history_document(all_series(every), every[0].wanted.package)))
    if not package:
        raise BadInput("name a package: expected something like PACKAGE=fastapi")
    if scheduler:
        needs_group("cluster")
    catalogue, package = bring.catalogue(catalogue_file), canonicalize_name(package)
    chosen_layers = choose_layers(catalogue, package, layers)
    chosen = choose(releases(package), which, since, until)
    chosen_deps: Deps = deps or ("newest" if package in NEWEST else "held")
    try_to_install(*COUNTERS)
    require_folder(folder)
    own = read_python().version
    problem: Problem | None
    versions, problem = in_others(pythons) if pythons else ([own], None)
    jobs = jobs_of(package, chosen, chosen_layers, chosen_deps, versions, catalogue)
    known = kept(folder)
    own_jobs = [job for job in jobs if job.wanted.python == own]
    missing = [job for job in own_jobs if not matching(job.wanted, known)]
    before = f"{len(own_jobs) - len(missing)} of {len(own_jobs)} counts are kept from before"
    if own_jobs:
        before += f" ({counted(len(chosen), 'release')} in {counted(len(chosen_layers), 'layer')}, the newest twice)"
    uploaded = {release.version: release.uploaded for release in chosen}
    if missing:
        try:
            problem = count_all(missing, uploaded, scheduler, folder, before) or problem
        except (WorkersGone, Stopped) as ended:
            problem = ended
    else:
        say(before)
    every = kept(folder)
    wanted_releases = [
        msgspec.structs.replace(release, uploaded=uploaded.get(release.wanted.version))
        for job in jobs
        for release in matching(job.wanted, every)
    ]
    with held():
        show(printing.render(history_document(all_series(wanted_releases), package)))
        try:
            if reference and wanted_releases:
                write_all(pruned(wanted_releases), REFERENCE / "history" / f"{package}.json")
            if wanted_releases:
                write_all(wanted_releases, folder / f"{package}.jsonl")
                say(f"all of these in one file: {os.path.relpath(folder / f'{package}.jsonl')}")
        except OSError as error:
            problem = problem or Fault(f"cannot write {package}.jsonl to {folder}: {error.strerror}")
    if problem:
        raise problem


def choose_layers(catalogue: Catalogue, package: str, names: str) -> list[Layer]:
    """The layers named, or the user's own; or else the lowest of the default ladder that serves with a package, and its
    namesake there. Raises BadInput.
    """
    own = [layer for layer in catalogue.choose(names, "default") if layer.own]
    if own or catalogue.added:
        return own or [catalogue.layers[name] for name in catalogue.added]
    ladder = catalogue.choose("", "default")
    every = [*ladder, *(layer for layer in catalogue.layers.values() if layer not in ladder)]
    running = [
        layer
        for layer in every
        if not layer.loop and package in {str(canonicalize_name(name)) for name in layer.versions}
    ]
    if names:
        chosen = catalogue.choose(names, "default")
        if wrong := [layer.name for layer in chosen if layer not in running]:
            raise BadInput(f"{wrong[0]} does not serve with {package}: {' '.join(layer.name for layer in running)} do")
        return chosen
    if not running:
        known = sorted({canonicalize_name(name) for layer in every for name in layer.versions})
        raise BadInput(f"no layer serves with {package}: expected one of {', '.join(known)}")
    return [running[0], *(layer for layer in running[1:] if layer.name == package and layer in ladder)]


def draw_series(every: Sequence[Series], folder: Path) -> None:
    """Draw each series, light and dark, and print the folder; raises BadInput where it cannot be written."""
    from asgi_anatomy.documents.draw import draw
    from asgi_anatomy.history.page import pictures

    for missing in draw(pictures(every), folder):
        say(f"note: no {missing.name}: {missing.why}")
    show(plain(os.path.relpath(folder)))


def in_others(pythons: str) -> tuple[list[str], Fault | None]:
    """Do the same with each of these Pythons but this one, each in an environment of its own; returns their versions,
    and what failed. Raises BadInput for one that is not here.
    """
    interpreters = {find(name) for name in pythons.replace(",", " ").split()}
    failed = []
    for interpreter in interpreters:
        if (python := set_up(interpreter, say)) != PYTHON:
            say(f"Python {interpreter.version}: {python}")
            again = [str(python), "-m", "asgi_anatomy", *sys.argv[1:], "--pythons", ""]  # click takes the last
            if subprocess.run(again, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode:
                failed.append(interpreter.version)
    fault = Fault(f"with Python {', '.join(failed)} not everything was counted: see above") if failed else None
    return sorted(interpreter.version for interpreter in interpreters), fault


def jobs_of(
    package: str,
    chosen: Sequence[Release],
    layers: Sequence[Layer],
    deps: Deps,
    pythons: Sequence[str],
    catalogue: Catalogue,
) -> list[ReleaseJob]:
    """A job for each layer, version of Python and release, and the newest release once more, for A against A."""
    jobs = []
    for layer, python in product(layers, pythons):
        contract = its_contract(layer, contract_of([layer]))
        locks = ["requirements.lock", *([f"groups/{layer.group}.lock"] if layer.group else [])]
        served, user = _served(layer), contract.user
        asked = contract.digest() if layer.own else repr((user.wire(), user.answer))
        for release, copy in [*((release, 0) for release in chosen), (chosen[-1], 1)]:
            wanted = ReleaseSpec(
                package=package, version=release.version, layer=layer.name, deps=deps, python=python,
                lock=_digest("".join((ROOT / name).read_text() for name in locks)), served=_digest(served),
                contract=_digest(asked),
                when=_when(release, deps), copy=copy,
            )  # fmt: skip
            jobs.append(ReleaseJob(wanted, layer, catalogue.layers[ANCHOR], contract))
    return jobs


def _served(layer: Layer) -> str:
    """All that a layer's counts depend on, as far as its files tell: those of its app's folder, or package."""
    module = (layer.app or "").partition(":")[0]
    folder, package = Path(layer.folder or ROOT), module.partition(".")[0]
    files = [folder / f"{module.replace('.', '/')}.py", ROOT / "share.py", Path(layer.requirements)]
    if layer.own and layer.app:
        files += sorted([*folder.glob("*.py"), *(folder / package).rglob("*.py")])
    about = [layer.command, *(path.read_text("utf-8") for path in files if path.is_file())]
    if layer.own:
        about += [repr(layer.environment), repr(read_packages(layer.env, ["*"]) if layer.env else {})]
    return "\n".join(about)


def _when(release: Release, deps: Deps) -> str:
    if deps == "dated":
        if not release.uploaded:
            raise BadInput("DEPS=dated: the package index does not tell when releases were uploaded: try DEPS=newest")
        return release.uploaded.isoformat()
    return f"{now():%Y-%m}" if deps == "newest" else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
