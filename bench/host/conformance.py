"""What every layer must answer, and to which bad input it must say what. The cases are contract.toml."""

import contextlib
import hashlib
import io
import re
import socket
from http.client import HTTPException, HTTPResponse
from pathlib import Path

import msgspec

from bench.data.errors import BadInput, Broken
from bench.data.layers import ROOT, Layer
from bench.data.toml import convert, read_toml

FILE = ROOT / "contract.toml"
TIMEOUT = 5.0  # seconds that a layer has for one answer
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request, such as that of contract.toml for the User, and its answer to the byte."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str
    answer: str

    def wire(self) -> bytes:
        """The request as it goes over the wire."""
        return compose(self, length=bool(self.body))


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The User request with something changed, and what a layer answers to it."""

    about: str
    method: str | None = None
    path: str | None = None
    headers: list[tuple[str, str]] | None = None
    body: str | None = None
    length: bool = True
    pad: int = 0
    raw: str | None = None
    status: int = 0
    refused: bool = False
    gets: str = ""

    def wire(self, user: Request) -> bytes:
        """The changed request as it goes over the wire."""
        if self.raw is not None:
            return self.raw.encode("latin-1")
        changes = {key: getattr(self, key) for key in ("method", "path", "headers", "body")}
        request = msgspec.structs.replace(user, **{key: value for key, value in changes.items() if value is not None})
        return compose(request, self.length, self.pad)


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of contract.toml."""

    user: Request
    cases: dict[str, Case]
    asks: str = "the User request"
    """What `user` is called in a sentence."""

    def digest(self) -> str:
        """SHA-256 of what is asked and answered; the prose about it may change."""
        cases = {name: (case.wire(self.user), case.status, case.refused) for name, case in self.cases.items()}
        return hashlib.sha256(msgspec.json.encode([self.user, cases], order="sorted")).hexdigest()


class Answer(msgspec.Struct, frozen=True):
    """One response: its status and its bytes."""

    status: int
    raw: bytes

    @property
    def body(self) -> bytes:
        """What follows the head, with its chunks joined; what cannot be read is left out."""
        with contextlib.suppress(HTTPException, ValueError):
            response = HTTPResponse(_Wire(self.raw))  # type: ignore[arg-type]  # of a socket it wants no more than this
            response.begin()
            return response.read()
        return b""


class _Wire:
    """Bytes as http.client reads them from a socket."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def makefile(self, _mode: str) -> io.BytesIO:
        """A file to read them from."""
        return io.BytesIO(self.raw)


def compose(request: Request, length: bool, pad: int = 0) -> bytes:
    """A request as bytes, with a Content-Length unless its headers frame it already."""
    headers = list(request.headers)
    body = request.body.encode()
    if length and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
        headers.append(("Content-Length", str(len(body))))
    if pad:
        headers.append(("X-Pad", "x" * pad))
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_contract(path: Path = FILE) -> Contract:
    """Read contract.toml; raises BadInput that names the file and the key."""
    return convert(read_toml(path), Contract, path.name)


def read_answer(stream: socket.socket) -> Answer:
    """Read one response, however it is framed; status 0 where the server closed before it was whole."""
    data, head, until_closed, status = b"", b"", False, 0
    while True:
        if (end := data.find(b"\r\n\r\n") + 4) >= 4:
            head = data[:end]
            line, length = STATUS.match(head), LENGTH.search(head)
            status = int(line[1]) if line else 0
            if status == 100:
                data = data[end:]
                continue
            if CHUNKED.search(head) and not length:
                if data.endswith(b"\r\n0\r\n\r\n"):
                    return Answer(status, data)
            elif not length and CLOSES.search(head):
                until_closed = True
            elif len(data) >= (size := end + (int(length[1]) if length else 0)):
                return Answer(status, data[:size])
        try:
            chunk = stream.recv(65536)
        except ConnectionError:
            chunk = b""
        if not chunk:
            return Answer(status if until_closed else 0, data)
        data += chunk


def is_closed(stream: socket.socket) -> bool:
    """Whether the server ends the connection; what it still answers before that is read and left."""
    try:
        while stream.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def ask(host: str, port: int, request: bytes) -> Answer:
    """Send one request on a connection of its own; raises OSError where there is no server."""
    with socket.create_connection((host, port), TIMEOUT) as stream:
        stream.sendall(request)
        return read_answer(stream)


def check_user(contract: Contract, layer: Layer, host: str, port: int) -> Answer:
    """Hold a server to the User request alone; raises Broken, or OSError where there is none."""
    answer = ask(host, port, contract.user.wire())
    if not answer.raw:
        raise ConnectionError("the connection was closed without an answer")
    if not accepts(contract, layer, answer):
        like = "" if layer.answer == "bytes" else ", or what is equal as JSON"
        raise Broken(f"{contract.asks} was answered {_short(answer.raw)}, expected {contract.user.answer!r}{like}")
    return answer


def accepts(contract: Contract, layer: Layer, answer: Answer) -> bool:
    """Whether this is what the layer has to answer to the User request: to the byte, or equal as JSON."""
    expected = contract.user.answer.encode()
    if layer.answer == "bytes" or answer.raw == expected:
        return answer.raw == expected
    wanted = Answer(int(expected[9:12]), expected)
    return answer.status == wanted.status and _json(answer.body) == _json(wanted.body)


def _json(body: bytes) -> object:
    """What a body says, if it is JSON, or else the body."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body


