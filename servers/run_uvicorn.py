"""What every ASGI layer runs under: uvicorn with its own command line, and a bound on what a client may send.

uvicorn on httptools collects a head of any length, and pipelined requests without end; an app that reads the whole
body collects that too. Here `--http httptools` stands for its protocol with the limits of share. An ordinary request
pays a call and a few comparisons.
"""

import asyncio
import math
from collections.abc import Sized

import uvicorn
from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from share import LINGER, MAX_BODY, MAX_HEAD, refusal

STEP = 4096  # bytes to feed at a time once a message is long: how far past a limit its size can go unseen


class PatientFlow(FlowControl):
    """uvicorn reads on after each answer; here not until all pipelined requests have theirs."""

    def __init__(self, transport: asyncio.Transport, pipeline: Sized) -> None:
        super().__init__(transport)
        self.pipeline = pipeline

    def resume_reading(self) -> None:
        """Read on, unless requests wait that were read already."""
        if self.read_paused and not self.pipeline:
            super().resume_reading()


class BoundedHttpTools(HttpToolsProtocol):
    """uvicorn's httptools protocol, which refuses a message that is too long: 431 for a head, 413 for a body."""

    pending: float = 0  # bytes of a message that is not complete yet; infinite once it was refused
    counted: object = None  # the scope of that message

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin with a connection."""
        super().connection_made(transport)
        self.flow = PatientFlow(transport, self.pipeline)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and keep count of a message that did not come in one piece."""
        if self.pending + len(data) <= MAX_HEAD:
            super().data_received(data)
            if self.cycle is None or self.cycle.more_body or "path" not in self.scope:
                self.count(len(data))
            return
        for start in range(0, len(data), STEP):
            if self.pending == math.inf or self.transport.is_closing():
                return
            piece = data[start : start + STEP]
            super().data_received(piece)
            self.count(len(piece))

    def count(self, size: int) -> None:
        """Add to the unfinished message, and refuse it where it is too long."""
        if self.scope is not self.counted:
            self.counted, self.pending = self.scope, 0
        if self.scope and "path" not in self.scope:
            status, limit = 431, MAX_HEAD
        elif self.cycle and self.cycle.more_body:
            status, limit = 413, MAX_BODY
        else:
            self.pending = 0
            return
        self.pending += size
        if self.pending > limit:
            self.refuse(status, limit)

    def refuse(self, status: int, limit: int) -> None:
        """Say why and hang up, but go on reading for a moment: unread bytes would reset the connection at once."""
        self.pending = math.inf
        if not self.cycle or self.cycle.response_complete or not self.cycle.response_started:
            body = refusal(f"a request's {'head' if status == 431 else 'body'} may have {limit} bytes")
            fields = b"content-length: %d\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + fields + body)
        if self.cycle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(LINGER, self.transport.close)


HTTP_PROTOCOLS["httptools"] = f"{BoundedHttpTools.__module__}:{BoundedHttpTools.__name__}"

if __name__ == "__main__":
    uvicorn.main()
