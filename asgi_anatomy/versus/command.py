"""`make versus`: two versions of a package, counted and timed, with the functions that changed."""

import time
from pathlib import Path

import click
import msgspec
from packaging.utils import canonicalize_name

from asgi_anatomy.cli import needs_group
from asgi_anatomy.counts.changes import LIMIT
from asgi_anatomy.documents.origin import origin
from asgi_anatomy.documents.store import at, read_record, require_folder
from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.cores import lane
from asgi_anatomy.machine.executor import Cores, workers
from asgi_anatomy.machine.server import require_ports
from asgi_anatomy.machine.tools import COUNTERS, try_to_install
from asgi_anatomy.machine.versions import read_versions
from asgi_anatomy.options import (
    Bring,
    Command,
    Driving,
    Number,
    Printing,
    bring_options,
    budget_option,
    contract_for,
    driving_options,
    gathered,
    layers_option,
    printing_options,
    results_option,
    scheduler_option,
    shown_option,
    threshold_option,
    workload_option,
)
from asgi_anatomy.packages.sides import install_here, read_sides, surroundings_of
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.turns.plan import Plan, Selection, Watch, selection_of
from asgi_anatomy.turns.session import carry_out
from asgi_anatomy.turns.wrk import require_files, require_wrk
from asgi_anatomy.versus.bisect import VersionRange, bisect, steps
from asgi_anatomy.versus.bisect import seconds as bisection_seconds
from asgi_anatomy.versus.record import Bisection, Versus
from asgi_anatomy.versus.run import ask_both, both_sides, count_both, layers_with, seconds, time_both
from asgi_anatomy.versus.text import versus_document, versus_markdown
from asgi_anatomy.versus.verdict import judge_layers, overall


class Question(msgspec.Struct, frozen=True):
    """Which packages, the two sides of each, and in which layers."""

    package: str
    a: str
    b: str
    repo: str
    layers: str
    ladder: str
    workload: str


question_options = gathered(
    "question",
    Question,
    click.option("--package", default="", help="The package, or several, separated by spaces."),
    click.option("--a", default="", help="Side A: a version, git:REF, a folder, a wheel, base or base:REF."),
    click.option("--b", default="", help="Side B: a version, git:REF, a folder with a checkout, or a wheel."),
    click.option("--repo", default="", help="The local clone of git:REF, if not the other side's checkout."),
    layers_option,
    click.option("--ladder", default="default", show_default=True, help="The layers of this ladder that use PACKAGE."),
    workload_option,
)


