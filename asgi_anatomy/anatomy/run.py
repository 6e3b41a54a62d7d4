"""Layers -> a record with the anatomy of one request in each: jobs, side by side, and what comes out of them."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from asgi_anatomy.counts.jobs import PARTS, Job, Part, Result, longest_first, merge, take
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.plan import Selection, Watch
from asgi_anatomy.turns.record import Anatomy, Counts

LOOP = Layer(
    name="share.endpoint",
    adds="",
    command="{python} -m servers.endpoint_server --host {host} --port {port}",
    loop=True,
)
MOST_TOLD = 4  # jobs that progress names


def first_jobs(selection: Selection) -> list[Job]:
    """What is known before anything was counted: each layer must keep its contract, and share.endpoint is counted."""
    contracts = [Job(layer, selection.contract_of(layer), "contract") for layer in selection.layers]
    return [Job(LOOP, selection.contract, "instructions"), *contracts]


def counting_jobs(selection: Selection, layer: Layer) -> list[Job]:
    """What is counted of a layer; the instructions of a loop are those of share.endpoint."""
    parts = [part for part in PARTS if not (layer.loop and part == "instructions")]
    return [Job(layer, selection.contract_of(layer), part) for part in parts]


def seconds(selection: Selection, width: int) -> float:
    """About how long everything takes, in seconds, with this many jobs at a time."""
    jobs = [*first_jobs(selection), *(job for layer in selection.layers for job in counting_jobs(selection, layer))]
    return max(max(job.seconds for job in jobs), sum(job.seconds for job in jobs) / width)


class Dissection:
    """Counts the work of one request in each layer, into the record, as results come in."""

    def __init__(self, selection: Selection, record: Anatomy, watch: Watch, executor: Executor, width: int) -> None:
        self.selection = selection
        self.record = record
        self.watch = watch
        self.executor = executor
        self.width = width
        self.done = 0.0
        self.results: dict[tuple[str, Part], Result] = {}

    def run(self) -> None:
        """Count what can be counted; a note says what cannot, and a layer that breaks the contract only gets a row."""
        begin = time.monotonic()
        for job, result in self.each(first_jobs(self.selection)):
            if job.part == "contract":
                row = self.record.row(job.layer.name)
                row.answer_bytes, row.packages = result.answer_bytes, result.packages
                row.faults += [result.fault] if result.fault else []
            self.note(job, result)
        sound = [layer for layer in self.selection.layers if not self.record.row(layer.name).faults]
        jobs = [job for layer in sound for job in counting_jobs(self.selection, layer)]
        for job, result in self.each(longest_first(jobs)):
            self.note(job, result)
            self.watch.keep()
        self.record.seconds = round(time.monotonic() - begin, 1)

    def each(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
        """Do jobs, and tell which are under way."""
        left = [*jobs]
        self.tell(left)
        for job, result in take(jobs, self.executor):
            left.remove(job)
            self.done += job.seconds / self.width
            self.tell(left)
            yield job, result

    def tell(self, left: Sequence[Job]) -> None:
        """Those that were begun first are under way."""
        if left:
            now = [job.name for job in left[: self.width]]
            more = [f"{len(now) - MOST_TOLD} more"] if len(now) > MOST_TOLD else []
            self.watch.tell("; ".join([*now[:MOST_TOLD], *more]), self.done)

    def note(self, job: Job, result: Result) -> None:
        """Put what is known so far into the record, in the order of the layers."""
        self.results[job.layer.name, job.part] = result
        endpoint = self.results.get((LOOP.name, "instructions"))
        if endpoint and not endpoint.lacks:
            self.record.endpoint = endpoint.counts
        self.record.anatomy = [
            self.counts(layer) for layer in self.selection.layers if (layer.name, "contract") in self.results
        ]

    def counts(self, layer: Layer) -> Counts:
        """What is known of a layer."""
        known = [self.results[key] for part in PARTS if (key := (layer.name, part)) in self.results]
        found = merge(layer.name, known)
        alone = self.results.get((LOOP.name, "instructions"))
        if layer.loop and alone:
            found.instructions = alone.counts.instructions
            found.notes += alone.counts.notes if alone.lacks else []
        return found


def dissect(selection: Selection, record: Anatomy, watch: Watch, executor: Executor, width: int = 1) -> None:
    """Count the work of one request in each layer, into the record; a note says what cannot be counted.

    `width` is how many jobs the executor does at a time. A layer that does not start or breaks the contract gets a row
    that says so.
    """
    record.jobs = width
    Dissection(selection, record, watch, executor, width).run()