def check(contract: Contract, layer: Layer, host: str, port: int) -> list[str]:
    """Hold a server to the whole contract.

    Returns what it broke, a sentence each, or an empty list; raises BadInput where a layer differs in unknown cases.
    """
    if unknown := layer.differs.keys() - contract.cases.keys():
        raise BadInput(
            f"layers.toml: [layers.{layer.name}] differs in {unknown.pop()!r}: contract.toml has no such case"
        )
    broken = []
    try:
        check_user(contract, layer, host, port)
    except (Broken, OSError) as error:
        broken.append(str(error))
    for name, case in contract.cases.items():
        try:
            if fault := _check_case(contract, layer, name, host, port):
                broken.append(f"{name} ({case.about}): {fault}")
        except OSError as error:
            broken.append(f"{name} ({case.about}): {error or type(error).__name__}")
    return broken


def _check_case(contract: Contract, layer: Layer, name: str, host: str, port: int) -> str:
    """What a layer broke of one case, or nothing."""
    case = contract.cases[name]
    expected = layer.differs.get(name, case.status)
    if layer.differs.get(name) == 0:
        return ""
    with socket.create_connection((host, port), TIMEOUT) as stream:
        with contextlib.suppress(
            ConnectionError
        ):  # refused before it was all sent: the answer may be there all the same
            stream.sendall(case.wire(contract.user))
        answer = read_answer(stream)
        if expected in (0, 501):
            if not (400 <= answer.status < 500 or answer.status == 501):
                return f"answered {_short(answer.raw)}, expected a 4xx or 501"
            return "" if is_closed(stream) else "the connection was left open"
        if answer.status != expected:
            return f"answered {_short(answer.raw)}, expected {expected}"
        lenient = layer.answer == "json"
        if case.refused or expected >= 500 or (lenient and CLOSES.search(answer.raw)):  # after a 500 it may close
            return ""
        same = case.status == 200 or not lenient  # one that validates nothing hands a wrong User back
        if expected == 200 and same and not accepts(contract, layer, answer):
            return f"answered {_short(answer.raw)}, expected the User"
        stream.sendall(contract.user.wire())
        after = read_answer(stream)
        return "" if after.status == 200 else f"the next request was answered {_short(after.raw)}"


def _short(raw: bytes) -> str:
    return repr(raw[:200].decode("latin-1")) if raw else "nothing"


def differences(contract: Contract, layers: list[Layer]) -> list[list[str]]:
    """What each layer gives for its cost, as rows: the case, then each layer's status, then what it means."""
    rows = []
    for name, case in contract.cases.items():
        statuses = [str(layer.differs.get(name, case.status)) for layer in layers]
        if not case.refused and len(set(statuses)) > 1:
            rows.append([case.about, *statuses, case.gets])
    return rows
