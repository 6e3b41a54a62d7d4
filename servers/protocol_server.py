"""Layer `protocol`: an asyncio.Protocol on uvloop, framed by hand.

It is the minimum for a server on an event loop: a callback for incoming bytes, and the framing of the layer `asyncio`.
It leaves out what a stream adds: a coroutine and a task per connection, a reader and its buffer.
"""

import asyncio
from functools import partial

from servers import raw
from servers.framing import CONTINUE, ORDINARY, Refused, frame, head_end
from servers.raw import command, listen
from share import MAX_HEAD


class Connection(raw.Connection):
    """One connection: bytes in, answers out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one that writes
        """Set up the connection."""
        super().connection_made(transport)
        self.head = b""  # bytes of an incomplete head
        self.body = bytearray()
        self.missing = 0  # bytes of an incomplete body that are still to come
        self.close = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        try:
            while data and not self.over:
                data = self.more_body(data) if self.missing else self.request(data)
        except Refused as refused:
            self.refuse(refused)

    def request(self, data: bytes) -> bytes:
        """Handle the start of a request; returns what follows it."""
        if self.head:
            data = self.head + data
        expects = False
        if head := ORDINARY.match(data, 0, MAX_HEAD):
            start, length = head.end(), int(head[1])
        elif start := head_end(data):
            length, self.close, expects = frame(data[:start])
        else:
            self.head = data
            return b""
        self.head = b""
        end = start + length
        if len(data) >= end:
            self.respond(data[start:end], self.close)
        else:
            self.body += data[start:]
            self.missing = end - len(data)
            if expects:
                self.transport.write(CONTINUE)
        return data[end:]

    def more_body(self, data: bytes) -> bytes:
        """Handle the rest of a body, or part of it; returns what follows it."""
        more = data[: self.missing]
        self.body += more
        self.missing -= len(more)
        if not self.missing:
            body, self.body = bytes(self.body), bytearray()
            self.respond(body, self.close)
        return data[len(more) :]


if __name__ == "__main__":
    command("protocol", partial(listen, Connection))()
