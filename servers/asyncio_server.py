"""Layer `asyncio`: a stream server on uvloop, the lowest of the ladder.

It adds what any Python server needs: a socket, an event loop, a coroutine a connection, and just enough HTTP/1.1 to
frame a request by its Content-Length. It leaves out routing (every path and method reaches the endpoint), chunked
bodies (501), headers as objects, and the other conveniences that the layers above are made of.
"""

import asyncio
import contextlib
import re
import sys

import click
import uvloop

from share import MAX_BODY, MAX_HEAD, REFUSED, endpoint, refusal

METHOD, TARGET, NAME, VALUE = rb"[A-Z]+", rb"[!-~]+", rb"[!#-'*+.^_`|~0-9A-Za-z-]+", rb"[\t -~\x80-\xff]*+\r\n"

# The head that nearly every request has, in one pass: one Content-Length, and no other field that frames a request.
# Fields are told apart by their first letters, so that no byte is looked at twice; a head that does not match is
# not refused, it goes through `frame`.
INERT = rb"(?:[!#-'*+.^_`|~0-9ABDF-SU-Zabdf-su-z-]%b:%b|[Cc]ontent-[Tt]%b:%b)*+" % (
    NAME.replace(b"]+", b"]*+"), VALUE, NAME.replace(b"]+", b"]*+"), VALUE,
)  # fmt: skip
ORDINARY = re.compile(
    rb"%b %b HTTP/1\.1\r\n%b[Cc]ontent-[Ll]ength: ?([0-9]{1,7})\r\n%b\r\n" % (METHOD, TARGET, INERT, INERT)
)

# A whole head or nothing: a parser that forgives frames a request otherwise than its peer does.
HEAD = re.compile(rb"%b %b HTTP/1\.([01])\r\n(?:%b:%b)*+\r\n" % (METHOD, TARGET, NAME, VALUE))
FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding|connection|expect):([^\r]*)", re.IGNORECASE)
BEGINNING = re.compile(rb"[A-Z]{1,32}(?: [!-~]*(?: [HTP/1.0]{0,8}(?:\r(?:\n.*)?)?)?)?", re.DOTALL)

OK, BAD_REQUEST, LENGTH_REQUIRED, TOO_LARGE = (
    b"200 OK",
    b"400 Bad Request",
    b"411 Length Required",
    b"413 Content Too Large",
)
LONG_HEAD, NOT_IMPLEMENTED = b"431 Request Header Fields Too Large", b"501 Not Implemented"
CLOSE = b"connection: close\r\n"
LINGER = 1.0  # seconds that a refused client has to read why, before the connection is cut


class Refused(Exception):  # noqa: N818 (it is an answer, not an error)
    """A request that cannot be framed: (status, why). It is answered, and the connection is closed."""


async def whole_head(data: bytes, reader: asyncio.StreamReader) -> bytes:
    """Read on until `data` holds a complete head, and perhaps more."""
    while b"\r\n\r\n" not in data[:MAX_HEAD]:
        if len(data) >= MAX_HEAD:
            raise Refused(LONG_HEAD, f"a head may have {MAX_HEAD} bytes")
        if not BEGINNING.fullmatch(data) or not (chunk := await reader.read(MAX_HEAD)):
            raise Refused(BAD_REQUEST, "not an HTTP/1.1 request")
        data += chunk
    return data


def frame(head: bytes) -> tuple[int, bytes, bool]:
    """Read a complete head: (bytes of body that follow, CLOSE or nothing, whether to say 100 Continue)."""
    if not (match := HEAD.fullmatch(head)):
        raise Refused(BAD_REQUEST, "not an HTTP/1.1 request")
    length, close, expects = -1, CLOSE if match[1] == b"0" else b"", False
    for name, value in FRAMING.findall(head):
        value = value.strip(b" \t")
        match name.lower():
            case b"content-length":
                if length >= 0 or not value.isdigit() or len(value) > 19:
                    raise Refused(BAD_REQUEST, "Content-Length must be one whole number")
                length = int(value)
            case b"connection":
                if b"close" in [token.strip() for token in value.lower().split(b",")]:
                    close = CLOSE
            case b"expect":
                expects = value.lower() == b"100-continue"
            case _:
                raise Refused(NOT_IMPLEMENTED, "Transfer-Encoding is not spoken here: send a Content-Length")
    if length < 0:
        raise Refused(LENGTH_REQUIRED, "a Content-Length is needed")
    if length > MAX_BODY:
        raise Refused(TOO_LARGE, f"a body may have {MAX_BODY} bytes")
    return length, close, expects


def answer(status: bytes, body: bytes, close: bytes) -> bytes:
    """One response as it goes over the wire."""
    head = b"HTTP/1.1 %b\r\ncontent-length: %d\r\ncontent-type: application/json\r\n%b\r\n%b"
    return head % (status, len(body), close, body)


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, in order, until either side closes it."""
    transport, data, close, expects = writer.transport, b"", b"", False
    while not close:
        if not data and not (data := await reader.read(MAX_HEAD)):
            return
        if head := ORDINARY.match(data):
            start, length = head.end(), int(head[1])
        else:
            data = await whole_head(data, reader)
            start = data.index(b"\r\n\r\n") + 4
            length, close, expects = frame(data[:start])
        end = start + length
        body = data[start:end]
        if len(body) < length:
            if expects:
                transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body += await reader.readexactly(length - len(body))
        data = data[end:]
        try:
            transport.write(answer(OK, endpoint(body), close))
        except REFUSED as why:
            transport.write(answer(BAD_REQUEST, refusal(why), close))
        if transport.get_write_buffer_size() > MAX_HEAD:
            await writer.drain()  # a client that stops reading is no longer read


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, whatever its client does."""
    try:
        await converse(reader, writer)
    except Refused as refused:
        status, why = refused.args
        writer.write(answer(status, refusal(why), CLOSE))
        await linger(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client vanished: nobody is left to answer
    finally:
        writer.close()


async def linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take what a refused client still sends: closing with bytes unread would reset the connection under the answer."""
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(LINGER):
            writer.write_eof()
            while await reader.read(MAX_HEAD):
                pass


async def listen(host: str, port: int) -> None:
    """Serve until cancelled."""
    async with await asyncio.start_server(serve, host, port, backlog=2048) as server:
        await server.serve_forever()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
def main(host: str, port: int) -> None:
    """Serve the User request from an asyncio stream."""
    try:
        uvloop.run(listen(host, port))
    except OSError as error:
        sys.exit(f"asyncio: cannot listen on {host}:{port}: {error}")


if __name__ == "__main__":
    main()
