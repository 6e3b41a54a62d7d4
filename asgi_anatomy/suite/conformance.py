"""A running server, over a socket -> whether it answers as its contract says.

A response is read by http.client, which says where it ends; what was read is kept, since most answers must match byte
for byte.
"""

import contextlib
import functools
import gzip
import hashlib
import io
import re
import socket
import time
import zlib
from collections.abc import Buffer
from http.client import HTTPException, HTTPResponse
from typing import BinaryIO

import msgspec

from asgi_anatomy.errors import BadInput, Broken
from asgi_anatomy.suite.contract import Asked, Contract
from asgi_anatomy.suite.layers import Layer

ANY = range(100, 600)  # the statuses of whole answers
GZIP = b"\x1f\x8b"
TIMEOUT = 5.0  # seconds that a layer has for a whole answer
LONGEST = 128 * 2**20  # bytes that are read of an answer, with the informational heads before it
ALIKE = {
    "bytes": "",
    "dated": ", with Date and Server headers or without",
    "json": ", or an answer that is equal as JSON",
}
STAMPS = re.compile(rb"\r\n(?:date|server):[^\r\n]*", re.IGNORECASE)


class Answer(msgspec.Struct, frozen=True):
    """One response. Its status is 0 if it is not a complete HTTP/1 response."""

    status: int
    raw: bytes
    body: bytes = b""
    """What follows the head, with chunks joined."""
    closes: bool = False
    """Whether the server announces that it will close the connection."""
    seconds: float = 0.0
    """From sending the request to the end of the answer, where that was timed."""


class _Wire:
    """A stream for http.client that keeps what was read, except the head of a `100 Continue`."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.raw = bytearray()
        self.size = 0

    def makefile(self, _mode: str) -> "_Wire":
        """Itself: http.client calls this as it would on a socket."""
        return self

    def readline(self, limit: int) -> bytes:
        """A line of a head, or the size of a chunk."""
        line = self.file.readline(limit)
        if line.startswith(b"HTTP/"):
            self.raw.clear()
        return self._keep(line)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes of a body, or everything until the connection is closed."""
        pieces, missing = [], size
        while missing and (piece := self.file.read(min(missing, 1 << 20) if size >= 0 else 1 << 20)):
            pieces.append(self._keep(piece))
            missing -= len(piece) if size >= 0 else 0
        return b"".join(pieces)

    def _keep(self, data: bytes) -> bytes:
        self.raw += data
        self.size += len(data)
        if self.size > LONGEST:
            raise Broken(f"an answer is longer than {LONGEST >> 20} MiB, or does not end: {_short(self.raw)}")
        return data

    def flush(self) -> None:
        """Do nothing: nothing is written."""

    def close(self) -> None:
        """Do nothing: the connection belongs to the caller."""


class _Timed(io.RawIOBase):
    """Reads from a connection until a deadline: a server that sends a byte now and then would never time out."""

    def __init__(self, stream: socket.socket, seconds: float) -> None:
        self.stream = stream
        self.deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        """As io.RawIOBase wants it."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Read what there is; raises TimeoutError."""
        if (left := self.deadline - time.monotonic()) <= 0:
            raise TimeoutError("timed out")
        self.stream.settimeout(left)
        return self.stream.recv_into(buffer)


def read_answer(file: BinaryIO) -> Answer:
    """Read exactly one response from an unbuffered stream; raises TimeoutError, or Broken if it is too long."""
    wire = _Wire(file)
    with contextlib.suppress(HTTPException, ConnectionError, ValueError):
        response = HTTPResponse(wire)  # type: ignore[arg-type]  # it needs no more of a socket than this
        response.begin()
        closes = response.will_close
        body = response.read()
        return Answer(response.status, bytes(wire.raw), body, closes)
    return Answer(0, bytes(wire.raw))


