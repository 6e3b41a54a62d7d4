"""Layer `asyncio`: a stream server on uvloop, the lowest of the default ladder.

It adds what any Python server needs: a socket, an event loop, a coroutine per connection, and just enough HTTP/1.1 to
frame a request by its Content-Length. It leaves out routing (every path and method reaches the endpoint), chunked
bodies (501), headers as objects, and the other conveniences that the layers above provide.
"""

import asyncio
import contextlib

from servers.framing import BAD_REQUEST, CLOSE, CONTINUE, OK, ORDINARY, Refused, answer, frame, head_end
from servers.raw import BACKLOG, command
from share import LINGER, MAX_HEAD, REFUSED, endpoint, refusal


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, in order, until either side closes it."""
    transport, data, close, expects = writer.transport, b"", b"", False
    while not close:
        if not data and not (data := await reader.read(MAX_HEAD)):
            return
        if head := ORDINARY.match(data):
            start, length = head.end(), int(head[1])
        else:
            while not (start := head_end(data)):
                if not (chunk := await reader.read(MAX_HEAD)):
                    raise Refused(BAD_REQUEST, "not a whole request")
                data += chunk
            length, close, expects = frame(data[:start])
        end = start + length
        body = data[start:end]
        if len(body) < length:
            if expects:
                transport.write(CONTINUE)
            body += await reader.readexactly(length - len(body))
        data = data[end:]
        try:
            transport.write(answer(OK, endpoint(body), close))
        except REFUSED as why:
            transport.write(answer(BAD_REQUEST, refusal(why), close))
        if transport.get_write_buffer_size() > MAX_HEAD:
            await writer.drain()  # stop reading from a client that stops reading answers


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection, whatever its client does."""
    try:
        await converse(reader, writer)
    except Refused as refused:
        status, why = refused.args
        writer.write(answer(status, refusal(why), CLOSE))
        await linger(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client is gone: there is nobody to answer
    finally:
        writer.close()


async def linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read what a refused client still sends: closing with unread bytes resets the connection, losing the answer."""
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(LINGER):
            writer.write_eof()
            while await reader.read(MAX_HEAD):
                pass


async def listen(host: str, port: int, reuse_port: bool = False) -> None:
    """Serve until cancelled."""
    async with await asyncio.start_server(serve, host, port, backlog=BACKLOG, reuse_port=reuse_port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    command("asyncio", listen)()
