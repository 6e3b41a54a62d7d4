"""Whether a layer uses a package: by what layers.toml says it serves with, or by what its modules import.

How a layer answers each case of the contract, right or wrong, and in which cases two of them differ.

Which layers a comparison is about, and each of them as both sides serve it.

Layers in two versions -> how they answer and what they cost, counted side by side, into a record.

Layers in two versions -> a pair in time for each, into a record.
"""

import contextlib
import functools
import shlex
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from itertools import cycle

import msgspec
from packaging.utils import canonicalize_name

from asgi_anatomy.counts.jobs import COUNTS, SECONDS, Job, Result, Task, again_if_killed, longest_first, merge, take
from asgi_anatomy.errors import BadInput, Fault, ServerFault
from asgi_anatomy.machine.children import clean_environment, renew
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.versions import ask as other_python_ask
from asgi_anatomy.packages.environments import build
from asgi_anatomy.packages.resolution import changed, moved
from asgi_anatomy.packages.sides import Asked, Side, prepare, served_by
from asgi_anatomy.suite.conformance import TIMEOUT as CONFORMANCE_TIMEOUT
from asgi_anatomy.suite.conformance import Answer, receive
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT, Catalogue, Layer
from asgi_anatomy.turns.plan import Plan, Watch, two
from asgi_anatomy.turns.record import Counts, Pair
from asgi_anatomy.turns.run import measure_pair
from asgi_anatomy.versus.record import Compared, Served, Versus

TIMEOUT = 60.0  # seconds that imports may take
ASK = """
import importlib, importlib.metadata, json, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception:
        pass
owners = importlib.metadata.packages_distributions()
tops = {name.partition(".")[0] for name in [*sys.modules]}
print()
print(json.dumps(sorted({owner for top in tops for owner in owners.get(top, [])})))
"""


def serves_with(layer: Layer, package: str) -> bool:
    """Whether a layer uses a package; its environment must have been made."""
    if "{python}" not in layer.command:
        return False
    named = canonicalize_name(package) in map(canonicalize_name, layer.versions)
    return named or package in _imported(layer.python, _modules(layer))


def _modules(layer: Layer) -> tuple[str, ...]:
    """The modules that it consists of: what its command runs, and its app."""
    words = shlex.split(layer.command)
    run = [words[place + 1] for place, word in enumerate(words[:-1]) if word == "-m"][:1]
    return (*run, *([layer.app.partition(":")[0]] if layer.app else []))


@functools.cache
def _imported(python: str, modules: tuple[str, ...]) -> frozenset[str]:
    """The packages that are imported along with these modules."""
    try:
        found = other_python_ask([python, "-c", ASK, *modules], list[str], TIMEOUT, clean_environment(), ROOT)
    except Fault:  # it may end as it is imported
        return frozenset()
    return frozenset(map(canonicalize_name, found))


USER = "user"
"""The name of the User request among the cases."""
MOST = 4096  # bytes of an answer that are kept


class Reply(msgspec.Struct, frozen=True):
    """One answer: its status (0: none that is complete), and its first bytes, as Latin-1."""

    status: int
    raw: str


def answers(layer: Layer, contract: Contract, environment: Mapping[str, str] | None = None) -> dict[str, Reply]:
    """What a layer answers to the User request, each case, and each request of the workload that is neither.

    Raises ServerFault if it does not answer the workload as it should.
    """
    with Server(layer, contract, environment=environment) as server:
        wires = {
            USER: contract.user.wire(),
            **{name: case.wire(contract.user) for name, case in contract.cases.items()},
            **{
                f"{contract.workload.name} {number}": asked.wire()
                for number, asked in enumerate(contract.workload.asked, 1)
                if not asked.case
            },
        }
        return {name: _ask(server, wire) for name, wire in wires.items()}


def _ask(server: Server, wire: bytes) -> Reply:
    answer = Answer(0, b"")
    with (
        contextlib.suppress(OSError),
        socket.create_connection((server.host, server.port), CONFORMANCE_TIMEOUT) as stream,
    ):
        with contextlib.suppress(ConnectionError):  # refused before everything was sent: there may still be an answer
            stream.sendall(wire)
        answer = receive(stream)
    return Reply(answer.status, answer.raw[:MOST].decode("latin-1"))


def exact(replies: Mapping[str, Reply], contract: Contract) -> bool:
    """Whether the User request was answered as the contract says, to the byte."""
    return replies[USER].raw == contract.user.answer


def differing(a: Mapping[str, Reply], b: Mapping[str, Reply]) -> dict[str, str]:
    """The cases that two sides answer differently: "422 -> 400", or "200, with other bytes"."""
    found = {}
    for case in (case for case in a if case in b and a[case] != b[case]):
        one, other = a[case].status, b[case].status
        found[case] = f"{one} -> {other}" if one != other else f"{one}, with other bytes"
    return found


Both = tuple[Layer, Layer]


def layers_with(
    catalogue: Catalogue, packages: Sequence[str], names: str, ladder: str, tell: Callable[[str], None]
) -> list[Layer]:
    """The layers named, or those of a ladder that use one of the packages; raises BadInput where there is none."""
    layers = catalogue.choose(names, ladder)
    if names:
        if compiled := [layer.name for layer in layers if "{python}" not in layer.command]:
            raise BadInput(f"{compiled[0]} is not served by a Python: expected layers that use {' or '.join(packages)}")
        return layers
    failed = build([layer for layer in layers if layer.group], tell)
    usable = [layer for layer in layers if layer.name not in failed]
    if found := [layer for layer in usable if any(serves_with(layer, each) for each in packages)]:
        return found
    used = " or ".join(packages)
    raise BadInput(f"no layer of the ladder {ladder} uses {used}: name a LADDER or LAYERS (`make ladders` lists all)")


