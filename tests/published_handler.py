"""The published asyncio handler, rebuilt from what is known of it: a read is a request, and is split on line ends."""

import asyncio
import sys

import uvloop

from share import endpoint


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whatever comes, as long as it comes in one piece."""
    while data := await reader.read(65536):
        *_, body = data.split(b"\r\n")
        answer = endpoint(body)
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n"
        writer.write(head % len(answer) + answer)
        await writer.drain()
    writer.close()


async def listen(port: int) -> None:
    """Serve until cancelled."""
    async with await asyncio.start_server(handle, "127.0.0.1", port) as server:
        await server.serve_forever()


uvloop.run(listen(int(sys.argv[1])))
