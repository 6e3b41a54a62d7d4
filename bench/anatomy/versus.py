"""Layers in two versions -> how they answer and what they cost, counted side by side, into a record."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, as_completed
from itertools import cycle

import msgspec

from bench.anatomy.jobs import PARTS, SECONDS, Job, Part, Result, again_if_killed, longest_first, merge, take
from bench.data.contract import Contract
from bench.data.errors import ServerFault
from bench.data.layers import Layer
from bench.data.plan import Watch
from bench.data.record import Counts
from bench.data.versus import Versus
from bench.host.answers import Reply, answers, differing, exact
from bench.host.guards import renew

AGAIN = "again"
Both = tuple[Layer, Layer]


def seconds(layers: int, width: int, counted: bool = True) -> float:
    """About how long it takes for so many layers, in seconds, with so many jobs at a time."""
    parts = sum(SECONDS[part] for part in PARTS) if counted else 0.0
    return max(SECONDS["instructions"] * counted, (2 * layers * SECONDS["contract"] + (2 * layers + 1) * parts) / width)


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
    rows = [row for row in record.layers if row.layer in served and not row.faults]
    layers = [layer for row in rows for layer in served[row.layer]]
    if rows:
        record.floor_layer = rows[0].layer
        layers.append(msgspec.structs.replace(layers[0], name=AGAIN))
    jobs = longest_first([Job(layer, contract, part) for layer in layers for part in PARTS])
    results: dict[tuple[str, Part], Result] = {}
    at = {AGAIN: executors[0]}
    for row, executor in zip(rows, cycle(executors)):
        at |= dict.fromkeys((layer.name for layer in served[row.layer]), executor)
    done = 0.0
    watch.tell(f"{len(jobs)} counts, {width} at a time", done)
    for job, result in take(jobs, executors[0], at):
        results[job.layer.name, job.part] = result
        for row in rows:
            row.a.counts, row.b.counts = (counts_of(layer.name, row.layer, results) for layer in served[row.layer])
        record.floor = counts_of(AGAIN, record.floor_layer, results)
        record.seconds = round(time.monotonic() - begin, 1)
        done += job.seconds / width
        watch.tell(f"counted {job.name}, {len(jobs) - len(results)} left", done)
        watch.keep()


def counts_of(name: str, layer: str, results: Mapping[tuple[str, Part], Result]) -> Counts | None:
    """What is known by now of a layer as one side serves it."""
    known = [results[key] for part in PARTS if (key := (name, part)) in results]
    return merge(layer, known) if known else None
