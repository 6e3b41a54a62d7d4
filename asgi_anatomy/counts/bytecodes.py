"""A server with the probe in it -> Python calls and bytecodes per request, as a tree and by package."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from asgi_anatomy.counts.connection import connected
from asgi_anatomy.counts.trees import package
from asgi_anatomy.errors import Fault, ServerFault
from asgi_anatomy.machine.counters import family
from asgi_anatomy.machine.programs import scratch
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.record import Frame

PROBE = Path(__file__).parent / "probe"
REQUESTS = 50
WARM_UP = 100
SPAN = 0.8  # seconds, once with requests and once idle: work that occurs in both, like uvicorn's tick, is not theirs
TICKS = 3  # a function that does no more than this many times its idle work has nothing to do with requests
WAIT = 10.0
RT = getattr(signal, "SIGRTMIN", None)
BEGIN, END = (RT + 2, RT + 3) if RT else (signal.SIGUSR1, signal.SIGUSR2)
"""The signals that the probe handles: real-time ones where they exist, since servers do not use those."""


class Raw(msgspec.Struct):
    """The tree as the probe writes it, over all requests."""

    file: str
    function: str
    calls: int
    bytecodes: int
    children: list["Raw"]

    def whole(self) -> int:
        """The bytecodes of the function and everything it calls."""
        return self.bytecodes + sum(child.whole() for child in self.children)


def count_python(layer: Layer, contract: Contract) -> Frame:
    """The tree of Python calls of one request; raises ServerFault."""
    with scratch() as folder:
        environment = {"ANATOMY_FOLDER": str(folder), "ANATOMY_SIGNALS": f"{int(BEGIN)} {int(END)}"}
        server = Server(layer, contract, environment=environment)
        path = [str(PROBE), *filter(None, [server.environment.get("PYTHONPATH")])]
        server.environment["PYTHONPATH"] = os.pathsep.join(path)
        with server, connected(server) as connection:
            probes = Probes(server, folder)
            requests = connection.whole(REQUESTS)
            connection.warm_up(connection.whole(WARM_UP))
            with probes.counting() as busy:
                seconds = connection.ask(requests)
                time.sleep(max(0, SPAN - seconds))
            with probes.counting() as idle:
                time.sleep(max(SPAN, seconds))
    trees = [less(busy[pid], idle[pid]) for pid in probes.pids]
    return _frame(Raw("", "", 0, 0, [child for tree in trees for child in tree.children]), requests)


def less(busy: Raw, idle: Raw) -> Raw:
    """The work of requests: what a server did in a span with requests, minus what it did in an idle span as long.

    Functions that ran about as often while idle are removed entirely, since either span may contain a tick more.
    """
    alone = {(child.file, child.function): child for child in idle.children}
    children = []
    for child in busy.children:
        same = alone.get((child.file, child.function))
        if not same:
            children.append(child)
        elif child.whole() > TICKS * same.whole():
            children.append(less(child, same))
    calls, bytecodes = max(0, busy.calls - idle.calls), max(0, busy.bytecodes - idle.bytecodes)
    return Raw(busy.file, busy.function, calls, bytecodes, children)


class Probes:
    """The probes in a server's processes, controlled by signals; raises ServerFault if there are none."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.counts = 0
        self.pids = [pid for pid in family(server.process.pid) if (folder / f"ready-{pid}").exists()]
        if not self.pids:
            raise ServerFault(server.layer.name, "has no probe in it: it is not Python 3.12 or newer")

    @contextlib.contextmanager
    def counting(self) -> Iterator[dict[int, Raw]]:
        """Count in all processes until the block ends; then the tree of each is in the dict."""
        self.counts += 1
        trees: dict[int, Raw] = {}
        self._signal(BEGIN, "on")
        yield trees
        for pid, file in self._signal(END, "off").items():
            try:
                trees[pid] = msgspec.json.decode(file.read_bytes(), type=Raw)
            except msgspec.DecodeError:
                raise Fault(f"the probe's {file.name} is cut short: is there room in TMPDIR?") from None

    def _signal(self, number: int, kind: str) -> dict[int, Path]:
        """Send a signal to all, and wait for the files that acknowledge it; returns these."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):  # below it is checked whether the server has ended
                os.kill(pid, number)
        files = {pid: self.folder / f"{kind}-{self.counts}-{pid}" for pid in self.pids}
        deadline = time.monotonic() + WAIT
        while not all(file.exists() for file in files.values()):
            self.server.require_alive("died while its calls were counted")
            if time.monotonic() > deadline:
                why = f"did not respond to the probe: does it use signal {number} itself?"
                raise ServerFault(self.server.layer.name, why)
            time.sleep(0.005)
        return files


def _frame(raw: Raw, requests: int) -> Frame:
    """One request's share of a tree."""
    calls, bytecodes = raw.calls / requests, raw.bytecodes / requests
    return Frame(package(raw.file), raw.function, calls, bytecodes, [_frame(child, requests) for child in raw.children])
