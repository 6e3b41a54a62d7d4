"""A layer -> instructions in user space per request, by component, counted by callgrind.

Counting starts once the server is warmed up. Every batch is the difference of two dumps on one connection that stays
open, so start-up and shutdown are not included. What the server does while idle (uvicorn's tick) is counted
separately and subtracted, in proportion to the time between two dumps.

Where the interpreter has its symbols (that of a distribution is mostly stripped), the calls of its functions also say
how often it allocates, and what its garbage collector takes.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import psutil

from asgi_anatomy.counts.connection import Connection, connected
from asgi_anatomy.errors import Fault, ServerFault
from asgi_anatomy.machine.counters import family
from asgi_anatomy.machine.programs import run, scratch
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.record import COLLECTOR

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
ALLOCATORS = ("_PyObject_Malloc", "_PyObject_Calloc", "_PyObject_MiMalloc", "_PyObject_MiCalloc")
"""Each call takes a block from pymalloc, or mimalloc in a free-threaded build; free lists do without."""
COLLECTORS = ("_Py_RunGC", "gc_collect_main")
"""What begins a collection: the first of these that is there, since one calls the other."""
ALLOCATIONS, COLLECTIONS = "allocations", "collections per 1,000 requests"
NO_SYMBOLS = (
    "no allocations, and the garbage collector is part of the interpreter here, which was built without symbols, or is"
    " not CPython: what it costs is in the decays of `make bench LADDER=gc`"
)
WARM_UP = 500
FIRST = 100  # requests after counting is switched on: the first cost a little more, and are discarded
BATCH, BATCHES = 400, 4
IDLE = 2.0  # seconds
SLOWER = 6  # times as long as otherwise a server has to start answering under valgrind
CONTROL = 20.0  # seconds that an order may take to be carried out
CUT = "is cut short: is there room in TMPDIR?"
NEWS, POLL = 2.0, 0.02  # seconds to wait for the news that a process has ended, and between looks


def count_instructions(
    layer: Layer, contract: Contract, batch: int = 0
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Instructions per request by component, a dict for each batch of requests (by default BATCH); and per request of
    all batches allocations, collections and the collector's instructions, empty without symbols.

    Raises ServerFault, or Fault if valgrind fails.
    """
    with _under_callgrind(layer, contract) as (connection, callgrind):
        connection.warm_up(connection.whole(WARM_UP))
        callgrind.start()
        connection.time()  # several times slower than before
        batch = connection.whole(batch or BATCH)
        connection.ask(connection.whole(FIRST))
        callgrind.dump()
        connection.rest(IDLE)
        idle, span = callgrind.dump()
        repeats, batches, spent = [], [], 0.0
        for _ in range(BATCHES):
            connection.ask(batch)
            dump, seconds = callgrind.dump()
            share = seconds / span
            repeats.append({name: (dump.cost[name] - idle.cost[name] * share) / batch for name in dump.cost})
            batches.append(dump)
            spent += seconds
        return repeats, per_request(memory(batches), memory([idle]), spent / span, BATCHES * batch)


def count_endpoint(loop: Layer, contract: Contract) -> list[dict[str, float]]:
    """Instructions of share.endpoint in a loop by component, a dict for each batch, minus those of an empty call.

    Raises ServerFault, or Fault if valgrind fails.
    """
    with _under_callgrind(loop, contract) as (connection, callgrind):
        for what in ("endpoint", "nothing"):
            connection.call(what, WARM_UP)
        callgrind.start()
        connection.call("nothing", FIRST)
        callgrind.dump()
        connection.call("nothing", BATCH)
        empty, _ = callgrind.dump()
        repeats = []
        for _ in range(BATCHES):
            connection.call("endpoint", BATCH)
            dump, _ = callgrind.dump()
            repeats.append({name: (dump.cost[name] - empty.cost[name]) / BATCH for name in dump.cost})
        return repeats


@contextmanager
def _under_callgrind(layer: Layer, contract: Contract) -> Iterator[tuple[Connection, "Callgrind"]]:
    """A connection to a layer that runs under callgrind, with counting off, and the control of that."""
    with scratch() as folder:
        files = [f"--callgrind-out-file={folder}/out.%p", f"--vgdb-prefix={folder}/vgdb"]
        wrap = ["valgrind", "--tool=callgrind", "--quiet", "--trace-children=yes", "--instr-atstart=no", *files]
        server = Server(
            layer, contract, environment={"PYTHONHASHSEED": "0"}, wrap=wrap, patience=SLOWER * layer.start_timeout
        )
        with server, connected(server) as connection:
            alive = partial(server.require_alive, "died while its work was counted")
            yield connection, Callgrind(server.process.pid, folder, layer.name, alive)


