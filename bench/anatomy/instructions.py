"""A layer -> instructions a request, by component.

Counting starts once the server is warm, and every batch is the difference of two dumps on one connection that stays
open, so that nothing of start-up or shutdown is in it. What the server does while idle (uvicorn's tick) is counted by
itself and taken out, by the seconds that a batch took.
"""

import contextlib
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Self

from bench.anatomy.callgrind import ENVIRONMENT, Callgrind, command
from bench.anatomy.client import connected
from bench.data.errors import Fault
from bench.data.layers import Layer
from bench.host.children import guard
from bench.host.conformance import Contract
from bench.host.programs import scratch
from bench.host.server import Server
from bench.host.variables import clean_environment

WARM_UP = 500
FIRST = 100  # requests after the switch, for the caches of valgrind: thrown away
BATCH, BATCHES = 400, 4
IDLE = 3.0  # seconds
PATIENCE = 120.0  # seconds that a server has until it answers under valgrind


def count_instructions(layer: Layer, contract: Contract, batch: int = BATCH) -> list[dict[str, float]]:
    """Instructions a request by component, a dict for each batch; raises ServerFault, or Fault where valgrind fails."""
    with scratch() as folder:
        server = Server(layer, contract, environment=ENVIRONMENT, wrap=command(folder), patience=PATIENCE)
        with server, connected(server) as client:
            alive = partial(server.require_alive, "died while its work was counted")
            callgrind = Callgrind(server.process.pid, folder, layer.name, alive)
            client.ask(WARM_UP)
            callgrind.start()
            client.ask(FIRST)
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
    """Instructions of share.endpoint by component, a dict for each batch, without those of an empty call in a loop."""
    with scratch() as folder, Loop(contract.user.body, folder) as loop:
        callgrind = Callgrind(loop.process.pid, folder, "share.endpoint", loop.require_alive)
        loop.call("endpoint", WARM_UP)
        loop.call("nothing", WARM_UP)
        callgrind.start()
        loop.call("endpoint", FIRST)
        loop.call("nothing", FIRST)
        callgrind.dump()
        loop.call("nothing", BATCH)
        empty = callgrind.dump()
        found = []
        for _ in range(BATCHES):
            loop.call("endpoint", BATCH)
            total = callgrind.dump()
            found.append({name: (total[name] - empty[name]) / BATCH for name in total})
        return found


class Loop:
    """A process that calls share.endpoint as often as it is told, under callgrind; use it as a context."""

    def __init__(self, body: str, folder: Path) -> None:
        argv = [*command(folder), sys.executable, "-m", "bench.anatomy.loop", body]
        reader, orders = os.pipe()
        answers, writer = os.pipe()
        self.orders, self.answers = os.fdopen(orders, "w"), os.fdopen(answers)
        try:
            self.process = guard().start(argv, {**clean_environment(), **ENVIRONMENT}, stdin=reader, stdout=writer)
        except OSError as error:
            raise Fault(f"share.endpoint cannot be counted: {argv[0]}: {error.strerror}") from None
        finally:
            os.close(reader)
            os.close(writer)

    def require_alive(self) -> None:
        """Raise Fault if it has ended."""
        if (code := self.process.poll()) is not None:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            raise Fault(f"share.endpoint cannot be counted: its loop under valgrind {how}")

    def call(self, what: str, count: int) -> None:
        """Call `endpoint` or `nothing` so many times; raises Fault where it ends."""
        with contextlib.suppress(BrokenPipeError):
            print(what, count, file=self.orders, flush=True)
        if not self.answers.readline():
            self.process.wait(1)
            self.require_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(1)
        with contextlib.suppress(BrokenPipeError):
            self.orders.close()
        self.answers.close()
