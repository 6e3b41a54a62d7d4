"""A server with the probe in it -> Python calls and bytecodes a request, as a tree and by package."""

import os
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import msgspec

from bench.anatomy.client import connected
from bench.anatomy.tree import add_up, package
from bench.contract import Contract
from bench.errors import ServerFault
from bench.layers import Layer
from bench.record import Frame
from bench.server import Server

PROBE = Path(__file__).parent / "probe"
REQUESTS = 50
WARM_UP = 100
IDLE = 0.8  # seconds in which whatever runs is not a request's doing: uvicorn's tick, ten times a second
WAIT = 10.0


class Raw(msgspec.Struct):
    """The tree as the probe writes it, over all requests."""

    file: str
    function: str
    calls: int
    bytecodes: int
    children: list["Raw"]


def count_python(layer: Layer, contract: Contract) -> Frame:
    """The tree of Python calls of one request; raises ServerFault."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join([str(PROBE), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "ANATOMY_FOLDER": folder}
        with Server(layer, contract, environment=environment) as server, connected(server) as client:
            if not Path(folder, f"ready-{server.process.pid}").exists():
                raise ServerFault(layer.name, "has no probe in it: is it a Python of 3.12 or newer?")
            client.ask(WARM_UP)
            _signal(server, signal.SIGUSR1, Path(folder, "on-1"))
            time.sleep(IDLE)
            idle = _read(server, Path(folder, "off-1"))
            _signal(server, signal.SIGUSR1, Path(folder, "on-2"))
            client.ask(REQUESTS)
            busy = _read(server, Path(folder, "off-2"))
    ticks = {(child.file, child.function) for child in idle.children}
    busy.children = [child for child in busy.children if (child.file, child.function) not in ticks]
    return _frame(busy)


def _signal(server: Server, number: signal.Signals, sign: Path) -> None:
    """Send a signal to the probe, and wait for the file that acknowledges it."""
    os.kill(server.process.pid, number)
    deadline = time.monotonic() + WAIT
    while not sign.exists():
        server.require_alive("died while its calls were counted")
        if time.monotonic() > deadline:
            raise ServerFault(server.layer.name, "did not heed the probe: does it leave SIGUSR1 and SIGUSR2 alone?")
        time.sleep(0.005)


def _read(server: Server, path: Path) -> Raw:
    """End a count and read it."""
    _signal(server, signal.SIGUSR2, path)
    return msgspec.json.decode(path.read_bytes(), type=Raw)


def _frame(raw: Raw) -> Frame:
    """One request's share of a tree."""
    return Frame(
        package=package(raw.file),
        function=raw.function,
        calls=raw.calls / REQUESTS,
        bytecodes=raw.bytecodes / REQUESTS,
        children=[_frame(child) for child in raw.children],
    )


def by_package(tree: Frame) -> tuple[dict[str, float], dict[str, float]]:
    """Calls and bytecodes a request by package, the most bytecodes first."""
    calls: Counter[str] = Counter()
    bytecodes: Counter[str] = Counter()
    for frame in add_up(tree):
        calls[frame.package] += frame.calls  # type: ignore[assignment]  # a Counter adds floats as well
        bytecodes[frame.package] += frame.bytecodes  # type: ignore[assignment]
    order = [name for name, count in bytecodes.most_common() if count]
    return {name: calls[name] for name in order}, {name: bytecodes[name] for name in order}
