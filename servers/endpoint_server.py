"""Layer `endpoint`: share.endpoint alone, in a loop without a socket: only the work, no server.

All other layers ultimately stand on it. It answers requests as the layer `protocol` does, so that it can be started and
checked against the contract like any layer. To measure it, a request has the body `loop SECONDS BODY`: it calls the
endpoint with BODY for that long, and answers with the number of calls. The anatomy counts `endpoint COUNT BODY`, which
calls the endpoint that many times, minus `nothing COUNT BODY`, which calls an empty function instead.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from itertools import repeat

from servers import protocol_server
from servers.framing import OK, answer
from servers.raw import command, listen
from share import endpoint

CALLS = 10_000  # between checks of the clock and the connection: a few milliseconds


def nothing(data: bytes) -> bytes:
    """Do nothing: its cost is that of a call."""
    return data


FUNCTIONS = {b"endpoint": endpoint, b"nothing": nothing}


def call(function: Callable[[bytes], bytes], body: bytes, count: int) -> None:
    """Call a function this many times."""
    for _ in repeat(None, count):
        function(body)


class Connection(protocol_server.Connection):
    """One connection, which can run one loop."""

    def respond(self, body: bytes, close: bytes) -> None:
        """Answer one request, or make the calls it asks for."""
        what, _, rest = body.partition(b" ")
        if what == b"loop":
            seconds, _, body = rest.partition(b" ")
            self.looping = asyncio.create_task(self.loop(float(seconds), body))
        elif what in FUNCTIONS:
            count, _, body = rest.partition(b" ")
            call(FUNCTIONS[what], body, int(count))
            self.transport.write(answer(OK, count, close))
        else:
            super().respond(body, close)

    async def loop(self, seconds: float, body: bytes) -> None:
        """Call the endpoint until the time is up, or the client is gone."""
        calls, end = 0, time.monotonic() + seconds
        while time.monotonic() < end and not self.transport.is_closing():
            call(endpoint, body, CALLS)
            calls += CALLS
            await asyncio.sleep(0)
        self.transport.write(answer(OK, b"%d" % calls, b""))


if __name__ == "__main__":
    command("endpoint", partial(listen, Connection))()
