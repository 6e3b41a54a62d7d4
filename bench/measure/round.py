"""Layers -> the servers of one round: started together and checked; or a fault in their row."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.data.layers import Layer
from bench.data.plan import Plan
from bench.data.record import Layers
from bench.host import conformance
from bench.host.server import Server, stop_all
from bench.host.signals import held
from bench.host.versions import own_versions


@contextmanager
def servers_of(layers: Sequence[Layer], plan: Plan, record: Layers, full: bool) -> Iterator[dict[str, Server]]:
    """The servers of all layers that work, by name; they have ended on leaving.

    With `full` they are checked against the whole contract, otherwise only with their request. A layer that fails gets
    a fault in its row and is left out of later rounds. All share one hash seed, drawn anew in each round, so that it
    favours no layer.
    """
    servers: list[Server] = []
    environment = {"PYTHONHASHSEED": str(random.randrange(2**32))}
    try:
        for layer in random.sample(layers, len(layers)):
            row = record.row(layer.name)
            with row.takes_faults():
                if not row.faults:
                    port = plan.port and plan.port + list(layers).index(layer)
                    contract = plan.selection.contract_of(layer)
                    with held():
                        servers.append(Server(layer, contract, plan.host, port, environment).start())
        for server in servers:
            row = record.row(server.layer.name)
            with row.takes_faults():
                row.answer_bytes = server.wait().answer_bytes
                if plan.lane:
                    server.start_bytes = server.meter.read().rss_bytes
                if full:
                    row.packages = own_versions(server.layer, server.process.pid, server.port)
                    broken = conformance.check(server.contract, server.layer, plan.host, server.port)
                    row.faults += [f"contract: {each}" for each in broken]
                    server.mark()
        yield {server.layer.name: server for server in servers if not record.row(server.layer.name).faults}
    finally:
        stop_all(servers)
