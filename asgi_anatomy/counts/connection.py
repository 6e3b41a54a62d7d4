"""One connection with an exact number of requests, each in an iteration of the event loop of its own.

Where a workload has several requests, they come in a fixed order, in their shares; where it pipelines, so many at once;
where it ends connections, the next request is on a new one.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import msgspec

from asgi_anatomy.errors import Broken, ServerFault
from asgi_anatomy.machine.counters import asleep, family, settle
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite.conformance import Answer, answers, receive

PAUSE = 0.001  # seconds between requests, at least
LOOK = 0.0005  # seconds between two looks at whether the server is done
LONGEST = 0.2  # seconds that a server has to be done with a request that it has answered
CLOSING = 0.5  # seconds
LARGE, FEWER = 16 * 1024, 10  # bytes of a request above which so many times fewer are counted
SPAN = 4.0  # seconds that a number of requests may take: fewer are sent where one is slow
TIMEOUT = 30.0  # seconds for an answer: under valgrind a server is fifty times slower


class Connection:
    """Sends a server its workload, over and over, and checks every answer.

    `slowness` is how long one request takes, in seconds, pauses included.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.stream = self._connect()
        asked = [request for request in server.contract.asked for _ in range(request.share)]
        self.depth = server.contract.workload.pipelining
        self.cycle = [(request, request.wire()) for request in asked * self.depth]
        self.place = 0
        self.pids = family(server.process.pid)
        self.time()

    def time(self) -> None:
        """Send each request of the workload once, to find out how long one takes."""
        self.slowness = self.ask(len(self.cycle)) / len(self.cycle)

    def whole(self, count: int) -> int:
        """About this many requests, fewer where they are large or slow, so that each has exactly its share."""
        size = max(len(wire) for _, wire in self.cycle)
        count = max(1, min(count if size <= LARGE else count // FEWER, int(SPAN / self.slowness)))
        return -(-count // len(self.cycle)) * len(self.cycle)

    def warm_up(self, count: int) -> None:
        """Send this many requests, one right after the other; returns once the server is done with the last."""
        for _ in range(0, count, self.depth):
            self._ask()
        self._until_it_waits()

    def ask(self, count: int) -> float:
        """Send this many requests, each once the server waits for it; returns the seconds it took.

        So the next has never arrived when the event loop polls again, however slow the server is just now.

        Raises ServerFault for a wrong answer.
        """
        begin = time.monotonic()
        for _ in range(0, count, self.depth):
            self._ask()
            self._until_it_waits()
        return time.monotonic() - begin

    def rest(self, seconds: float) -> None:
        """Send nothing for this long; raises ServerFault if the server has ended, or ends meanwhile."""
        self.server.process.wait(seconds)
        self.server.require_alive("died while its work was counted")

    def call(self, what: str, count: int) -> None:
        """Have the layer `endpoint` call a function this many times; raises ServerFault if it does not."""
        user = self.server.contract.asked[0].request
        with self._blamed():
            self.stream.sendall(msgspec.structs.replace(user, body=f"{what} {count} {user.body}").wire())
        answer = self._receive()
        if answer.body != str(count).encode():
            self._blame(f"answered {answer.raw[:200]!r}")

    def _ask(self) -> None:
        """Send one request, or as many as are pipelined, and check the answers."""
        batch = [self.cycle[place % len(self.cycle)] for place in range(self.place, self.place + self.depth)]
        self.place = (self.place + self.depth) % len(self.cycle)
        with self._blamed():
            self.stream.sendall(b"".join(wire for _, wire in batch))
        for asked, _ in batch:
            answer = self._receive()
            if not answers(self.server.contract, self.server.layer, asked, answer):
                self._blame(f"answered {answer.raw[:200]!r}")
            if asked.close or answer.closes:
                self.stream.close()
                self.stream = self._connect()

    def _until_it_waits(self) -> None:
        """An answer may arrive before the server has left the functions that made it."""
        time.sleep(PAUSE)
        latest = time.monotonic() + LONGEST
        while not all(map(asleep, self.pids)) and time.monotonic() < latest:
            time.sleep(LOOK)

    def _connect(self) -> socket.socket:
        with self._blamed():
            stream = socket.create_connection((self.server.host, self.server.port), TIMEOUT)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream

    def _receive(self) -> Answer:
        with self._blamed():
            answer = receive(self.stream)
        if not answer.raw:
            self.rest(CLOSING)  # it may have closed the connection as it ends
        return answer

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """A connection that fails is the server's fault."""
        try:
            yield
        except (Broken, OSError) as error:
            self.rest(CLOSING)  # it may have closed the connection as it ends
            self._blame("did not answer", f" ({error})")

    def _blame(self, what: str, why: str = "") -> NoReturn:
        raise ServerFault(self.server.layer.name, f"{what} while its work was counted{why}") from None


@contextmanager
def connected(server: Server) -> Iterator[Connection]:
    """A connection to a server, once all of the server's processes have started."""
    settle(server.process.pid)
    connection = Connection(server)
    try:
        yield connection
    finally:
        connection.stream.close()