def receive(stream: socket.socket) -> Answer:
    """Read one response from a connection, all of it within its timeout; raises TimeoutError, or Broken."""
    seconds = stream.gettimeout()
    file = _Timed(stream, TIMEOUT if seconds is None else seconds)
    try:
        return read_answer(file)  # type: ignore[arg-type]  # it reads like a file
    finally:
        stream.settimeout(seconds)


def is_closed(stream: socket.socket) -> bool:
    """Whether the server closes the connection; anything it still sends before that is read and ignored."""
    file = _Timed(stream, stream.gettimeout() or TIMEOUT)
    try:
        with contextlib.suppress(ConnectionError):
            while file.read(65536):
                pass
    except TimeoutError:
        return False
    return True


def ask(host: str, port: int, request: bytes, seconds: float | None = None) -> Answer:
    """Send one request on a new connection; raises OSError if there is no server, TimeoutError if it is silent."""
    with socket.create_connection((host, port), seconds or TIMEOUT) as stream:
        begin = time.perf_counter()
        stream.sendall(request)
        return msgspec.structs.replace(receive(stream), seconds=time.perf_counter() - begin)


def check_asked(contract: Contract, layer: Layer, host: str, port: int, seconds: float | None = None) -> list[Answer]:
    """Check a server's answer to each request of its workload, each within so many seconds, by default TIMEOUT.

    Raises Broken, OSError if there is no server, or TimeoutError.
    """
    return [_check(contract, layer, asked, host, port, seconds) for asked in contract.asked]


def _check(
    contract: Contract, layer: Layer, asked: Asked, host: str, port: int, seconds: float | None = None
) -> Answer:
    answer = ask(host, port, asked.wire(), seconds)
    if not answer.raw:
        raise ConnectionError("the connection was closed without an answer")
    if not answers(contract, layer, asked, answer):
        value = f" (its value has the SHA-256 {_digest(answer.body)})" if asked.sha256 else ""
        what = f"{_name(contract, asked)} was answered {_short(answer.raw)}{value}"
        raise Broken(f"{what}, expected {_wanted(layer, asked)}")
    return answer


def _name(contract: Contract, asked: Asked) -> str:
    """What a request is called where its answer is wrong."""
    if asked.case:
        return f"the case {asked.case}"
    if len(contract.asked) > 1:
        number = contract.asked.index(asked) + 1
        return f"request {number} of {contract.file or f'the workload {contract.workload.name}'}"
    if contract.file:
        return f"the request of {contract.file}"
    return f"the request of the workload {contract.workload.name}" if contract.workload.asked else "the User request"


def _wanted(layer: Layer, asked: Asked) -> str:
    """What a layer must answer, in words."""
    whole = asked.request.answer
    if asked.sha256:
        return f"an answer whose value has the SHA-256 {asked.sha256[:16]}..."
    if part := asked.contains or asked.matches:
        return f"{asked.status} with a body that {'contains' if asked.contains else 'matches'} {part[:200]!r}"
    if asked.case or not whole:
        return str(asked.expected(layer) or "a whole answer")
    like = ALIKE[layer.answer]
    return (repr(whole) if len(whole) < 1000 else f"{whole[:200]!r} ... ({len(whole)} bytes)") + like


def answers(contract: Contract, layer: Layer, asked: Asked, answer: Answer) -> bool:
    """Whether this is what the layer must answer to a request of its workload."""
    if asked.sha256:
        return answer.status == asked.status and _digest(answer.body) == asked.sha256
    if asked.contains or asked.matches:
        body = answer.body.decode(errors="replace")
        pattern = re.fullmatch(asked.matches, body, re.DOTALL) if asked.matches else True
        return answer.status == asked.status and asked.contains in body and bool(pattern)
    if asked.case or not asked.request.answer:
        expected = asked.expected(layer)
        if not (asked.case and expected == asked.status == 200 and layer.answer == "bytes"):
            return answer.status in ([expected] if expected else ANY)
    whole = asked.request.answer or contract.user.answer
    return _is(whole.encode(), layer, answer, exactly=not asked.close)


