"""One persistent connection with an exact number of requests, each in an iteration of the event loop of its own."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from bench.data.errors import ServerFault
from bench.host.conformance import accepts
from bench.host.counters import asleep, family
from bench.host.http import Answer, receive
from bench.host.server import Server

PAUSE = 0.001  # seconds between requests, at least
LOOK = 0.0005  # seconds between two looks at whether the server is done
LONGEST = 0.2  # seconds that a server has to be done with a request that it has answered
CLOSING = 0.5  # seconds
TIMEOUT = 30.0  # seconds for an answer: under valgrind a server is fifty times slower


class Client:
    """Sends a server the User request, over and over, and checks every answer."""

    def __init__(self, server: Server, stream: socket.socket) -> None:
        self.server = server
        self.stream = stream
        self.request = server.contract.user.wire()
        self.pids = family(server.process.pid)

    def warm_up(self, count: int) -> None:
        """Send this many requests, one right after the other."""
        for _ in range(count):
            self._ask()

    def ask(self, count: int) -> float:
        """Send this many requests, each once the server waits for it; returns the seconds it took.

        So the next has never arrived when the event loop polls again, however slow the server is just now.

        Raises ServerFault for a wrong answer.
        """
        begin = time.monotonic()
        for _ in range(count):
            self._ask()
            time.sleep(PAUSE)
            latest = time.monotonic() + LONGEST
            while not all(map(asleep, self.pids)) and time.monotonic() < latest:
                time.sleep(LOOK)
        return time.monotonic() - begin

    def rest(self, seconds: float) -> None:
        """Ask nothing for so long; raises ServerFault if the server ends meanwhile."""
        self.server.process.wait(seconds)
        self.server.require_alive("died while its work was counted")

    def call(self, what: str, count: int) -> None:
        """Have the layer `endpoint` call a function this many times; raises ServerFault if it does not."""
        user = self.server.contract.user
        answer = self._send(msgspec.structs.replace(user, body=f"{what} {count} {user.body}").wire())
        if answer.body != str(count).encode():
            raise ServerFault(self.server.layer.name, f"answered {answer.raw[:200]!r} while its work was counted")

    def _ask(self) -> None:
        answer = self._send(self.request)
        if not accepts(self.server.contract, self.server.layer, answer):
            raise ServerFault(self.server.layer.name, f"answered {answer.raw[:200]!r} while its work was counted")

    def _send(self, request: bytes) -> Answer:
        try:
            self.stream.sendall(request)
            answer = receive(self.stream)
        except OSError as error:
            self._require_alive()
            why = f"did not answer while its work was counted ({error})"
            raise ServerFault(self.server.layer.name, why) from None
        if not answer.raw:
            self._require_alive()
        return answer

    def _require_alive(self) -> None:
        """Raise ServerFault if the server has ended, or is about to: it may just have closed the connection."""
        self.server.process.wait(CLOSING)
        self.server.require_alive("died while its work was counted")


@contextmanager
def connected(server: Server) -> Iterator[Client]:
    """A client on a connection of its own."""
    with socket.create_connection((server.host, server.port), TIMEOUT) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Client(server, stream)
