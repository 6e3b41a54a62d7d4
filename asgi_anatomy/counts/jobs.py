"""One layer and one thing to count of it -> a job that any thread or worker can do, and its result.

A job says all that it needs, and installs nothing: what a layer runs must be there already. Jobs and results can be
pickled. Whatever a job starts ends with it, or with the process that does it.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from typing import Literal

import msgspec

from asgi_anatomy.counts.bytecodes import count_python
from asgi_anatomy.counts.figures import UNSURE, spread
from asgi_anatomy.counts.instructions import NO_SYMBOLS, count_endpoint, count_instructions
from asgi_anatomy.counts.syscalls import count_syscalls
from asgi_anatomy.counts.trees import add_up, by_package
from asgi_anatomy.errors import Fault, ServerFault, ServerKilled
from asgi_anatomy.machine.children import renew
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.versions import own_versions
from asgi_anatomy.suite.conformance import check as conformance_check
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.record import Counts

Part = Literal["contract", "instructions", "system calls", "calls and bytecodes"]

TOOLS = {"instructions": "valgrind", "system calls": "strace"}
"""The program that a part needs."""
SECONDS: dict[Part, float] = {"contract": 1.0, "instructions": 16.0, "system calls": 3.5, "calls and bytecodes": 2.5}
"""About how long each part takes, on a core of its own; the instructions of a loop take LOOP_TIME."""
LOOP_TIME = 3.0
ENDPOINT = "share.py:endpoint"
PARTS: tuple[Part, ...] = ("calls and bytecodes", "system calls", "instructions")
"""What is counted of a layer that keeps its contract, in the order in which notes are shown."""


class Job(msgspec.Struct, frozen=True):
    """What to count, of a layer as it will be served (its `env` is the path of its Python there)."""

    layer: Layer
    contract: Contract
    part: Part

    @property
    def name(self) -> str:
        """As progress shows it."""
        return f"{self.layer.name}: {'the contract' if self.part == 'contract' else self.part}"

    @property
    def needs(self) -> str:
        """The program that must be installed where it is done, or an empty string."""
        return TOOLS.get(self.part, "")

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return LOOP_TIME if self.layer.loop and self.part == "instructions" else SECONDS[self.part]


class Result(msgspec.Struct, kw_only=True):
    """The result of a job. What its part does not count is empty."""

    counts: Counts
    """With a note where this part could not be counted, or not all of it."""
    failed: str = ""
    """Why this part could not be counted."""
    fault: str = ""
    """How the layer's server failed its contract."""
    lacks: str = ""
    """The program that was missing where it was done."""
    answer_bytes: int | None = None
    packages: dict[str, str] = {}
    """The versions in the server's own environment, if it has one."""
    seconds: float = 0.0
    """How long it took."""


def count(job: Job) -> Result:
    """Do a job; whatever goes wrong with its server is in the result. Raises Fault if no server can be started here.

    A server that was killed is started once more.
    """
    begin = time.monotonic()
    result = Result(counts=Counts(layer=job.layer.name))
    if job.needs and not shutil.which(job.needs):
        result.lacks = job.needs
        result.failed = f"{job.needs} is not installed here (on Linux, type `make tools`)"
        result.counts.notes.append(f"no {job.part}: {result.failed}")
        return result
    try:
        again_if_killed(lambda: COUNT[job.part](job, result))
    except (Fault, OSError) as error:
        if job.part != "contract":
            result.failed = str(error) or type(error).__name__
            result.counts.notes.append(f"no {job.part}: {result.failed}")
        elif isinstance(error, ServerFault):
            result.fault = error.what
        else:
            raise
    finally:
        renew()
    result.seconds = time.monotonic() - begin
    return result


def again_if_killed[T](work: Callable[[], T]) -> T:
    """What this returns; it is done once more if its server was killed, which may have been somebody else's doing."""
    try:
        return work()
    except ServerKilled:
        return work()


def take(
    jobs: Sequence[Job], executor: Executor, at: Mapping[str, Executor] | None = None
) -> Iterator[tuple[Job, Result]]:
    """Do these jobs, begun in this order; yields each when it is done. Raises what a job raises.

    `at` has the executor of a layer, by name, where that is not the usual one.
    """
    futures = {(at or {}).get(job.layer.name, executor).submit(count, job): job for job in jobs}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """In the order in which they are best begun; of jobs as long, those of higher layers, which come last, first."""
    return sorted(jobs, key=lambda job: job.seconds)[::-1]


def merge(layer: str, results: Sequence[Result]) -> Counts:
    """All that was counted of a layer, from the results of its parts in the order of their notes."""
    whole = Counts(layer=layer)
    for each in results:
        found = each.counts
        whole.instructions = whole.instructions or found.instructions
        whole.calls = whole.calls or found.calls
        whole.bytecodes = whole.bytecodes or found.bytecodes
        whole.syscalls = whole.syscalls or found.syscalls
        whole.memory = whole.memory or found.memory
        whole.tree = whole.tree or found.tree
        whole.notes = whole.notes + found.notes
    return whole


def _contract(job: Job, result: Result) -> None:
    """Check a layer against the whole contract; raises ServerFault."""
    layer, contract = job.layer, job.contract
    with Server(layer, contract) as server:
        result.answer_bytes = server.answer_bytes
        result.packages = own_versions(layer, server.process.pid, server.port)
        if broken := conformance_check(contract, layer, server.host, server.port):
            raise ServerFault(layer.name, f"breaks the contract: {broken[0]}")


def _python(job: Job, result: Result) -> None:
    """Python calls and bytecodes; a server that is not Python has none, and for a loop only the endpoint counts."""
    tree = count_python(job.layer, job.contract)
    if job.layer.loop:
        tree.children = [frame for frame in add_up(tree) if frame.name == ENDPOINT]
    result.counts.tree = tree
    result.counts.calls, result.counts.bytecodes = by_package(tree)


def _syscalls(job: Job, result: Result) -> None:
    """System calls by name; a loop makes none."""
    result.counts.syscalls = {} if job.layer.loop else count_syscalls(job.layer, job.contract)


def _instructions(job: Job, result: Result) -> None:
    """Instructions by component, counted again where the repeats differ: that is the machine's doing, not the layer's.

    Those of a loop are the endpoint's.
    """
    if job.layer.loop:
        result.counts.instructions = count_endpoint(job.layer, job.contract)
        return
    for _ in range(2):
        result.counts.instructions, result.counts.memory = count_instructions(job.layer, job.contract)
        if spread(result.counts) <= UNSURE:
            break
    if not result.counts.memory and "interpreter" in result.counts.instructions[0]:
        result.counts.notes.append(NO_SYMBOLS)


COUNT: dict[Part, Callable[[Job, Result], None]] = {
    "contract": _contract,
    "calls and bytecodes": _python,
    "system calls": _syscalls,
    "instructions": _instructions,
}
