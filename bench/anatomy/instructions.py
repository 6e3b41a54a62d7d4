"""A layer -> instructions per request, by component.

Counting starts once the server is warmed up. Every batch is the difference of two dumps on one connection that stays
open, so start-up and shutdown are not included. What the server does while idle (uvicorn's tick) is counted
separately and subtracted, in proportion to the time a batch took.
"""

import time
from functools import partial

from bench.anatomy.callgrind import ENVIRONMENT, Callgrind, command
from bench.anatomy.client import connected
from bench.data.contract import Contract
from bench.data.layers import Layer
from bench.host.programs import scratch
from bench.host.server import Server

WARM_UP = 500
FIRST = 100  # requests after counting is switched on, to fill valgrind's caches: discarded
BATCH, BATCHES = 400, 4
IDLE = 3.0  # seconds
LOOP = Layer(name="share.endpoint", adds="", command="{python} -m servers.endpoint_server --host {host} --port {port}")
PATIENCE = 120.0  # seconds that a server has to start answering under valgrind


def count_instructions(layer: Layer, contract: Contract, batch: int = BATCH) -> list[dict[str, float]]:
    """Instructions per request by component, a dict for each batch.

    Raises ServerFault, or Fault if valgrind fails.
    """
    with scratch() as folder:
        server = Server(layer, contract, environment=ENVIRONMENT, wrap=command(folder), patience=PATIENCE)
        with server, connected(server) as client:
            alive = partial(server.require_alive, "died while its work was counted")
            callgrind = Callgrind(server.process.pid, folder, layer.name, alive)
            batch = client.whole(batch)
            client.ask(client.whole(WARM_UP))
            callgrind.start()
            client.ask(client.whole(FIRST))
            callgrind.dump()
            time.sleep(IDLE)
            idle = callgrind.dump()
            found = []
            for _ in range(BATCHES):
                seconds = client.ask(batch)
                total = callgrind.dump()
                found.append({name: (total[name] - idle[name] * seconds / IDLE) / batch for name in total})
            return found


def count_endpoint(contract: Contract) -> list[dict[str, float]]:
    """Instructions of share.endpoint by component, a dict for each batch, minus those of an empty call in a loop.

    Raises ServerFault, or Fault if valgrind fails.
    """
    with scratch() as folder:
        server = Server(LOOP, contract, environment=ENVIRONMENT, wrap=command(folder), patience=PATIENCE)
        with server, connected(server) as client:
            alive = partial(server.require_alive, "died while its work was counted")
            callgrind = Callgrind(server.process.pid, folder, LOOP.name, alive)
            client.call("endpoint", WARM_UP)
            client.call("nothing", WARM_UP)
            callgrind.start()
            client.call("endpoint", FIRST)
            client.call("nothing", FIRST)
            callgrind.dump()
            client.call("nothing", BATCH)
            empty = callgrind.dump()
            found = []
            for _ in range(BATCHES):
                client.call("endpoint", BATCH)
                total = callgrind.dump()
                found.append({name: (total[name] - empty[name]) / BATCH for name in total})
            return found
