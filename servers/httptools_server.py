"""Layer `httptools`: an asyncio.Protocol whose requests are parsed by httptools, on the layer `protocol`.

It adds a complete HTTP/1.1 parser, in C, which calls back into Python for each part of a request; with it chunked
bodies. It leaves out what uvicorn makes of those parts: headers and a scope, a task a request, timeouts.
"""

import asyncio
from functools import partial

import httptools

from servers import raw
from servers.framing import BAD_REQUEST, CLOSE, CONTINUE, LONG_HEAD, TOO_LARGE, Refused
from servers.raw import command, listen
from share import MAX_BODY, MAX_HEAD

STEP = 4096  # bytes to parse at a time of a long read: how far past a limit a head can go unseen


class Connection(raw.Connection):
    """One connection: bytes in, answers out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one that writes
        """Begin."""
        super().connection_made(transport)
        self.parser = httptools.HttpRequestParser(self)
        self.head = -1  # bytes of a head that is not complete, or -1 between heads
        self.refused: Refused | None = None
        self.close = b""

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which answers every request that is complete."""
        step = len(data) if self.head + len(data) <= MAX_HEAD else STEP
        for start in range(0, len(data), step):
            if self.over:
                return
            piece = data if step == len(data) else data[start : start + step]
            try:
                self.parser.feed_data(piece)
                if self.head >= 0:
                    self.head += len(piece)
                    if self.head > MAX_HEAD:
                        self.refuse_later(LONG_HEAD, f"a head may have {MAX_HEAD} bytes")
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self.refuse_later(BAD_REQUEST, "not an HTTP/1.1 request")
            if self.refused:
                self.refuse(self.refused)

    def on_message_begin(self) -> None:
        """A head begins."""
        self.head = 0
        self.body: list[bytes] = []
        self.size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of it."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.transport.write(CONTINUE)
        elif name == b"connection" and self.parser.get_http_version() != "1.1":
            self.close = CLOSE  # an older client asks for keep-alive, and would wait for an answer that grants it

    def on_headers_complete(self) -> None:
        """It is complete."""
        self.head = -1

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self.body.append(body)
        self.size += len(body)
        if self.size > MAX_BODY:
            self.refuse_later(TOO_LARGE, f"a body may have {MAX_BODY} bytes")

    def on_message_complete(self) -> None:
        """Answer a request."""
        if self.refused or self.over:
            return
        self.respond(b"".join(self.body), self.close if self.parser.should_keep_alive() else CLOSE)

    def refuse_later(self, status: bytes, why: str) -> None:
        """Refuse what comes, once the parser has returned."""
        self.refused = self.refused or Refused(status, why)
        self.body = []


if __name__ == "__main__":
    command("httptools", partial(listen, Connection))()
