"""Layers in two versions: which layers use a package, how both sides answer, what they cost in counts and in time.

Whether a layer uses a package is what layers.toml says that it serves with, or what its modules import.
"""

import contextlib
import functools
import shlex
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from itertools import cycle

import msgspec
from packaging.utils import canonicalize_name

from asgi_anatomy.counts.jobs import COUNTS, SECONDS, Job, Result, Task, again_if_killed, longest_first, merge, take
from asgi_anatomy.errors import BadInput, Broken, Fault, ServerFault
from asgi_anatomy.machine.children import clean_environment, renew
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.versions import ask as ask_python
from asgi_anatomy.packages.environments import build
from asgi_anatomy.packages.sides import Asked, Side, Surroundings, changed, moved, prepare, served_by, surroundings_of
from asgi_anatomy.suite.conformance import TIMEOUT as CONFORMANCE_TIMEOUT
from asgi_anatomy.suite.conformance import Answer, receive
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT, Catalogue, Layer
from asgi_anatomy.suite.own import its_contract
from asgi_anatomy.turns.plan import Plan, Selection, Watch, two
from asgi_anatomy.turns.record import Counts, Pair
from asgi_anatomy.turns.run import measure_pair
from asgi_anatomy.versus.record import Compared, ServedSide, Versus

Both = tuple[Layer, Layer]
"""A layer as side A and as side B serve it."""
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


USER = "user"
"""The name of the User request among the cases."""
MOST = 4096  # bytes of an answer that are kept
AGAIN = "again"
"""The name of side A of the lowest layer where it is counted once more."""


def layers_with(
    catalogue: Catalogue, packages: Sequence[str], names: str, ladder: str, tell: Callable[[str], None]
) -> list[Layer]:
    """The layers named, or those of a ladder that use one of the packages; raises BadInput where there is none."""
    layers = catalogue.choose(names, ladder)
    used = " or ".join(packages)
    if grouped := [layer.name for layer in layers if layer.cgroup]:
        raise BadInput(f"{grouped[0]} has a CGROUP, of which two sides cannot share one: leave it out")
    if names:
        if compiled := [layer.name for layer in layers if "{python}" not in layer.command]:
            raise BadInput(
                f"{compiled[0]} is not served by a {{python}} of this suite's choice: expected layers that use {used}"
            )
        return layers
    failed = build([layer for layer in layers if layer.group], tell)
    using = [layer for layer in layers if layer.name not in failed and _uses(layer, packages)]
    if not using:
        raise BadInput(
            f"no layer of the ladder {ladder} uses {used}: name a LADDER or LAYERS (`make ladders` lists all)"
        )
    return using


def _uses(layer: Layer, packages: Sequence[str]) -> bool:
    """Whether a layer uses one of these packages; its environment must have been made."""
    if layer.own or "{python}" not in layer.command:
        return "{python}" in layer.command
    if not {*packages}.isdisjoint(map(canonicalize_name, layer.versions)):
        return True
    words = shlex.split(layer.command)
    modules = [words[place + 1] for place, word in enumerate(words[:-1]) if word == "-m"][:1]
    modules += [layer.app.partition(":")[0]] if layer.app else []
    return not _imported(layer.python, *modules).isdisjoint(packages)


@functools.cache
def _imported(python: str, *modules: str) -> frozenset[str]:
    """The packages that are imported along with these modules."""
    try:
        names = ask_python([python, "-c", ASK, *modules], list[str], TIMEOUT, clean_environment(), ROOT)
    except Fault:  # it may end as it is imported
        return frozenset()
    return frozenset(map(canonicalize_name, names))


def both_sides(
    asked: Asked, layers: Sequence[Layer], tell: Callable[[str], None]
) -> tuple[dict[Surroundings, tuple[Side, Side]], list[Compared], dict[str, Both]]:
    """The sides by what they are installed upon, a row for each layer, and each layer as both sides serve it.

    What the sides are is the same whatever that is. Raises BadInput or Fault where sides cannot be installed.
    """
    sides = prepare(asked, layers, tell)
    rows, served = [], {}
    for layer in layers:
        a, b = sides[surroundings_of(layer)]
        (layer_a, lacks_a), (layer_b, lacks_b) = served_by(layer, a), served_by(layer, b)
        served[layer.name] = layer_a, layer_b
        pins = zip(a.resolution.packages.values(), b.resolution.packages.values(), strict=True)
        rows.append(
            Compared(
                layer=layer.name,
                a=ServedSide(flags=lacks_a),
                b=ServedSide(flags=lacks_b),
                versions={one.name: (one.version, other.version) for one, other in pins},
                differ=changed(a.resolution, b.resolution),
                moved=moved(a.resolution, b.resolution),
            )
        )
    return sides, rows, served


class Reply(msgspec.Struct, frozen=True):
    """One answer: its status (0: none that is complete), and its first bytes, as Latin-1."""

    status: int
    raw: str


