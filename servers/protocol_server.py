"""Layer `protocol`: an asyncio.Protocol on uvloop, framed by hand.

It has the least that a server on an event loop can have: a callback for the bytes that came, and the framing of the
layer `asyncio`. It leaves out what a stream adds: a coroutine and a task for each connection, a reader and its buffer.
"""

import asyncio
import sys

import click
import uvloop

from servers.framing import BAD_REQUEST, CLOSE, CONTINUE, LINGER, OK, ORDINARY, Refused, answer, frame, head_end
from share import MAX_HEAD, REFUSED, endpoint, refusal


class Connection(asyncio.Protocol):
    """One connection: bytes in, answers out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one that writes
        """Begin."""
        self.transport = transport
        self.head = b""  # of a head that is not complete
        self.body = bytearray()
        self.missing = 0  # bytes of a body that is not complete
        self.close = b""
        self.over = False

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        try:
            while data and not self.over:
                data = self.more_body(data) if self.missing else self.request(data)
        except Refused as refused:
            status, why = refused.args
            self.transport.write(answer(status, refusal(why), CLOSE))
            self.hang_up()

    def request(self, data: bytes) -> bytes:
        """Take a request from its beginning; returns what follows it."""
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
            self.respond(data[start:end])
        else:
            self.body += data[start:]
            self.missing = end - len(data)
            if expects:
                self.transport.write(CONTINUE)
        return data[end:]

    def more_body(self, data: bytes) -> bytes:
        """Take the rest of a body, or some of it; returns what follows it."""
        more = data[: self.missing]
        self.body += more
        self.missing -= len(more)
        if not self.missing:
            body, self.body = bytes(self.body), bytearray()
            self.respond(body)
        return data[len(more) :]

    def respond(self, body: bytes) -> None:
        """Answer one request."""
        try:
            self.transport.write(answer(OK, endpoint(body), self.close))
        except REFUSED as why:
            self.transport.write(answer(BAD_REQUEST, refusal(why), self.close))
        if self.close:
            self.hang_up()

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
    """Serve the User request from an asyncio.Protocol."""
    try:
        uvloop.run(listen(host, port))
    except OSError as error:
        sys.exit(f"protocol: cannot listen on {host}:{port}: {error}")


if __name__ == "__main__":
    main()
