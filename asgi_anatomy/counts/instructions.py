"""callgrind's files of a Python process -> allocations, collections, and the instructions spent in the collector.

Counted by function, so only where the interpreter has its symbols: a stripped one (a distribution's) has none of them.

A process under valgrind -> instructions in user space, by component.

A layer -> instructions per request, by component.

Counting starts once the server is warmed up. Every batch is the difference of two dumps on one connection that stays
open, so start-up and shutdown are not included. What the server does while idle (uvicorn's tick) is counted
separately and subtracted, in proportion to the time between two dumps.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from asgi_anatomy.counts.client import Client, connected
from asgi_anatomy.errors import Fault, ServerFault
from asgi_anatomy.machine.counters import family
from asgi_anatomy.machine.programs import run, scratch
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.record import COLLECTOR

ALLOCATORS = ("_PyObject_Malloc", "_PyObject_Calloc", "_PyObject_MiMalloc", "_PyObject_MiCalloc")
"""Each call takes a block from pymalloc, or mimalloc in a free-threaded build; free lists do without."""
COLLECTORS = ("_Py_RunGC", "gc_collect_main")
"""What begins a collection: the first of these that is there, since one calls the other."""
ALLOCATIONS, COLLECTIONS = "allocations", "collections per 1,000 requests"
NO_SYMBOLS = (
    "no allocations, and the garbage collector is part of the interpreter here, which was built without symbols, or is"
    " not CPython: what it costs is in the decays of `make bench LADDER=gc`"
)


def read_calls(path: Path) -> Counter[str]:
    """How often allocators and collectors were called, and `... cost`: their inclusive instructions.

    In callgrind's format `cfn=` names the function that the next `calls=` line calls, and the line after that has the
    inclusive cost; a name is written out once, and its number stands for it from then on.
    """
    wanted = {*ALLOCATORS, *COLLECTORS}
    names: dict[str, str] = {}
    found: Counter[str] = Counter()
    callee, called = "", 0
    with path.open(errors="replace") as lines:
        for line in lines:
            if called:
                found[f"{callee} cost"] += int(line.split()[1])
                called = 0
            elif line.startswith(("fn=", "cfn=")):
                key, _, name = line.rstrip("\n").partition("=")[2].partition(" ")
                if name:
                    names[key] = re.sub(r"'\d+$", "", name)  # a function that recurs has a number at its end
                callee = names.get(key, "") if line[0] == "c" else ""
            elif line.startswith("calls=") and callee in wanted:
                called = int(line[6:].split()[0])
                found[callee] += called
    return found


def count(paths: Iterable[Path]) -> dict[str, float]:
    """Allocations, collections and the collector's instructions in these files; empty without symbols."""
    calls: Counter[str] = sum((read_calls(path) for path in paths), Counter())
    if not any(name in calls for name in ALLOCATORS):
        return {}
    entry = next((name for name in COLLECTORS if name in calls), COLLECTORS[0])
    return {
        ALLOCATIONS: sum(calls[name] for name in ALLOCATORS),
        COLLECTIONS: calls[entry],
        COLLECTOR: calls[f"{entry} cost"],
    }


def per_request(total: Mapping[str, float], idle: Mapping[str, float], share: float, requests: int) -> dict[str, float]:
    """What one request took, less what the server does while idle; collections are those of 1,000 requests."""
    found = {name: max(0.0, (count - idle.get(name, 0) * share) / requests) for name, count in total.items()}
    return {name: count * (1000 if name == COLLECTIONS else 1) for name, count in found.items()}


COMPONENTS = (
    ("interpreter", re.compile(r"/(libpython[^/]*|python[0-9.]*)$|/lib-dynload/[^/]*$")),
    ("uvloop/libuv", re.compile(r"/uvloop/")),
    ("httptools/llhttp", re.compile(r"/httptools/")),
    ("msgspec", re.compile(r"/msgspec/")),
    ("pydantic-core", re.compile(r"/pydantic_core/")),
    ("axum-server", re.compile(r"/axum-server$")),
    ("libc", re.compile(r"/libc[.-][^/]*$")),
    ("ld.so", re.compile(r"/ld[-.][^/]*$")),
)
"""Each component, and what the path of its shared objects looks like. ld.so looks up thread-local variables."""
PACKAGE = re.compile(r"/site-packages/(\w+)")
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
CONTROL = 20.0  # seconds that an order may take to be carried out


def component(shared_object: str) -> str:
    """The component that a shared object belongs to."""
    for name, pattern in COMPONENTS:
        if pattern.search(shared_object):
            return name
    package = PACKAGE.search(shared_object)
    return package[1] if package else "the rest"


def command(folder: Path) -> list[str]:
    """The command prefix that runs a program under callgrind, with counting off, and its files in a folder."""
    files = [f"--callgrind-out-file={folder}/out.%p", f"--vgdb-prefix={folder}/vgdb"]
    return ["valgrind", "--tool=callgrind", "--quiet", "--trace-children=yes", "--instr-atstart=no", *files]


