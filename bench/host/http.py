"""One HTTP/1.1 response, read by http.client: its status, its raw bytes, its body."""

import contextlib
import socket
from http.client import HTTPException, HTTPResponse
from typing import BinaryIO

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """One response. Its status is 0 if it is not a complete HTTP/1 response."""

    status: int
    raw: bytes
    body: bytes = b""
    """What follows the head, with chunks joined."""
    closes: bool = False
    """Whether the server announces that it will close the connection."""
    seconds: float = 0.0
    """From sending the request to the end of the answer, where that was timed."""


class _Wire:
    """A stream for http.client that keeps what was read, except the head of a `100 Continue`."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.raw = b""

    def makefile(self, _mode: str) -> "_Wire":
        """Itself: http.client calls this as it would on a socket."""
        return self

    def readline(self, limit: int) -> bytes:
        """A line of a head, or the size of a chunk."""
        line = self.file.readline(limit)
        self.raw = line if line.startswith(b"HTTP/") else self.raw + line
        return line

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes of a body, or everything until the connection is closed."""
        pieces, missing = [], size
        while missing and (piece := self.file.read(min(missing, 1 << 20) if size >= 0 else 1 << 20)):
            pieces.append(piece)
            missing -= len(piece) if size >= 0 else 0
        data = b"".join(pieces)
        self.raw += data
        return data

    def flush(self) -> None:
        """Do nothing: nothing is written."""

    def close(self) -> None:
        """Do nothing: the connection belongs to the caller."""


def read_answer(file: BinaryIO) -> Answer:
    """Read exactly one response from an unbuffered stream; raises TimeoutError."""
    wire = _Wire(file)
    with contextlib.suppress(HTTPException, ConnectionError, ValueError):
        response = HTTPResponse(wire)  # type: ignore[arg-type]  # it needs no more of a socket than this
        response.begin()
        closes = response.will_close
        body = response.read()
        return Answer(response.status, wire.raw, body, closes)
    return Answer(0, wire.raw)


def receive(stream: socket.socket) -> Answer:
    """Read one response from a connection; raises TimeoutError."""
    with stream.makefile("rb", buffering=0) as file:
        return read_answer(file)  # type: ignore[arg-type]  # a SocketIO reads like a file
