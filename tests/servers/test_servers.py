"""Every layer, running for real, against clients of every kind."""

import contextlib
import hashlib
import json
import socket
import string
import subprocess
import time
from collections.abc import Iterator

import msgspec
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from asgi_anatomy.errors import Broken
from asgi_anatomy.machine.server import Server
from asgi_anatomy.packages.environments import build, missing
from asgi_anatomy.suite.conformance import ask, check, check_asked, is_closed, receive
from asgi_anatomy.suite.contract import Asked, Contract, Request, compose, contract_of
from share import MAX_BODY, MAX_HEAD, User, endpoint
from tests.conftest import CATALOGUE, require

ANY = some.text(some.characters(codec="utf-8"))


@contextlib.contextmanager
def connection(server: Server, timeout: float = 10) -> Iterator[socket.socket]:
    with socket.create_connection((server.host, server.port), timeout) as stream:
        yield stream


def megabytes(server: Server) -> float:
    """Resident memory of the server's process, in MiB."""
    return float(psutil.Process(server.process.pid).memory_info().rss) / 2**20


@pytest.mark.parametrize("name", CATALOGUE.layers)
def test_contract_of_every_layer(name: str) -> None:
    layer = CATALOGUE.layers[name]
    contract = contract_of([layer])
    require(missing(layer))
    assert not build([layer], print)
    with Server(layer, contract) as server:
        assert check(contract, server.layer, server.host, server.port) == []


def test_all_answer_the_same_bytes(servers: dict[str, Server], contract: Contract) -> None:
    answers = {name: ask(server.host, server.port, contract.user.wire()).raw for name, server in servers.items()}
    assert set(answers.values()) == {contract.user.answer.encode()}, answers


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=some.integers(-(2**63), 2**64 - 1), name=ANY, email=ANY, spaced=some.booleans(), escape=some.booleans())
def test_all_answer_the_same_bytes_to_any_user(
    servers: dict[str, Server], contract: Contract, number: int, name: str, email: str, spaced: bool, escape: bool
) -> None:
    body = json.dumps({"email": email, "id": number, "name": name}, ensure_ascii=escape, indent=1 if spaced else None)
    request = compose(
        Request(method="POST", path="/", headers=contract.user.headers, body=body, answer=""), length=True
    )
    answers = {each: ask(server.host, server.port, request).raw for each, server in servers.items()}
    assert len(set(answers.values())) == 1, answers
    assert answers["asyncio"].endswith(endpoint(body.encode()))


def test_endpoint_makes_a_new_user() -> None:
    assert endpoint(b' {"email":"c", "name":"b", "id":1, "more":2}') == b'{"id":1,"name":"b","email":"c"}'
    assert [*User.__struct_fields__] == ["id", "name", "email"]


def test_a_request_in_many_pieces(server: Server, contract: Contract) -> None:
    with connection(server) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in contract.user.wire():
            stream.send(bytes([byte]))
            time.sleep(0.0005)
        assert receive(stream).raw == contract.user.answer.encode()


def test_several_requests_in_one_piece(server: Server, contract: Contract) -> None:
    with connection(server) as stream:
        stream.sendall(contract.user.wire() * 7 + contract.user.wire()[:50])
        expected = contract.user.answer.encode() * 7
        got = b""
        while len(got) < len(expected):
            got += stream.recv(65536)
        assert got == expected
        stream.sendall(contract.user.wire()[50:])
        assert receive(stream).raw == contract.user.answer.encode()


def test_a_body_of_1_mb(server: Server, contract: Contract) -> None:
    name = "x" * 1_000_000
    body = json.dumps({"id": 1, "name": name, "email": "e"}, separators=(",", ":"))
    wire = contract.user.wire().partition(b"\r\n\r\n")[0]
    wire = wire.replace(b"Content-Length: 56", b"Content-Length: %d" % len(body)) + b"\r\n\r\n" + body.encode()
    with connection(server) as stream:
        for _ in range(2):
            stream.sendall(wire)
            assert receive(stream).raw.partition(b"\r\n\r\n")[2] == body.encode()


@pytest.mark.parametrize("change", [bytes.lower, bytes.upper], ids=["lower", "upper"])
def test_header_names_in_any_case(server: Server, contract: Contract, change: object) -> None:
    assert callable(change)
    head, _, body = contract.user.wire().partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    changed = [change(name) + b":" + value for name, _, value in (field.partition(b":") for field in fields)]
    wire = b"\r\n".join([line, *changed, b"", body])
    assert ask(server.host, server.port, wire).raw == contract.user.answer.encode()


@pytest.mark.parametrize("value", ["close", "Close", "keep-alive, close"])
def test_connection_close(server: Server, contract: Contract, value: str) -> None:
    wire = contract.user.wire().replace(b"\r\n", f"\r\nConnection: {value}\r\n".encode(), 1)
    with connection(server) as stream:
        stream.sendall(wire)
        assert receive(stream).status == 200
        assert is_closed(stream) or value == "keep-alive, close"  # httptools looks for the one word only


def test_a_client_that_vanishes(server: Server, contract: Contract) -> None:
    for part in (0, 10, len(contract.user.wire()) - 5, None):
        with connection(server) as stream:
            stream.sendall(contract.user.wire()[:part])
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leave with a reset
    assert ask(server.host, server.port, contract.user.wire()).status == 200
    if server.layer.name in (
        "protocol",
        "asyncio",
        "uvicorn",
    ):  # Starlette raises ClientDisconnect, and uvicorn prints it
        assert not any("Traceback" in line for line in server.printed(50))