class Callgrind:
    """A process under callgrind and its descendants, controlled by vgdb, as callgrind_control does.

    `require_alive` raises ServerFault or Fault if the process has ended: otherwise an order would wait in vain.
    """

    def __init__(self, pid: int, folder: Path, layer: str, require_alive: Callable[[], None]) -> None:
        self.pids = family(pid)
        self.folder = folder
        self.layer = layer
        self.require_alive = require_alive
        self.dumps = 0
        self.begin = 0.0

    def start(self) -> None:
        """Count from here on."""
        self._control("instrumentation on")
        self.begin = time.monotonic()

    def dump(self) -> tuple["Dump", float]:
        """What all processes did since the last dump, or since the start, and the seconds since then."""
        self._control("dump")
        before, self.begin = self.begin, time.monotonic()
        self.dumps += 1
        whole = Dump()
        for pid in self.pids:
            part = read_dump(self.folder / f"out.{pid}.{self.dumps}")
            whole.cost += part.cost
            whole.calls += part.calls
            whole.callee_cost += part.callee_cost
        return whole, self.begin - before

    def _require_running(self, pid: int) -> None:
        """Raise what says that the process has ended; NoSuchProcess where nothing does yet."""
        self.require_alive()
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:  # vgdb, which traces it, keeps that from its parent
            raise psutil.NoSuchProcess(pid)

    def _require_news(self) -> None:
        """Wait a moment for what says that the process has ended, and raise it."""
        deadline = time.monotonic() + NEWS
        while time.monotonic() < deadline:
            self.require_alive()
            time.sleep(POLL)

    def _control(self, order: str) -> None:
        """Give all processes an order; raises ServerFault if it is not carried out."""
        for pid in self.pids:
            self.require_alive()
            vgdb = ["vgdb", f"--vgdb-prefix={self.folder}/vgdb", f"--pid={pid}", "--max-invoke-ms=1", *order.split()]
            try:
                code, output = run(vgdb, CONTROL, partial(self._require_running, pid))
            except psutil.NoSuchProcess:
                self._require_news()
                code, output = 1, f"process {pid} has ended"
            except OSError as error:
                raise Fault(f"vgdb cannot be started ({error.strerror}): type `make tools`") from None
            self.require_alive()
            if code is None:
                why = f"no reply from valgrind to {order} in {CONTROL:.0f} s"
            elif code:
                why = f"vgdb {order} said {(output.strip().splitlines() or [f'nothing (exit code {code})'])[-1]}"
            else:
                continue
            raise ServerFault(self.layer, f"cannot be counted: {why}")


class Dump(msgspec.Struct):
    """What callgrind counted between two dumps."""

    cost: Counter[str] = msgspec.field(default_factory=Counter)
    """Instructions by component."""
    calls: Counter[str] = msgspec.field(default_factory=Counter)
    """How often allocators and collectors were called, by function."""
    callee_cost: Counter[str] = msgspec.field(default_factory=Counter)
    """Instructions of allocators and collectors, including those of what they call."""


def read_dump(path: Path) -> Dump:
    """One file of callgrind; raises Fault if it is not whole: its instructions add up to its total.

    The format is in valgrind's manual, "Callgrind Format Specification": a cost line adds to the shared object named by
    the last `ob=`; `cfn=` names the function that the next `calls=` line calls, and the line after that has the cost of
    those calls, which is counted at the callee. A name is written out once, and its number stands for it from then on.
    """
    objects: dict[str, str] = {}
    functions: dict[str, str] = {}
    dump = Dump()
    current, callee, total, is_call = component(""), "", 0, False
    try:
        with path.open(errors="replace") as lines:
            for line in lines:
                if line[0] in "0123456789+-*":
                    cost = int(line.split()[1])
                    if not is_call:
                        dump.cost[current] += cost
                    elif callee:
                        dump.callee_cost[callee] += cost
                    is_call = False
                elif line.startswith("calls="):
                    is_call = True
                    if callee:
                        dump.calls[callee] += int(line[6:].split()[0])
                elif line.startswith(("fn=", "cfn=")):
                    name = re.sub(r"'\d+$", "", _named(line, functions))  # one that recurs has a number at its end
                    callee = name if line[0] == "c" and name in (*ALLOCATORS, *COLLECTORS) else ""
                elif line.startswith(("ob=", "cob=")):
                    name = _named(line, objects)
                    if line[0] == "o":
                        current = component(name)
                elif line.startswith(("totals:", "summary:")):
                    total = int(line.split()[1])
    except (IndexError, ValueError):
        raise Fault(f"callgrind's {path.name} {CUT}") from None
    if not total:
        raise Fault(f"callgrind's {path.name} {CUT}")
    if dump.cost.total() != total:
        raise Fault(f"callgrind's {path.name} adds up to {dump.cost.total()}, not {total}: unknown format")
    return dump


def _named(line: str, names: dict[str, str]) -> str:
    """The name on a line such as `fn=(1) main`, or `fn=(1)` for one that is among the `names`."""
    key, _, name = line.rstrip("\n").partition("=")[2].partition(" ")
    if name:
        names[key] = name
    return names.get(key, "")


def component(shared_object: str) -> str:
    """The component that a shared object belongs to."""
    for name, pattern in COMPONENTS:
        if pattern.search(shared_object):
            return name
    package = PACKAGE.search(shared_object)
    return package[1] if package else "the rest"


def memory(dumps: Iterable[Dump]) -> dict[str, float]:
    """Allocations, collections and the collector's instructions in these dumps; empty without symbols."""
    calls: Counter[str] = Counter()
    cost: Counter[str] = Counter()
    for dump in dumps:
        calls += dump.calls
        cost += dump.callee_cost
    if not any(name in calls for name in ALLOCATORS):
        return {}
    entry = next((name for name in COLLECTORS if name in calls), COLLECTORS[0])
    return {ALLOCATIONS: sum(calls[name] for name in ALLOCATORS), COLLECTIONS: calls[entry], COLLECTOR: cost[entry]}


def per_request(total: Mapping[str, float], idle: Mapping[str, float], share: float, requests: int) -> dict[str, float]:
    """What one request took, less what the server does while idle; collections are those of 1,000 requests."""
    return {
        name: max(0.0, (count - idle.get(name, 0) * share) / requests) * (1000 if name == COLLECTIONS else 1)
        for name, count in total.items()
    }
