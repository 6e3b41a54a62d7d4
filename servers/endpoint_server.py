"""Layer `endpoint`: share.endpoint alone, in a loop without a socket: the work that was asked for, and no server.

It is what all other layers stand on in the end. So that it can be started and held to the contract like them, it
answers requests as the layer `protocol` does; what is measured is one whose body is `loop SECONDS BODY`, which calls
the endpoint with that body for so long, and answers how many times. What is counted is `endpoint COUNT BODY`, which
calls it so often, less `nothing COUNT BODY`, which does the same with an empty function.
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

CALLS = 10_000  # between looks at the clock, and at the connection: some milliseconds


def nothing(data: bytes) -> bytes:
    """What a call costs by itself."""
    return data


FUNCTIONS = {b"endpoint": endpoint, b"nothing": nothing}


def call(function: Callable[[bytes], bytes], body: bytes, count: int) -> None:
    """Call a function so many times."""
    for _ in repeat(None, count):
        function(body)


class Connection(protocol_server.Connection):
    """One connection, on which one loop may run."""

    def respond(self, body: bytes, close: bytes) -> None:
        """Answer one request, or do the calls that it asks for."""
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
        """Call the endpoint until the time is over, or nobody waits for it."""
        calls, end = 0, time.monotonic() + seconds
        while time.monotonic() < end and not self.transport.is_closing():
            call(endpoint, body, CALLS)
            calls += CALLS
            await asyncio.sleep(0)
        self.transport.write(answer(OK, b"%d" % calls, b""))


if __name__ == "__main__":
    command("endpoint", partial(listen, Connection))()
