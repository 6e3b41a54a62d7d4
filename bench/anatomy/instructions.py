"""A layer -> instructions per request, by component.

Counting starts once the server is warmed up. Every batch is the difference of two dumps on one connection that stays
open, so start-up and shutdown are not included. What the server does while idle (uvicorn's tick) is counted
separately and subtracted, in proportion to the time between two dumps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.anatomy import memory
from bench.anatomy.callgrind import ENVIRONMENT, Callgrind, command
from bench.anatomy.client import Client, connected
from bench.data.contract import Contract
from bench.data.layers import Layer
from bench.host.programs import scratch
from bench.host.server import Server

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
        idle_memory = memory.count(callgrind.files())
        found, files, spent = [], list[Path](), 0.0
        for _ in range(BATCHES):
            client.ask(batch)
            total, seconds = callgrind.dump()
            found.append({name: (total[name] - idle[name] * seconds / span) / batch for name in total})
            files += callgrind.files()
            spent += seconds
        return found, memory.per_request(memory.count(files), idle_memory, spent / span, BATCHES * batch)


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
