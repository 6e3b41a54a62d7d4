"""Layer `httptools`: an asyncio.Protocol whose requests are parsed by httptools, on the layer `protocol`.

It adds a complete HTTP/1.1 parser, in C, which calls back into Python for each part of a request; with it chunked
bodies. It leaves out what uvicorn makes of those parts: headers and a scope, a task a request, timeouts.
"""

import asyncio
import sys

import click
import httptools
import uvloop

from servers.framing import BAD_REQUEST, CLOSE, CONTINUE, LINGER, LONG_HEAD, OK, TOO_LARGE, Refused, answer
from share import MAX_BODY, MAX_HEAD, REFUSED, endpoint, refusal

STEP = 4096  # bytes to parse at a time of a long read: how far past a limit a head can go unseen


class Connection(asyncio.Protocol):
    """One connection: bytes in, answers out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one that writes
        """Begin."""
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.head = -1  # bytes of a head that is not complete, or -1 between heads
        self.refused: Refused | None = None
        self.over = False

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
                        self.refuse(LONG_HEAD, f"a head may have {MAX_HEAD} bytes")
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self.refuse(BAD_REQUEST, "not an HTTP/1.1 request")
            if self.refused:
                status, why = self.refused.args
                self.transport.write(answer(status, refusal(why), CLOSE))
                self.hang_up()

    def on_message_begin(self) -> None:
        """A head begins."""
        self.head = 0
        self.body: list[bytes] = []
        self.size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of it."""
        if name.lower() == b"expect" and value.lower() == b"100-continue":
            self.transport.write(CONTINUE)

    def on_headers_complete(self) -> None:
        """It is complete."""
        self.head = -1

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self.body.append(body)
        self.size += len(body)
        if self.size > MAX_BODY:
            self.refuse(TOO_LARGE, f"a body may have {MAX_BODY} bytes")

    def on_message_complete(self) -> None:
        """Answer a request."""
        if self.refused or self.over:
            return
        close = b"" if self.parser.should_keep_alive() else CLOSE
        try:
            self.transport.write(answer(OK, endpoint(b"".join(self.body)), close))
        except REFUSED as why:
            self.transport.write(answer(BAD_REQUEST, refusal(why), close))
        if close:
            self.hang_up()

    def refuse(self, status: bytes, why: str) -> None:
        """Refuse what comes, once the parser has returned."""
        self.refused = self.refused or Refused(status, why)
        self.body = []

    def hang_up(self) -> None:
        """Close, but go on reading for a moment: unread bytes would reset the connection under the answer."""
        self.over = True
        self.transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER, self.transport.close)

    def pause_writing(self) -> None:
        """A client that stops reading is no longer read."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self.transport.resume_reading()


async def listen(host: str, port: int) -> None:
    """Serve until cancelled."""
    server = await asyncio.get_running_loop().create_server(Connection, host, port, backlog=2048)
    async with server:
        await server.serve_forever()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
def main(host: str, port: int) -> None:
    """Serve the User request from an asyncio.Protocol and httptools."""
    try:
        uvloop.run(listen(host, port))
    except OSError as error:
        sys.exit(f"httptools: cannot listen on {host}:{port}: {error}")


if __name__ == "__main__":
    main()
