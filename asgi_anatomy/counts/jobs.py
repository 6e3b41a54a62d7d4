"""A layer and one task, such as counting its system calls -> a job that any thread or worker can do, and its result.

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
from asgi_anatomy.counts.figures import INTERPRETER, UNSURE, spread
from asgi_anatomy.counts.instructions import NO_SYMBOLS, count_endpoint, count_instructions
from asgi_anatomy.counts.syscalls import count_syscalls
from asgi_anatomy.counts.trees import by_package, frames
from asgi_anatomy.errors import Fault, ServerFault, ServerKilled
from asgi_anatomy.machine.children import renew
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.versions import own_versions
from asgi_anatomy.suite.conformance import check as conformance_check
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.record import Counts

Task = Literal["contract", "instructions", "system calls", "calls and bytecodes"]
COUNTS: tuple[Task, ...] = ("calls and bytecodes", "system calls", "instructions")
"""What is counted of a layer that keeps its contract, in the order in which notes are shown."""
SECONDS: dict[Task, float] = {"contract": 1.0, "instructions": 16.0, "system calls": 3.5, "calls and bytecodes": 2.5}
"""About how long each task takes, on a core of its own; the instructions of a loop take LOOP_TIME."""
LOOP_TIME = 3.0
TOOLS = {"instructions": "valgrind", "system calls": "strace"}
"""The program that a task needs."""


class Job(msgspec.Struct, frozen=True):
    """What to do with a layer as it will be served (its `env` is the path of its Python there)."""

    layer: Layer
    contract: Contract
    task: Task

    @property
    def name(self) -> str:
        """As progress shows it."""
        return f"{self.layer.name}: {'the contract' if self.task == 'contract' else self.task}"

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return LOOP_TIME if self.layer.loop and self.task == "instructions" else SECONDS[self.task]


class Result(msgspec.Struct, kw_only=True):
    """The result of a job. What its task does not count is empty."""

    counts: Counts
    """With a note where this could not be counted, or not all of it."""
    failed: str = ""
    """Why it could not be counted."""
    brief: str = ""
    """`failed` on one line: of what a server printed before it ended, the last line."""
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
    tool = TOOLS.get(job.task)
    if tool and not shutil.which(tool):
        why = f"{tool} is not installed here (on Linux, type `make tools`)"
        return _failed(job, why, lacks=tool)
    try:
        result = again_if_killed(lambda: _do(job))
        if why := result.counts.contradiction:  # no record could have it
            result = _failed(job, why)
    except (Fault, OSError) as error:
        if job.task != "contract":
            brief = error.brief if isinstance(error, ServerFault) else ""
            result = _failed(job, str(error) or type(error).__name__, brief)
        elif isinstance(error, ServerFault | OSError):
            what = error.what if isinstance(error, ServerFault) else f"cannot be started: {error}"
            result = Result(counts=Counts(layer=job.layer.name), fault=what)
        else:
            raise
    finally:
        renew()
    result.seconds = time.monotonic() - begin
    return result


def _failed(job: Job, why: str, brief: str = "", lacks: str = "") -> Result:
    counts = Counts(layer=job.layer.name, notes=[f"no {job.task}: {why}"])
    return Result(counts=counts, failed=why, brief=brief or why, lacks=lacks)


def _do(job: Job) -> Result:
    """Raises ServerFault, or Fault."""
    layer, contract = job.layer, job.contract
    counts = Counts(layer=layer.name)
    match job.task:
        case "contract":
            with Server(layer, contract) as server:
                packages = own_versions(layer, server.process.pid, server.port)
                broken = conformance_check(contract, layer, server.host, server.port)
            fault = f"breaks the contract: {broken[0]}" if broken else ""
            return Result(counts=counts, fault=fault, answer_bytes=server.answer_bytes, packages=packages)
        case "calls and bytecodes":
            counts.tree = count_python(layer, contract)
            if layer.loop:  # of which only the endpoint counts
                counts.tree.children = [frame for frame in frames(counts.tree) if frame.name == "share.py:endpoint"]
            counts.calls, counts.bytecodes = by_package(counts.tree)
        case "system calls":
            counts.syscalls = {} if layer.loop else count_syscalls(layer, contract)
        case "instructions":
            if layer.loop:
                counts.instructions = count_endpoint(layer, contract)
                return Result(counts=counts)
            for _ in range(2):  # repeats that differ are the machine's doing, not the layer's
                try:
                    counts.instructions, counts.memory = count_instructions(layer, contract)
                except (Fault, OSError):
                    if not counts.instructions:
                        raise
                    break
                if spread(counts) <= UNSURE:
                    break
            if not counts.memory and INTERPRETER in counts.instructions[0]:
                counts.notes.append(NO_SYMBOLS)
    return Result(counts=counts)


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
    """All that was counted of a layer, from the results of its jobs in the order of their notes."""
    whole = Counts(layer=layer)
    for counts in (result.counts for result in results):
        for field in ("instructions", "calls", "bytecodes", "syscalls", "memory", "tree"):
            setattr(whole, field, getattr(whole, field) or getattr(counts, field))
        whole.notes = whole.notes + counts.notes
    return whole