def accepts(contract: Contract, layer: Layer, answer: Answer) -> bool:
    """Whether this is what the layer must answer to the User request: byte for byte, or as its entry says."""
    return _is(contract.user.answer.encode(), layer, answer)


def _is(expected: bytes, layer: Layer, answer: Answer, exactly: bool = True) -> bool:
    """Whether an answer is the expected one; `exactly` False: equal as JSON is enough for a layer of any kind."""
    if answer.raw == expected:
        return True
    if layer.answer == "dated" and exactly:
        head, gap, body = answer.raw.partition(b"\r\n\r\n")
        return STAMPS.sub(b"", head) + gap + body == expected
    if layer.answer == "bytes" and exactly:
        return False
    wanted = _parsed(expected)
    return answer.status == wanted.status and _json(answer.body) == _json(wanted.body)


@functools.lru_cache(maxsize=16)
def _parsed(raw: bytes) -> Answer:
    return read_answer(io.BytesIO(raw))


def _digest(body: bytes) -> str:
    """SHA-256 of the value of a body as JSON, in one spelling; of the body itself if it is not JSON."""
    with contextlib.suppress(OSError, EOFError, zlib.error):
        body = gzip.decompress(body) if body.startswith(GZIP) else body
    value = _json(body)
    spelled = value if isinstance(value, bytes) else msgspec.json.encode(value, order="sorted")
    return hashlib.sha256(spelled).hexdigest()


def _json(body: bytes) -> object:
    """The value of a JSON body, or else the body itself."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body


def check(contract: Contract, layer: Layer, host: str, port: int) -> list[str]:
    """Check a server against the whole contract.

    Returns a sentence for each violation, or an empty list; raises BadInput if a layer `differs` in an unknown case.
    """
    if unknown := layer.differs.keys() - contract.cases.keys():
        raise BadInput(
            f"layers.toml: [layers.{layer.name}] `differs` lists {unknown.pop()!r}: contract.toml has no such case"
        )
    violations = []
    try:
        first = Asked(request=contract.user) if contract.cases else contract.asked[0]
        _check(contract, layer, first, host, port)
    except (Broken, OSError) as error:
        violations.append(str(error))
    for name, case in contract.cases.items():
        try:
            violation = _check_case(contract, layer, name, host, port)
        except (Broken, OSError) as error:
            violation = str(error) or type(error).__name__
        if violation:
            violations.append(f"{name} ({case.about}): {violation}")
    return violations


def _check_case(contract: Contract, layer: Layer, name: str, host: str, port: int) -> str:
    """How a layer violates one case, or an empty string."""
    case = contract.cases[name]
    expected = layer.differs.get(name, case.status)
    if layer.differs.get(name) == 0:
        return ""
    with socket.create_connection((host, port), TIMEOUT) as stream:
        with contextlib.suppress(ConnectionError):  # refused before everything was sent: there may still be an answer
            stream.sendall(case.wire(contract.user))
        answer = receive(stream)
        if expected in (0, 501):
            if not (400 <= answer.status < 500 or answer.status == 501):
                return f"answered {_short(answer.raw)}, expected a 4xx or 501"
            return "" if is_closed(stream) else "the connection was left open"
        if answer.status != expected:
            return f"answered {_short(answer.raw)}, expected {expected}"
        lenient = layer.answer == "json"
        if case.refused or expected >= 500 or (lenient and answer.closes):  # after a 500 it may close
            return ""
        same = case.status == 200 or not lenient  # a layer that validates nothing returns the wrong User
        if expected == 200 and same and not accepts(contract, layer, answer):
            return f"answered {_short(answer.raw)}, expected the User"
        stream.sendall(contract.user.wire())
        after = receive(stream)
        return "" if after.status == 200 else f"the next request was answered {_short(after.raw)}"


def _short(raw: bytes | bytearray) -> str:
    return repr(raw[:200].decode("latin-1")) if raw else "nothing"
