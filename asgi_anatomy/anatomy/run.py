"""Layers -> a record with the anatomy of one request in each: jobs, side by side, and what comes out of them."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from asgi_anatomy.counts.jobs import COUNTS, Job, Result, Task, longest_first, merge, take
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.plan import Selection, Watch
from asgi_anatomy.turns.record import Anatomy

LOOP = Layer(
    name="share.endpoint",
    adds="",
    command="{python} -m servers.endpoint_server --host {host} --port {port}",
    loop=True,
)
NAMED = 4  # jobs that progress names


def contract_jobs(selection: Selection) -> list[Job]:
    """What is done first: each layer must keep its contract, and share.endpoint is counted."""
    contracts = [Job(layer, selection.contract_of(layer), "contract") for layer in selection.layers]
    return [Job(LOOP, selection.contract, "instructions"), *contracts]


def counting_jobs(selection: Selection, layers: Sequence[Layer]) -> list[Job]:
    """What is counted of layers; the instructions of a loop are those of share.endpoint."""
    return [
        Job(layer, selection.contract_of(layer), task)
        for layer in layers
        for task in COUNTS
        if not (layer.loop and task == "instructions")
    ]


def seconds(selection: Selection, width: int) -> float:
    """About how long everything takes, in seconds, with this many jobs at a time."""
    needed = [job.seconds for job in [*contract_jobs(selection), *counting_jobs(selection, selection.layers)]]
    return max(*needed, sum(needed) / width)


def dissect(selection: Selection, record: Anatomy, watch: Watch, executor: Executor, width: int = 1) -> None:
    """Count the work of one request in each layer, into the record, as results come in.

    `width` is how many jobs the executor does at a time. A note says what cannot be counted; a layer that does not
    start or breaks the contract only gets a row that says so.
    """
    begin = time.monotonic()
    results: dict[tuple[str, Task], Result] = {}
    record.jobs = width
    jobs = contract_jobs(selection)
    for job, result in _watched(jobs, executor, watch, width, 0.0):
        if job.task == "contract":
            row = record.row(job.layer.name)
            row.answer_bytes, row.packages = result.answer_bytes, result.packages
            row.faults += [result.fault] if result.fault else []
        results[job.layer.name, job.task] = result
        _write_down(selection.layers, results, record)
    sound = [layer for layer in selection.layers if not record.row(layer.name).faults]
    done = sum(job.seconds for job in jobs) / width
    for job, result in _watched(longest_first(counting_jobs(selection, sound)), executor, watch, width, done):
        results[job.layer.name, job.task] = result
        _write_down(selection.layers, results, record)
        watch.keep()
    record.seconds = round(time.monotonic() - begin, 1)


def _watched(
    jobs: Sequence[Job], executor: Executor, watch: Watch, width: int, done: float
) -> Iterator[tuple[Job, Result]]:
    """Do jobs, and tell which are under way: those that were begun first. `done` are seconds of work done before."""
    left = [*jobs]

    def tell() -> None:
        if left:
            names = [job.name for job in left[:width]]
            more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
            watch.tell("; ".join([*names[:NAMED], *more]), done)

    tell()
    for job, result in take(jobs, executor):
        left.remove(job)
        done += job.seconds / width
        tell()
        yield job, result


def _write_down(layers: Sequence[Layer], results: dict[tuple[str, Task], Result], record: Anatomy) -> None:
    """Put what is known so far into the record, in the order of the layers."""
    endpoint = results.get((LOOP.name, "instructions"))
    if endpoint and not endpoint.lacks:
        record.endpoint = endpoint.counts
    record.anatomy = []
    for layer in layers:
        if (layer.name, "contract") not in results:
            continue
        counts = merge(layer.name, [results[key] for task in COUNTS if (key := (layer.name, task)) in results])
        if layer.loop and endpoint:
            counts.instructions = endpoint.counts.instructions
            counts.notes += endpoint.counts.notes if endpoint.lacks else []
        record.anatomy.append(counts)
