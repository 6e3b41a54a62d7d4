"""Layer `httptools`: an asyncio.Protocol whose requests are parsed by httptools, on the layer `protocol`.

It adds a complete HTTP/1.1 parser, in C, which calls back into Python for each part of a request and handles chunked
bodies. It leaves out what uvicorn makes of those parts: headers and a scope, a task per request, timeouts.
"""

import asyncio
from functools import partial

import httptools

from servers import raw
from servers.framing import BAD_REQUEST, CLOSE, CONTINUE, LONG_HEAD, TOO_LARGE, Refused
from servers.raw import command, listen
from share import MAX_BODY, MAX_HEAD

FRAMING = 8  # bytes that a byte of a body may take: in chunks of one byte, six
STEP = 4096  # bytes of a long read to parse at a time: how far a head can exceed the limit before it is noticed


class Connection(raw.Connection):
    """One connection: bytes in, answers out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one that writes
        """Set up the connection."""
        super().connection_made(transport)
        self.parser = httptools.HttpRequestParser(self)
        self.head = -1  # bytes of a message that is not complete, body and all; or -1 between messages
        self.body = bytearray()
        self.refused: Refused | None = None
        self.close = b""

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which answers every request that is complete."""
        step = len(data) if self.head + len(data) <= MAX_HEAD + FRAMING * len(self.body) else STEP
        for start in range(0, len(data), step):
            if self.over:
                return
            piece = data if step == len(data) else data[start : start + step]
            try:
                self.parser.feed_data(piece)
                if self.head >= 0:
                    self.head += len(piece)
                    if self.head > MAX_HEAD + FRAMING * len(self.body):
                        self.refuse_later(LONG_HEAD, f"a head, extensions and trailers may have {MAX_HEAD} bytes")
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self.refuse_later(BAD_REQUEST, "not an HTTP/1.1 request")
            if self.refused and not self.over:
                self.refuse(self.refused)

    def on_message_begin(self) -> None:
        """Start a head."""
        self.head = 0
        self.body = bytearray()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Look at one field of the head."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.transport.write(CONTINUE)
        elif name == b"connection" and self.parser.get_http_version() != "1.1":
            self.close = CLOSE  # an HTTP/1.0 client that asks for keep-alive would wait for an answer that grants it

    def on_headers_complete(self) -> None:
        """End the head."""
        if self.parser.should_upgrade():
            self.refuse_later(BAD_REQUEST, "another protocol is not supported")

    def on_body(self, body: bytes) -> None:
        """Collect part of the body."""
        self.body += body
        if len(self.body) > MAX_BODY:
            self.refuse_later(TOO_LARGE, f"a body may have at most {MAX_BODY} bytes")

    def on_message_complete(self) -> None:
        """Answer a request."""
        self.head = -1
        if self.refused or self.over:
            return
        self.respond(bytes(self.body), self.close if self.parser.should_keep_alive() else CLOSE)

    def refuse_later(self, status: bytes, why: str) -> None:
        """Refuse the request once the parser has returned."""
        self.refused = self.refused or Refused(status, why)
        self.body = bytearray()


if __name__ == "__main__":
    command("httptools", partial(listen, Connection))()