class Callgrind:
    """A process under callgrind and its descendants, controlled by vgdb, as callgrind_control does.

    `require_alive` raises ServerFault or Fault if the process has ended: otherwise an order would wait in vain.
    """

    def __init__(self, pid: int, folder: Path, what: str, require_alive: Callable[[], None]) -> None:
        self.pids = family(pid)
        self.folder = folder
        self.what = what
        self.require_alive = require_alive
        self.dumps = 0
        self.begin = 0.0

    def control(self, order: str) -> None:
        """Give all of them an order; raises ServerFault if it is not carried out."""
        for pid in self.pids:
            self._control(order, pid)

    def _control(self, order: str, pid: int) -> None:
        self.require_alive()
        command = ["vgdb", f"--vgdb-prefix={self.folder}/vgdb", f"--pid={pid}", "--max-invoke-ms=1", *order.split()]
        try:
            code, said = run(command, CONTROL, self.require_alive)
        except OSError as error:
            raise Fault(f"vgdb cannot be started ({error.strerror}): type `make tools`") from None
        self.require_alive()
        if code is None:
            raise ServerFault(self.what, f"cannot be counted: no reply from valgrind to {order} in {CONTROL:.0f} s")
        if code:
            last = (said.strip().splitlines() or [f"nothing (exit code {code})"])[-1]
            raise ServerFault(self.what, f"cannot be counted: vgdb {order} said {last}")

    def start(self) -> None:
        """Count from here on."""
        self.control("instrumentation on")
        self.begin = time.monotonic()

    def dump(self) -> tuple[Counter[str], float]:
        """The instructions by component since the last dump, or since the start, and the seconds since then."""
        self.control("dump")
        before, self.begin = self.begin, time.monotonic()
        self.dumps += 1
        total: Counter[str] = sum(map(read_dump, self.files()), Counter())
        return total, self.begin - before

    def files(self) -> list[Path]:
        """The files of the last dump, one for each process."""
        return [self.folder / f"out.{pid}.{self.dumps}" for pid in self.pids]


def read_dump(path: Path) -> Counter[str]:
    """Instructions by component in a callgrind file; raises Fault unless they add up to its total.

    The format is in valgrind's manual, "Callgrind Format Specification": a cost line adds to the shared object named by
    the last `ob=`; the line after `calls=` holds the cost of a callee, which is counted at the callee.
    """
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    current, total, is_call = "", 0, False
    for line in path.read_text(errors="replace").splitlines():
        if line[:1].isdigit() or line[:1] in tuple("+-*"):
            if not is_call:
                counts[component(current)] += int(line.split()[1])
            is_call = False
        elif line.startswith("calls="):
            is_call = True
        elif line.startswith(("ob=", "cob=")):
            key, _, name = line.partition("=")[2].partition(" ")
            names.setdefault(key, name)
            if line[0] == "o":
                current = names[key]
        elif line.startswith(("totals:", "summary:")):
            total = int(line.split()[1])
    if counts.total() != total:
        raise Fault(f"callgrind's {path.name} adds up to {counts.total()}, not {total}: unknown format")
    return counts


WARM_UP = 500
FIRST = 100  # requests after counting is switched on: the first cost a little more, and are discarded
BATCH, BATCHES = 400, 4
IDLE = 2.0  # seconds
PATIENCE = 120.0  # seconds that a server has to start answering under valgrind


def count_instructions(
    layer: Layer, contract: Contract, batch: int = 0
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Instructions per request by component, a dict for each batch of requests (by default BATCH); and what all
    batches say of allocations and the collector (memory.py), empty without symbols.

    Raises ServerFault, or Fault if valgrind fails.
    """
    with _under_callgrind(layer, contract) as (client, callgrind):
        batch = client.whole(batch or BATCH)
        client.warm_up(client.whole(WARM_UP))
        callgrind.start()
        client.ask(client.whole(FIRST))
        callgrind.dump()
        client.rest(IDLE)
        idle, span = callgrind.dump()
        idle_memory = count(callgrind.files())
        found, files, spent = [], list[Path](), 0.0
        for _ in range(BATCHES):
            client.ask(batch)
            total, seconds = callgrind.dump()
            found.append({name: (total[name] - idle[name] * seconds / span) / batch for name in total})
            files += callgrind.files()
            spent += seconds
        return found, per_request(count(files), idle_memory, spent / span, BATCHES * batch)


def count_endpoint(loop: Layer, contract: Contract) -> list[dict[str, float]]:
    """Instructions of share.endpoint in a loop by component, a dict for each batch, minus those of an empty call.

    Raises ServerFault, or Fault if valgrind fails.
    """
    with _under_callgrind(loop, contract) as (client, callgrind):
        for what in ("endpoint", "nothing"):
            client.call(what, WARM_UP)
        callgrind.start()
        client.call("nothing", FIRST)
        callgrind.dump()
        client.call("nothing", BATCH)
        empty, _ = callgrind.dump()
        found = []
        for _ in range(BATCHES):
            client.call("endpoint", BATCH)
            total, _ = callgrind.dump()
            found.append({name: (total[name] - empty[name]) / BATCH for name in total})
        return found


@contextmanager
def _under_callgrind(layer: Layer, contract: Contract) -> Iterator[tuple[Client, Callgrind]]:
    """A client of a layer that runs under callgrind, and the control of that."""
    with scratch() as folder:
        server = Server(layer, contract, environment=ENVIRONMENT, wrap=command(folder), patience=PATIENCE)
        with server, connected(server) as client:
            alive = partial(server.require_alive, "died while its work was counted")
            yield client, Callgrind(server.process.pid, folder, layer.name, alive)