def answers(layer: Layer, contract: Contract, environment: Mapping[str, str] | None = None) -> dict[str, Reply]:
    """What a layer answers to the User request, each case, and each request of the workload that is neither.

    Raises ServerFault if it does not answer the workload as it should.
    """
    wires = {USER: contract.user.wire()}
    wires |= {name: case.wire(contract.user) for name, case in contract.cases.items()}
    for number, asked in enumerate(contract.workload.asked, 1):
        if not asked.case:
            wires[f"{contract.workload.name} {number}"] = asked.wire()
    with Server(layer, contract, environment=environment) as server:
        return {name: _ask(server, wire) for name, wire in wires.items()}


def _ask(server: Server, wire: bytes) -> Reply:
    answer = Answer(0, b"")
    with (
        contextlib.suppress(Broken, OSError),
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
    return {
        case: f"{a[case].status} -> {b[case].status}"
        if a[case].status != b[case].status
        else f"{a[case].status}, with other bytes"
        for case in a
        if case in b and a[case] != b[case]
    }


def ask(layer: Layer, contract: Contract) -> dict[str, Reply] | str:
    """How a layer answers, or what is wrong with it; a server that was killed is started once more."""
    try:
        return again_if_killed(lambda: answers(layer, contract))
    except ServerFault as fault:
        return fault.what
    finally:
        renew()


def ask_both(served: Mapping[str, Both], record: Versus, contract: Contract, watch: Watch, executor: Executor) -> None:
    """Write down how both sides of each layer answer; what a side cannot answer is a fault of its row."""
    watch.tell("how both sides answer", 0)
    layers = [layer for both in served.values() for layer in both]
    futures = {executor.submit(ask, layer, its_contract(layer, contract)): layer.name for layer in layers}
    replies = {futures[future]: future.result() for future in as_completed(futures)}
    for row in _sound(record, served):
        by_side = {side: replies[layer.name] for side, layer in zip("AB", served[row.layer], strict=True)}
        faults = {side: reply for side, reply in by_side.items() if isinstance(reply, str)}
        same = len(faults) == 2 and len({*faults.values()}) == 1
        row.faults += [faults["A"]] if same else [f"side {side} {fault}" for side, fault in faults.items()]
        for side, reply in ((row.a, by_side["A"]), (row.b, by_side["B"])):
            side.exact = None if isinstance(reply, str) else exact(reply, its_contract(served[row.layer][0], contract))
        a, b = by_side.values()
        if not isinstance(a, str) and not isinstance(b, str):
            row.answers = differing(a, b)


def _sound(record: Versus, served: Mapping[str, Both]) -> list[Compared]:
    """The rows that are served and have no fault yet."""
    return [row for row in record.layers if row.layer in served and not row.faults]


def seconds(layers: int, width: int, counted: bool = True) -> float:
    """About how long it takes for so many layers, in seconds, with so many jobs at a time."""
    counts = sum(SECONDS[task] for task in COUNTS) if counted else 0.0
    longest = SECONDS["instructions"] if counted else 0.0
    return max(longest, (2 * layers * SECONDS["contract"] + (2 * layers + 1) * counts) / width)


def count_both(
    served: Mapping[str, Both],
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
    rows = _sound(record, served)
    layers = [layer for row in rows for layer in served[row.layer]]
    if rows:
        record.floor_layer = rows[0].layer
        layers.append(msgspec.structs.replace(layers[0], name=AGAIN))
    jobs = longest_first([Job(layer, its_contract(layer, contract), task) for layer in layers for task in COUNTS])
    at = {layer.name: on for row, on in zip(rows, cycle(executors)) for layer in served[row.layer]}
    results: dict[tuple[str, Task], Result] = {}
    done = 0.0
    watch.tell(f"{len(jobs)} counts, {width} at a time", done)
    for job, result in take(jobs, executors[0], at):
        results[job.layer.name, job.task] = result
        for row in rows:
            row.a.counts, row.b.counts = (_merged(layer.name, row.layer, results) for layer in served[row.layer])
        record.floor = _merged(AGAIN, record.floor_layer, results)
        record.seconds = round(time.monotonic() - begin, 1)
        done += job.seconds / width
        watch.tell(f"counted {job.name}, {len(jobs) - len(results)} left", done)
        watch.keep()


def _merged(name: str, layer: str, results: Mapping[tuple[str, Task], Result]) -> Counts | None:
    """What is known by now of a layer as one side serves it, under that name."""
    known = [results[key] for task in COUNTS if (key := (name, task)) in results]
    return merge(layer, known) if known else None


def time_both(
    served: Mapping[str, Both],
    record: Versus,
    contract: Contract,
    plan: Callable[[Selection, float], Plan],
    budget: float,
    watch: Watch,
) -> None:
    """Measure both sides of each layer by turns; those left share the time left. A fault goes into the row.

    `plan` says how a selection is measured in so many seconds.
    """
    end = time.monotonic() + budget
    rows = _sound(record, served)
    for place, row in enumerate(rows):
        share = (end - time.monotonic()) / (len(rows) - place)
        pair = plan(two(*served[row.layer], contract), max(share, 1.0))
        row.pair = Pair(
            load=pair.load,
            budget=pair.budget,
            threshold=pair.threshold,
            cores=pair.lane,
            contract=record.contract,
            workload=record.workload,
            layers=pair.selection.rows(),
        )
        try:
            measure_pair(pair, row.pair, watch)
        except ServerFault as fault:
            row.faults.append(f"{fault.layer} {fault.what}")
