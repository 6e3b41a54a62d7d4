"""Layers -> a record with the anatomy of one request in each."""

import shutil
from collections.abc import Callable, Sequence
from functools import partial

from bench.anatomy.bytecodes import count_python
from bench.anatomy.instructions import count_endpoint, count_instructions
from bench.anatomy.syscalls import count_syscalls
from bench.data.contract import Contract
from bench.data.errors import Fault, ServerFault, Stopped
from bench.data.layers import Layer
from bench.data.plan import Selection, Watch
from bench.data.record import Anatomy, Counts, Row
from bench.host import conformance
from bench.host.server import Server
from bench.host.versions import own_versions
from bench.stats.trees import add_up, by_package


def check(layer: Layer, contract: Contract, row: Row) -> None:
    """Check a layer against the whole contract; raises ServerFault."""
    with Server(layer, contract) as server:
        row.answer_bytes = server.answer_bytes
        row.packages = own_versions(layer, server.process.pid, server.port)
        if broken := conformance.check(contract, layer, server.host, server.port):
            raise ServerFault(layer.name, f"breaks the contract: {broken[0]}")


def python(layer: Layer, contract: Contract, found: Counts) -> None:
    """Python calls and bytecodes; a server that is not Python has none, and for a loop only the endpoint counts."""
    found.tree = count_python(layer, contract)
    if layer.loop:
        found.tree.children = [frame for frame in add_up(found.tree) if frame.name == ENDPOINT]
    found.calls, found.bytecodes = by_package(found.tree)


def syscalls(layer: Layer, contract: Contract, found: Counts) -> None:
    """System calls by name; a loop makes none."""
    found.syscalls = {} if layer.loop else count_syscalls(layer, contract)


def instructions(layer: Layer, contract: Contract, found: Counts) -> None:
    """Instructions by component; those of a loop are the endpoint's, which are already known."""
    if not layer.loop:
        found.instructions = count_instructions(layer, contract)


def endpoint(contract: Contract, found: Counts) -> None:
    """Instructions of share.endpoint alone."""
    found.instructions = count_endpoint(contract)


PARTS = (
    ("calls and bytecodes", None, 3.0, python),
    ("system calls", "strace", 3.5, syscalls),
    ("instructions", "valgrind", 20.0, instructions),
)
"""What is counted for a layer, the program it needs, about how many seconds it takes, and the function."""
ENDPOINT = "share.py:endpoint"
ENDPOINT_TIME = 4.0  # seconds


def seconds(layers: Sequence[Layer]) -> float:
    """About how long everything takes, in seconds."""
    return ENDPOINT_TIME + len(layers) * sum(length for _, _, length, _ in PARTS)


def dissect(selection: Selection, record: Anatomy, watch: Watch) -> None:
    """Count the work of one request in each layer, into the record; a note says what cannot be counted.

    A layer that does not start or breaks the contract gets a row that says so.
    """
    done = 0.0
    if shutil.which("valgrind") and not selection.contract.name:  # another contract has another endpoint
        watch.tell("share.endpoint: instructions", done)
        record.endpoint = Counts(layer="share.endpoint")
        attempt("instructions", "valgrind", partial(endpoint, selection.contract, record.endpoint), record.endpoint)
    done += ENDPOINT_TIME
    for layer in selection.layers:
        row, contract = record.row(layer.name), selection.contract_of(layer)
        found = Counts(layer=layer.name)
        if layer.loop and record.endpoint:
            found.instructions = record.endpoint.instructions
        record.anatomy.append(found)
        watch.tell(f"{layer.name}: the contract", done)
        with row.takes_faults():
            check(layer, contract, row)
        for name, tool, length, count in PARTS:
            if not row.faults:
                watch.tell(f"{layer.name}: {name}", done)
                attempt(name, tool, partial(count, layer, contract, found), found)
                watch.keep()
            done += length


def attempt(name: str, tool: str | None, count: Callable[[], None], found: Counts) -> None:
    """Count one thing; if that is not possible here, a note says why."""
    if tool and not shutil.which(tool):
        found.notes.append(f"no {name}: {tool} is not installed here (on Linux, type `make tools`)")
        return
    try:
        count()
    except Stopped:
        raise
    except (Fault, OSError) as error:
        found.notes.append(f"no {name}: {error}")