def test_expect_continue(server: Server, contract: Contract) -> None:
    head, _, body = contract.user.wire().partition(b"\r\n\r\n")
    with connection(server) as stream:
        stream.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert stream.recv(100).startswith(b"HTTP/1.1 100 ")
        stream.sendall(body)
        assert receive(stream).status == 200


@pytest.mark.parametrize("what", ["head", "body", "chunks", "extensions", "trailers", "trailer"])
def test_memory_is_bounded_whatever_a_client_sends(raw_server: Server, contract: Contract, what: str) -> None:
    server = raw_server
    opening, piece = {
        "head": (b"POST / HTTP/1.1\r\n", b"X-Some-Header: some value\r\n" * 4096),
        "body": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n", b"x" * 100_000),
        "chunks": (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"2\r\nxx\r\n",
        ),
        "extensions": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2", b";a=bcdefgh"),
        "trailers": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n"),
        "trailer": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: ", b"bcdefgh"),
    }[what]
    piece *= max(1, 100_000 // len(piece))
    before = megabytes(server)
    answer = b""
    with connection(server) as stream:
        stream.sendall(opening)
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                stream.sendall(piece)
        with contextlib.suppress(ConnectionError):
            answer = stream.recv(65536)
    assert megabytes(server) - before < 4 * MAX_BODY / 2**20
    assert not answer or answer[9:10] in b"45", answer
    assert ask(server.host, server.port, contract.user.wire()).status == 200


@pytest.mark.parametrize("framing", [b"2" + b";a=bcdefgh" * 30_000, b"0\r\n" + b"a: b\r\n" * 40_000])
def test_extensions_and_trailers_of_chunks_have_a_limit(raw_server: Server, framing: bytes) -> None:
    with connection(raw_server) as stream:
        with contextlib.suppress(ConnectionError):
            stream.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + framing)
        assert receive(stream).status in (431, 501)


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}" + b"garbage",
    ],
    ids=["h2c", "websocket", "connect", "after-close"],
)
def test_one_request_gets_one_answer(raw_server: Server, head: bytes) -> None:
    """A proxy would be out of step with a second one."""
    with connection(raw_server) as stream:
        stream.sendall(head)
        received = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            stream.settimeout(1)
            while data := stream.recv(65536):
                received += data
    assert received.count(b"HTTP/1.1 ") == 1, received
    assert "Traceback" not in "\n".join(raw_server.printed(50))


def test_memory_is_bounded_where_a_client_stops_reading(raw_server: Server, contract: Contract) -> None:
    server = raw_server
    before = megabytes(server)
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with stream:
        stream.connect((server.host, server.port))
        stream.settimeout(0.5)
        many = contract.user.wire() * 5000
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 100 * 2**20:
                sent += stream.send(many[sent % len(many) :])
        assert sent < 100 * 2**20, "the server reads on though nobody takes its answers"
        assert megabytes(server) - before < 32


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 17000000\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 2\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\n Content-Length: 2\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nX: \0\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", 501),
        (b"POST / HTTP/2.0\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"POST  / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"POST /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 411),
        (b"\x16\x03\x01", 400),
        (b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_HEAD // 6) + b"\r\n", 431),
    ],
)
@pytest.mark.parametrize("name", ["asyncio", "protocol"])
def test_framing_by_hand_refuses_what_is_not_safe(
    servers: dict[str, Server], wire: bytes, status: int, name: str
) -> None:
    with connection(servers[name]) as stream:
        stream.sendall(wire)
        assert receive(stream).status == status
        assert is_closed(stream)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=some.lists(
        some.tuples(some.text(string.ascii_letters + "-", min_size=1), some.text(string.printable[:-5])), max_size=6
    ),
    place=some.integers(0, 6),
)
def test_asyncio_frames_whatever_the_other_headers_are(
    servers: dict[str, Server], contract: Contract, fields: list[tuple[str, str]], place: int
) -> None:
    framing = ("content-length", "transfer-encoding", "connection", "expect")
    others = [(name, value) for name, value in fields if name.lower() not in framing]
    request = Request(
        method="POST",
        path="/",
        headers=[*others[:place], ("Content-Length", str(len(contract.user.body))), *others[place:]],
        body=contract.user.body,
        answer="",
    )
    server = servers["asyncio"]
    assert ask(server.host, server.port, compose(request, length=False)).raw == contract.user.answer.encode()


def test_a_server_says_that_its_port_is_taken(servers: dict[str, Server]) -> None:
    argv = servers["asyncio"].layer.argv("127.0.0.1", servers["asyncio"].port)
    said = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert said.returncode == 1
    assert "cannot listen" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_wrong_sha256_is_told_the_right_one(servers: dict[str, Server], contract: Contract) -> None:
    server, body = servers["asyncio"], contract.user.answer.partition("\r\n\r\n")[2]
    workload = msgspec.structs.replace(contract.workload, asked=(Asked(request=contract.user, sha256="0" * 64),))
    asked = msgspec.structs.replace(contract, workload=workload)
    right = hashlib.sha256(msgspec.json.encode(msgspec.json.decode(body), order="sorted")).hexdigest()
    with pytest.raises(Broken, match=f"its value has the SHA-256 {right}.*, expected .* the SHA-256 0000000000000000"):
        check_asked(asked, server.layer, server.host, server.port)
