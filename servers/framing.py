"""HTTP/1.1 for one request, framed by hand: what the layers `asyncio` and `protocol` share.

A request is framed by its Content-Length. One that cannot be framed safely raises Refused.
"""

import re

from share import MAX_BODY, MAX_HEAD

METHOD, TARGET, NAME, VALUE = rb"[A-Z]+", rb"[!-~]+", rb"[!#-'*+.^_`|~0-9A-Za-z-]+", rb"[\t -~\x80-\xff]*+\r\n"

# The head of nearly every request, in one pass: one Content-Length, and no other field that affects framing.
# Fields are distinguished by their first letters, so that no byte is examined twice. A head that does not match is
# not refused: it goes through `frame`.
INERT = rb"(?:[!#-'*+.^_`|~0-9ABDF-SU-Zabdf-su-z-]%b:%b|[Cc]ontent-[Tt]%b:%b)*+" % (
    NAME.replace(b"]+", b"]*+"), VALUE, NAME.replace(b"]+", b"]*+"), VALUE,
)  # fmt: skip
ORDINARY = re.compile(
    rb"%b %b HTTP/1\.1\r\n%b[Cc]ontent-[Ll]ength: ?([0-9]{1,7})\r\n%b\r\n" % (METHOD, TARGET, INERT, INERT)
)
"""A match is a whole head; its group is the Content-Length."""

# A complete, valid head or nothing: a lenient parser might frame a request differently from its peer.
HEAD = re.compile(rb"%b %b HTTP/1\.([01])\r\n(?:%b:%b)*+\r\n" % (METHOD, TARGET, NAME, VALUE))
FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding|connection|expect):([^\r]*)", re.IGNORECASE)
BEGINNING = re.compile(rb"[A-Z]{1,32}(?: [!-~]*(?: [HTP/1.0]{0,8}(?:\r(?:\n.*)?)?)?)?", re.DOTALL)

OK, BAD_REQUEST, LENGTH_REQUIRED = b"200 OK", b"400 Bad Request", b"411 Length Required"
TOO_LARGE, LONG_HEAD = b"413 Content Too Large", b"431 Request Header Fields Too Large"
NOT_IMPLEMENTED = b"501 Not Implemented"
CLOSE, CONTINUE = b"connection: close\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"


class Refused(Exception):  # noqa: N818 (an answer, not an error)
    """A request that cannot be framed: (status, why). It is answered, and the connection is closed."""


def head_end(data: bytes) -> int:
    """Where a request's head ends, or 0 if it is not complete yet; raises Refused if it can never be valid."""
    if (end := data.find(b"\r\n\r\n", 0, MAX_HEAD)) >= 0:
        return end + 4
    if len(data) >= MAX_HEAD:
        raise Refused(LONG_HEAD, f"a head may have at most {MAX_HEAD} bytes")
    if data and not BEGINNING.fullmatch(data):
        raise Refused(BAD_REQUEST, "not an HTTP/1.1 request")
    return 0


def frame(head: bytes) -> tuple[int, bytes, bool]:
    """Parse a complete head: (bytes of body that follow, CLOSE or nothing, whether to send 100 Continue)."""
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
                raise Refused(NOT_IMPLEMENTED, "Transfer-Encoding is not supported: send a Content-Length")
    if length < 0:
        raise Refused(LENGTH_REQUIRED, "a Content-Length is required")
    if length > MAX_BODY:
        raise Refused(TOO_LARGE, f"a body may have at most {MAX_BODY} bytes")
    return length, close, expects


def answer(status: bytes, body: bytes, close: bytes) -> bytes:
    """One response, as sent over the wire."""
    head = b"HTTP/1.1 %b\r\ncontent-length: %d\r\ncontent-type: application/json\r\n%b\r\n%b"
    return head % (status, len(body), close, body)
