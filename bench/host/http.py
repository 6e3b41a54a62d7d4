"""One response of HTTP/1.1, read by http.client: its status, its bytes as they came, its body."""

import contextlib
import socket
from http.client import HTTPException, HTTPResponse
from typing import BinaryIO

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """One response. Its status is 0 where it is no whole response of HTTP/1."""

    status: int
    raw: bytes
    body: bytes = b""
    """What follows the head, with its chunks joined."""
    closes: bool = False
    """Whether the server says that it closes the connection after it."""


class _Wire:
    """A stream as http.client reads it, which keeps what was read. The head of a `100 Continue` is forgotten."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.raw = b""

    def makefile(self, _mode: str) -> "_Wire":
        """Itself: http.client asks it as it would ask a socket."""
        return self

    def readline(self, limit: int) -> bytes:
        """A line of a head, or the size of a chunk."""
        line = self.file.readline(limit)
        self.raw = line if line.startswith(b"HTTP/") else self.raw + line
        return line

    def read(self, size: int = -1) -> bytes:
        """So many bytes of a body, or all until the connection is closed."""
        pieces, missing = [], size
        while missing and (piece := self.file.read(min(missing, 1 << 20) if size >= 0 else 1 << 20)):
            pieces.append(piece)
            missing -= len(piece) if size >= 0 else 0
        data = b"".join(pieces)
        self.raw += data
        return data

    def flush(self) -> None:
        """Nothing is written."""

    def close(self) -> None:
        """The connection is not its own."""


def read_answer(file: BinaryIO) -> Answer:
    """Read one response from an unbuffered stream, and not a byte more; raises TimeoutError."""
    wire = _Wire(file)
    with contextlib.suppress(HTTPException, ConnectionError, ValueError):
        response = HTTPResponse(wire)  # type: ignore[arg-type]  # of a socket it wants no more than this
        response.begin()
        closes = response.will_close
        body = response.read()
        return Answer(response.status, wire.raw, body, closes)
    return Answer(0, wire.raw)


def receive(stream: socket.socket) -> Answer:
    """Read one response from a connection; raises TimeoutError."""
    with stream.makefile("rb", buffering=0) as file:
        return read_answer(file)  # type: ignore[arg-type]  # a SocketIO reads as a file does