def both_sides(
    asked: Asked, layers: Iterable[Layer], tell: Callable[[str], None]
) -> tuple[dict[str, tuple[Side, Side]], list[Compared], dict[str, Both]]:
    """The sides by group (what they are is the same for all), a row for each layer, and each layer as they serve it.

    Raises BadInput or Fault where sides cannot be installed.
    """
    layers = [*layers]
    sides = prepare(asked, layers, tell)
    rows, served = [], {}
    for layer in layers:
        a, b = sides[layer.group]
        (first, lacks_a), (second, lacks_b) = served_by(layer, a), served_by(layer, b)
        served[layer.name] = first, second
        versions = zip(a.resolution.packages.values(), b.resolution.packages.values(), strict=True)
        rows.append(
            Compared(
                layer=layer.name,
                a=Served(flags=lacks_a),
                b=Served(flags=lacks_b),
                versions={one.name: (one.version, other.version) for one, other in versions},
                differ=changed(a.resolution, b.resolution),
                moved=moved(a.resolution, b.resolution),
            )
        )
    return sides, rows, served


AGAIN = "again"
VersusBoth = tuple[Layer, Layer]


def seconds(layers: int, width: int, counted: bool = True) -> float:
    """About how long it takes for so many layers, in seconds, with so many jobs at a time."""
    parts = sum(SECONDS[part] for part in COUNTS) if counted else 0.0
    return max(SECONDS["instructions"] * counted, (2 * layers * SECONDS["contract"] + (2 * layers + 1) * parts) / width)


def ask(layer: Layer, contract: Contract) -> dict[str, Reply] | str:
    """How a layer answers, or what is wrong with it; a server that was killed is started once more."""
    try:
        return again_if_killed(lambda: answers(layer, contract))
    except ServerFault as fault:
        return fault.what
    finally:
        renew()


def ask_both(
    served: Mapping[str, VersusBoth], record: Versus, contract: Contract, watch: Watch, executor: Executor
) -> None:
    """Write down how both sides of each layer answer; what a side cannot answer is a fault of its row."""
    watch.tell("how both sides answer", 0)
    futures = {executor.submit(ask, layer, contract): layer.name for both in served.values() for layer in both}
    replies = {futures[each]: each.result() for each in as_completed(futures)}
    for row in record.layers:
        if row.layer not in served:
            continue
        a, b = (replies[layer.name] for layer in served[row.layer])
        if isinstance(a, str) and a == b:
            row.faults.append(a)
        else:
            row.faults += [f"side {side} {each}" for side, each in (("A", a), ("B", b)) if isinstance(each, str)]
        row.a.exact = None if isinstance(a, str) else exact(a, contract)
        row.b.exact = None if isinstance(b, str) else exact(b, contract)
        if not isinstance(a, str) and not isinstance(b, str):
            row.answers = differing(a, b)


def count_both(
    served: Mapping[str, VersusBoth],
    record: Versus,
    contract: Contract,
    watch: Watch,
    executors: Sequence[Executor],
    width: int = 1,
) -> None:
    """Count both sides of each layer that has no faults, and side A of the lowest once more: that is the floor.

    There is an executor for each machine, which do `width` jobs at a time together. All counts of one layer are made on
    one machine, as those of two may differ.
    """
    begin = time.monotonic()
    record.jobs = width
    rows = [row for row in record.layers if row.layer in served and not row.faults]
    layers = [layer for row in rows for layer in served[row.layer]]
    if rows:
        record.floor_layer = rows[0].layer
        layers.append(msgspec.structs.replace(layers[0], name=AGAIN))
    jobs = longest_first([Job(layer, contract, part) for layer in layers for part in COUNTS])
    results: dict[tuple[str, Task], Result] = {}
    at = {AGAIN: executors[0]}
    for row, executor in zip(rows, cycle(executors)):
        at |= dict.fromkeys((layer.name for layer in served[row.layer]), executor)
    done = 0.0
    watch.tell(f"{len(jobs)} counts, {width} at a time", done)
    for job, result in take(jobs, executors[0], at):
        results[job.layer.name, job.task] = result
        for row in rows:
            row.a.counts, row.b.counts = (counts_of(layer.name, row.layer, results) for layer in served[row.layer])
        record.floor = counts_of(AGAIN, record.floor_layer, results)
        record.seconds = round(time.monotonic() - begin, 1)
        done += job.seconds / width
        watch.tell(f"counted {job.name}, {len(jobs) - len(results)} left", done)
        watch.keep()


def counts_of(name: str, layer: str, results: Mapping[tuple[str, Task], Result]) -> Counts | None:
    """What is known by now of a layer as one side serves it."""
    known = [results[key] for part in COUNTS if (key := (name, part)) in results]
    return merge(layer, known) if known else None


def time_both(served: Mapping[str, tuple[Layer, Layer]], record: Versus, plan: Plan, watch: Watch) -> None:
    """Measure both sides of each layer by turns; those left share the time left. A fault goes into the row."""
    begin = time.monotonic()
    rows = [row for row in record.layers if row.layer in served and not row.faults]
    for place, row in enumerate(rows):
        share = (plan.budget - (time.monotonic() - begin)) / (len(rows) - place)
        selection = two(*served[row.layer], plan.selection.contract)
        own = msgspec.structs.replace(plan, selection=selection, budget=max(share, 1.0))
        row.pair = Pair(
            load=own.load,
            budget=own.budget,
            threshold=own.threshold,
            cores=own.lane,
            contract=record.contract,
            workload=record.workload,
            layers=selection.rows(),
        )
        try:
            measure_pair(own, row.pair, watch)
        except ServerFault as fault:
            row.faults.append(f"{fault.layer} {fault.what}")
