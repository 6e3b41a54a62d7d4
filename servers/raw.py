"""What the servers without uvicorn share: a connection that answers and closes, and their command line."""

import asyncio
import multiprocessing
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import click
import uvloop

from servers.framing import BAD_REQUEST, CLOSE, OK, Refused, answer
from share import LINGER, REFUSED, endpoint, refusal

BACKLOG = 2048


class Connection(asyncio.Protocol):
    """One connection: how incoming bytes are handled is up to the layer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one that writes
        """Set up the connection."""
        self.transport = transport
        self.over = False

    def respond(self, body: bytes, close: bytes) -> None:
        """Answer one request."""
        try:
            self.transport.write(answer(OK, endpoint(body), close))
        except REFUSED as why:
            self.transport.write(answer(BAD_REQUEST, refusal(why), close))
        if close:
            self.hang_up()

    def refuse(self, refused: Refused) -> None:
        """Say why the request is refused, and hang up."""
        status, why = refused.args
        self.transport.write(answer(status, refusal(why), CLOSE))
        self.hang_up()

    def hang_up(self) -> None:
        """Close, but keep reading for a moment: unread bytes would reset the connection and lose the answer."""
        self.over = True
        self.transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER, self.transport.close)

    def pause_writing(self) -> None:
        """Stop reading from a client that stops reading answers."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read from the client again."""
        self.transport.resume_reading()


async def listen(connection: type[Connection], host: str, port: int, reuse_port: bool) -> None:
    """Serve until cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, host, port, backlog=BACKLOG, reuse_port=reuse_port)
    async with server:
        await server.serve_forever()


def command(name: str, serve: Callable[[str, int, bool], Coroutine[Any, Any, None]]) -> click.Command:
    """The command line of a server; `serve` takes host, port, and whether to share the port with other processes."""

    @click.command(help=f"Serve the User request: the layer {name}.")
    @click.option("--host", default="127.0.0.1", show_default=True)
    @click.option("--port", default=8000, show_default=True)
    @click.option("--workers", default=1, show_default=True, help="Processes that share the port (SO_REUSEPORT).")
    def main(host: str, port: int, workers: int) -> None:
        def work() -> None:
            try:
                uvloop.run(serve(host, port, workers > 1))
            except OSError as error:
                sys.exit(f"{name}: cannot listen on {host}:{port}: {error}")

        others = [multiprocessing.get_context("fork").Process(target=work, daemon=True) for _ in range(workers - 1)]
        for each in others:
            each.start()
        if others:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # exiting ends the other processes as well
        work()

    return main