@click.command("versus", cls=Command)
@question_options
@bring_options
@click.option("--only", type=click.Choice(["counts", "time"]), help="Only count, or only time.")
@click.option(
    "--limit", default=LIMIT, show_default=True, type=Number(0.0, 50), help="Percent: below it, counts are the same."
)
@threshold_option
@click.option(
    "--precision", type=Number(0.05, 50), help="Time each layer until its interval is at most ± this many percent."
)
@budget_option(300, "Time limit in seconds, for all of it.")
@shown_option
@click.option("--bisect", "bisected", is_flag=True, help="Which releases or commits between A and B moved the count.")
@scheduler_option
@driving_options
@results_option
@printing_options
@click.pass_context
def command(
    context: click.Context,
    /,
    question: Question,
    bring: Bring,
    only: str | None,
    limit: float,
    threshold: float,
    precision: float | None,
    budget: float,
    path: Path | None,
    bisected: bool,
    scheduler: str,
    driving: Driving,
    results: Path,
    printing: Printing,
) -> None:
    """Compare two versions of a package: counts, time, functions.

    First exact counts of one request, then time, then which functions changed.

    Exit codes: 0 same or faster on every layer (BISECT: steps are named), 3 slower on any by counts (by time with
    ONLY=time), 4 unclear (ONLY=time), or BISECT found no step.
    """
    if path:
        return show(_render(read_record(at(path, "versus"), Versus), printing))
    if scheduler:
        if bisected or only == "time":
            raise BadInput("SCHEDULER= is for counts of two sides: leave it out with BISECT=1 or ONLY=time")
        needs_group("cluster")
    if question.layers and question.ladder != "default":
        raise BadInput("LAYERS= and LADDER= both say which layers are compared: set only one of them")
    if bisected and len(question.layers.replace(",", " ").split()) > 1:
        raise BadInput(f"BISECT=1 counts in one layer, LAYERS={question.layers} names several: expected one")
    begin = time.monotonic()
    catalogue = bring.catalogue(context.obj)
    names = question.layers or " ".join(catalogue.added)
    contract = contract_for(question.workload, catalogue.choose(names, question.ladder), catalogue.file)
    asked = read_sides(question.package, question.a, question.b, question.repo)
    layers = layers_with(catalogue, asked.packages, names, question.ladder, say)
    load, cores = driving.load(contract.workload), lane()
    require_folder(results)
    timed, counted = only != "counts" and not bisected, only != "time"
    if timed:
        if cores is None:
            raise BadInput("time needs Linux, where servers can be pinned to a core and take turns: try ONLY=counts")
        require_wrk()
        require_files(load.connections)
        require_ports(driving.host, driving.port, 2)
    if counted:
        try_to_install(*COUNTERS)
    given = {**msgspec.structs.asdict(question), **msgspec.structs.asdict(bring), "only": only or ""}
    given |= {"limit": f"{limit:g}" if limit != LIMIT else "", "bisect": "1" if bisected else ""}
    given |= {"ladder": "" if question.ladder == "default" else question.ladder}
    record = Versus(
        **origin(),
        packages={
            name: version
            for name, version in read_versions(layers).items()
            if canonicalize_name(name) not in asked.packages
        },
        asked={key.upper(): str(value) for key, value in given.items() if value},
        ladder="" if names else catalogue.ladder(question.ladder).name,
        contract=selection_of(layers, dict.fromkeys(layer.name for layer in layers), contract).digest(),
        workload=contract.workload.name,
        limit=limit,
        threshold=threshold,
    )
    if bisected:
        record.a, record.b = ([f"{asked.packages[0]} {side}"] for side in (question.a or "base", question.b))
        context.exit(_bisect(VersionRange(asked, layers[-1], say), record, contract, results, printing))
    sides, record.layers, served = both_sides(asked, layers, say)
    a, b = sides[surroundings_of(layers[0])]
    record.a, record.b = [*a.said], [*b.said]

    def plan(selection: Selection, seconds: float) -> Plan:
        turn = driving.turn / 1000
        return Plan(selection, load, cores, driving.host, driving.port, turn, seconds, precision, threshold)

    def work(watch: Watch) -> None:
        with workers(scheduler) as everyone:
            machines = [*everyone.machines.values()] or [everyone]
            record.counted_on = [*everyone.machines]
            if scheduler:
                installed = [side for both in sides.values() for side in both]
                for done in [machine.submit(install_here, layers, installed) for machine in machines]:
                    done.result()
            ask_both(served, record, contract, watch, machines[0])
            if counted:
                count_both(served, record, contract, watch, machines, everyone.width)
        if timed:
            time_both(served, record, contract, plan, budget - (time.monotonic() - begin), watch)

    expected = seconds(len(layers), Cores().width, counted)
    problem, _ = carry_out(work, record, results, max(expected, budget) if timed else expected)
    show(_render(record, printing))
    if problem:
        raise problem
    if failed := [row.layer for row in record.layers if row.faults]:
        raise Fault(f"{', '.join(failed)}: a side does not answer as it should: see the lines below the table")
    verdict = overall(judge_layers(record))
    context.exit(3 if verdict == "slower" else 4 if verdict == "unclear" and not counted else 0)


def _bisect(versions: VersionRange, record: Versus, contract: Contract, results: Path, printing: Printing) -> int:
    """Count versions between the sides until every step is between neighbours; returns the exit code."""
    points, layer, cores = versions.points, versions.layer.name, Cores()
    bisection = record.bisection = Bisection(package=versions.packages[0], layer=layer, points=points)

    def work(watch: Watch) -> None:
        with cores:
            bisect(bisection, versions.serve, contract, record.limit, watch, cores, cores.width)

    problem, _ = carry_out(work, record, results, bisection_seconds(len(points), cores.width))
    show(_render(record, printing))
    if problem:
        raise problem
    if failed := next((end for end in (points[0], points[-1]) if end.fault), None):
        raise Fault(f"{bisection.package} {failed.name}: {failed.fault}")
    return 0 if steps(points, record.limit) else 4


def _render(record: Versus, printing: Printing) -> str:
    if printing.form == "markdown":
        return versus_markdown(record)
    return printing.render(versus_document(record, printing.form, printing.wide))
