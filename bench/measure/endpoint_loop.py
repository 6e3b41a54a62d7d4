"""The layer `endpoint` -> turns and windows without wrk, since this layer has no socket between it and the work."""

import socket
import time

import msgspec

from bench.data.errors import ServerFault
from bench.data.load import Errors, Load, Summary
from bench.host.http import receive
from bench.host.server import Server
from bench.measure.wrk import GRACE, ClientCounters

CLOSING = 0.5  # seconds


class Loop:
    """Loops in a server, each as long as a turn or a window. It has what a Wrk has."""

    cpu_ns = 0  # there is no client to spend any
    sleeps = 0
    unanswered = 0

    def __init__(self, server: Server, load: Load, turns: bool = False) -> None:
        self.server = server
        self.turns = turns
        self.user = server.contract.asked[0].request
        self.answer = server.answer_bytes or 0
        self.calls = 0
        self.seconds = 0.0
        try:
            self.stream = socket.create_connection((server.host, server.port), GRACE)
        except OSError as error:
            raise ServerFault(server.layer.name, f"cannot be reached: {error}") from None
        if not turns:
            self.resume(load.seconds)

    def resume(self, seconds: float) -> None:
        """Begin a loop of so many seconds; raises ServerFault if the server is gone."""
        self.began = time.monotonic()
        try:
            self.stream.settimeout(seconds + GRACE)
            request = msgspec.structs.replace(self.user, body=f"loop {seconds} {self.user.body}")
            self.stream.sendall(request.wire())
        except OSError as error:
            raise ServerFault(self.server.layer.name, f"cannot be reached: {error}") from None

    def pause(self) -> None:
        """Wait until the loop has ended; raises ServerFault if the server dies or does not return a count."""
        try:
            calls = receive(self.stream).body
            self.seconds += time.monotonic() - self.began
        except OSError as error:
            calls = str(error).encode()
        if not calls.isdigit():
            self.server.process.wait(CLOSING)  # a server that closes the connection may be about to exit
        self.server.require_alive("died in its loop")
        if not calls.isdigit():
            raise ServerFault(self.server.layer.name, f"ended its loop with {calls!r}, expected a number")
        self.calls += int(calls)

    def read(self) -> ClientCounters:
        """What it counted until now: calls, in bytes of their answers."""
        return ClientCounters(self.calls * self.answer, 0, 0)

    def end(self) -> None:
        """Do nothing: between two loops there is nothing to end."""

    def finish(self) -> Summary:
        """Wait for the end of the window, if there is one, and return the summary; raises ServerFault."""
        try:
            if not self.turns:
                self.pause()
        finally:
            self.stop()
        return Summary(self.calls, round(self.seconds * 1e6), self.calls * self.answer, Errors(0, 0, 0, 0, 0))

    def stop(self) -> None:
        """End it, if it is still running."""
        self.stream.close()
