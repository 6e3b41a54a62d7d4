"""The layer `endpoint` -> a window without wrk, since this layer has no socket between it and the work."""

import socket
import time

import msgspec

from bench.data.errors import ServerFault
from bench.data.load import Errors, Load, Summary
from bench.host.http import receive
from bench.host.server import Server
from bench.measure.wrk import GRACE

CLOSING = 0.5  # seconds


class Loop:
    """One loop in a server, as long as a window of wrk. `finish` waits for its end and returns the summary."""

    cpu_ns = 0  # there is no client to spend any
    sleeps = 0
    unanswered = 0

    def __init__(self, server: Server, load: Load) -> None:
        self.server = server
        user = server.contract.asked[0].request
        self.answer = server.answer_bytes or 0
        request = msgspec.structs.replace(user, body=f"loop {load.seconds} {user.body}")
        try:
            self.stream = socket.create_connection((server.host, server.port), load.seconds + GRACE)
            self.began = time.monotonic()
            self.stream.sendall(request.wire())
        except OSError as error:
            raise ServerFault(server.layer.name, f"cannot be reached: {error}") from None

    def finish(self) -> Summary:
        """Wait for the end of the loop; raises ServerFault if the server dies or does not return a count."""
        try:
            calls = receive(self.stream).body
            seconds = time.monotonic() - self.began
        except OSError as error:
            calls = str(error).encode()
        finally:
            self.stop()
        if not calls.isdigit():
            self.server.process.wait(CLOSING)  # a server that closes the connection may be about to exit
        self.server.require_alive("died in its loop")
        if not calls.isdigit():
            raise ServerFault(self.server.layer.name, f"ended its loop with {calls!r}, expected a number")
        return Summary(int(calls), round(seconds * 1e6), int(calls) * self.answer, Errors(0, 0, 0, 0, 0))

    def stop(self) -> None:
        """End it, if it is still running."""
        self.stream.close()
