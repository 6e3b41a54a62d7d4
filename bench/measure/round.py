"""Layers -> the servers of one restart: started together, sound, pinned and warm; or a fault in their row."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from bench.data.errors import ServerFault
from bench.data.layers import Layer
from bench.data.record import Record, Row
from bench.host import conformance as contracts
from bench.host.conformance import Contract
from bench.host.cores import Lane, settle
from bench.host.server import Server, stop_all
from bench.host.signals import held
from bench.measure.window import warm_up
from bench.measure.wrk import Load


class Setting(msgspec.Struct, frozen=True):
    """What all restarts of a run share: where to listen, how to load, which cores."""

    contract: Contract
    load: Load
    lane: Lane | None
    host: str = "127.0.0.1"
    port: int = 0
    own: dict[str, Contract] = {}
    """Contracts of layers that are not held to `contract`, by their names."""

    def contract_of(self, layer: Layer) -> Contract:
        """What a layer is held to."""
        return self.own.get(layer.name, self.contract)

    def digest(self) -> str:
        """SHA-256 of all that is asked and answered."""
        if not self.own:
            return self.contract.digest()
        return hashlib.sha256(
            "".join(each.digest() for each in (self.contract, *self.own.values())).encode()
        ).hexdigest()


@contextmanager
def generation(layers: Sequence[Layer], setting: Setting, record: Record, full: bool) -> Iterator[dict[str, Server]]:
    """The servers of all layers that are sound, by name; they have ended on leaving.

    With `full` they are held to the whole contract, otherwise to the User request. What is not sound is written into
    its row and left out of later restarts. All share one hash seed, drawn anew each time, so that it favours neither of
    a pair.
    """
    servers: list[Server] = []
    environment = {"PYTHONHASHSEED": str(random.randrange(2**32))}
    try:
        for layer in random.sample(layers, len(layers)):
            with faults_to(row_of(record, layer.name)) as row:
                if not row.faults:
                    port = setting.port and setting.port + list(layers).index(layer)
                    with held():
                        servers.append(
                            Server(layer, setting.contract_of(layer), setting.host, port, environment).start()
                        )
        for server in servers:
            with faults_to(row_of(record, server.layer.name)) as row:
                row.answer_bytes = server.wait().answer_bytes
                if full:
                    broken = contracts.check(server.contract, server.layer, setting.host, server.port)
                    row.faults += [f"contract: {each}" for each in broken]
                    server.mark()
        sound = {server.layer.name: server for server in servers if not row_of(record, server.layer.name).faults}
        if setting.lane:
            for server in sound.values():
                settle(server.process.pid, setting.lane)
        warm_up([*sound.values()], setting.load, setting.lane)
        yield sound
    finally:
        stop_all(servers)


@contextmanager
def faults_to(row: Row) -> Iterator[Row]:
    """Write what goes wrong with a layer's server into its row, so that the others are measured all the same."""
    try:
        yield row
    except ServerFault as fault:
        row.faults.append(fault.what)


def row_of(record: Record, name: str) -> Row:
    """A layer's row in the record."""
    return next(row for row in record.layers if row.name == name)
