"""Check a running server against its contract, over a socket."""

import contextlib
import functools
import io
import re
import socket

import msgspec

from bench.data.contract import Contract
from bench.data.errors import BadInput, Broken
from bench.data.layers import Layer
from bench.host.http import Answer, read_answer, receive

TIMEOUT = 5.0  # seconds that a layer has to answer
ALIKE = {
    "bytes": "",
    "dated": ", with Date and Server headers or without",
    "json": ", or an answer that is equal as JSON",
}
STAMPS = re.compile(rb"\r\n(?:date|server):[^\r\n]*", re.IGNORECASE)


def is_closed(stream: socket.socket) -> bool:
    """Whether the server closes the connection; anything it still sends before that is read and ignored."""
    try:
        while stream.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def ask(host: str, port: int, request: bytes) -> Answer:
    """Send one request on a new connection; raises OSError if there is no server."""
    with socket.create_connection((host, port), TIMEOUT) as stream:
        stream.sendall(request)
        return receive(stream)


def check_user(contract: Contract, layer: Layer, host: str, port: int) -> Answer:
    """Check a server's answer to the User request only; raises Broken, or OSError if there is no server."""
    answer = ask(host, port, contract.user.wire())
    if not answer.raw:
        raise ConnectionError("the connection was closed without an answer")
    if not accepts(contract, layer, answer):
        like = ALIKE[layer.answer]
        asked = f"the request of {contract.file}" if contract.file else "the User request"
        raise Broken(f"{asked} was answered {_short(answer.raw)}, expected {contract.user.answer!r}{like}")
    return answer


def accepts(contract: Contract, layer: Layer, answer: Answer) -> bool:
    """Whether this is what the layer must answer to the User request: byte for byte, or as its entry says."""
    expected = contract.user.answer.encode()
    if layer.answer == "dated":
        head, gap, body = answer.raw.partition(b"\r\n\r\n")
        return STAMPS.sub(b"", head) + gap + body == expected
    if layer.answer == "bytes" or answer.raw == expected:
        return answer.raw == expected
    wanted = _parsed(expected)
    return answer.status == wanted.status and _json(answer.body) == _json(wanted.body)


@functools.cache
def _parsed(raw: bytes) -> Answer:
    return read_answer(io.BytesIO(raw))


def _json(body: bytes) -> object:
    """The value of a JSON body, or else the body itself."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body


def check(contract: Contract, layer: Layer, host: str, port: int) -> list[str]:
    """Check a server against the whole contract.

    Returns a sentence for each violation, or an empty list; raises BadInput if a layer `differs` in an unknown case.
    """
    if unknown := layer.differs.keys() - contract.cases.keys():
        raise BadInput(
            f"layers.toml: [layers.{layer.name}] `differs` lists {unknown.pop()!r}: contract.toml has no such case"
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


def _short(raw: bytes) -> str:
    return repr(raw[:200].decode("latin-1")) if raw else "nothing"
