"""The contract can fail: servers that break it are found out."""

import contextlib
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import msgspec
import pytest

from asgi_anatomy.errors import BadInput, Broken
from asgi_anatomy.machine import server as machine_server
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite import conformance
from asgi_anatomy.suite.conformance import Answer, accepts, check, check_asked
from asgi_anatomy.suite.contract import Contract, differences
from asgi_anatomy.suite.layers import ROOT, Catalogue, Layer
from asgi_anatomy.turns.record import Load
from asgi_anatomy.turns.wrk import Wrk

GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n%b"


@contextmanager
def constant(answer: bytes, close: bool) -> Iterator[int]:
    """A server that answers the same to anything."""

    def handle(stream: socket.socket) -> None:
        stream.sendall(answer)
        while answer and not close and stream.recv(1 << 20):
            stream.sendall(answer)

    with serving(handle) as port:
        yield port


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does this on a connection, once a request has come."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if self.request.recv(1 << 20):
                answer(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def endless(first: bytes, more: bytes, pause: float) -> Callable[[socket.socket], None]:
    """An answer that goes on until the client leaves."""

    def answer(stream: socket.socket) -> None:
        stream.sendall(first)
        with contextlib.suppress(OSError):
            while stream.send(more):
                time.sleep(pause)

    return answer


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "fault", "why"),
    [
        (endless(HEAD + b"\r\n", b"x" * 65536, 0), Broken, "longer than 4 MiB, or does not end: 'HTTP/1.1 200 OK"),
        (endless(CHUNKED, b"8000\r\n%b\r\n" % (b"x" * 32768), 0), Broken, "longer than 4 MiB, or does not end"),
        (endless(HEAD, b"a: b\r\n" * 10, 0), Broken, "was answered 'HTTP/1.1 200 OK"),
        (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0), (Broken, TimeoutError), "timed out|longer than"),
        (endless(CHUNKED, b"data: 1\n\n", 0.05), Broken, "was answered"),
        (endless(HEAD + b"content-type: text/event-stream\r\n\r\n", b"data: 1\n\n", 0.05), TimeoutError, "timed out"),
        (endless(b"H", b"T", 0.05), TimeoutError, "timed out"),
        (endless(HEAD + b"\r\n" + b"[" * 3_000_000, b"[" * 100_000, 0), Broken, "longer than"),
    ],
    ids=["body", "chunks", "fields", "informational", "not-chunked", "events", "dripping", "nested"],
)
def test_an_answer_without_an_end_takes_neither_time_nor_memory(
    contract: Contract,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[socket.socket], None],
    fault: type[Exception],
    why: str,
) -> None:
    monkeypatch.setattr(conformance, "TIMEOUT", 0.6)
    monkeypatch.setattr(conformance, "LONGEST", 4 * 2**20)
    begin = time.monotonic()
    with serving(answer) as port, pytest.raises(fault, match=why):
        check_asked(contract, Layer(name="endless", adds="", answer="json"), "127.0.0.1", port)
    assert time.monotonic() - begin < 3


def test_an_answer_that_is_nested_deep_is_a_wrong_one(contract: Contract) -> None:
    body = b"[" * 3_000_000
    wrong = accepts(contract, Layer(name="nested", adds="", answer="json"), Answer(200, body, body))
    assert not wrong


def broken(contract: Contract, answer: bytes, close: bool = True) -> list[str]:
    with constant(answer, close) as port:
        return check(contract, Layer(name="constant", adds=""), "127.0.0.1", port)


def test_a_server_that_says_yes_to_everything(contract: Contract) -> None:
    found = {each.partition(" ")[0]: each for each in broken(contract, contract.user.answer.encode())}
    assert "expected 400" in found["malformed"]
    assert "expected a 4xx or 501" in found["two-lengths"]
    assert "path" in found, "the next request on that connection has no answer"


def test_a_server_that_differs_by_one_byte(contract: Contract) -> None:
    assert "the User request was answered" in broken(contract, contract.user.answer.encode().replace(b"Ada", b"Bda"))[0]
    assert (
        "the User request was answered"
        in broken(contract, contract.user.answer.replace("content", "Content").encode())[0]
    )


def test_a_server_that_drops_the_connection(contract: Contract) -> None:
    user, *cases = broken(contract, b"")
    assert user == "the connection was closed without an answer"
    assert all("nothing" in each for each in cases)


def test_a_server_that_fails(contract: Contract) -> None:
    assert len(broken(contract, b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n")) == len(contract.cases) + 1


def test_a_case_that_does_not_exist(contract: Contract) -> None:
    with pytest.raises(BadInput, match=r"\[layers.odd\] `differs` lists 'nothing'"):
        check(contract, Layer(name="odd", adds="", differs={"nothing": 400}), "127.0.0.1", 1)


def test_a_dated_answer_differs_by_date_and_server_alone(contract: Contract) -> None:
    layer = Layer(name="dated", adds="", answer="dated")
    line, rest = contract.user.answer.encode().split(b"\r\n", 1)
    stamps = b"Date: Mon, 23 Nov 2026 22:10:41 GMT\r\nserver: uvicorn\r\n"
    assert accepts(contract, layer, Answer(200, b"%b\r\n%b%b" % (line, stamps, rest)))
    assert accepts(contract, layer, Answer(200, contract.user.answer.encode()))
    assert not accepts(contract, layer, Answer(200, b"%b\r\n%bX: y\r\n%b" % (line, stamps, rest)))
    assert not accepts(contract, layer, Answer(200, b"%b\r\n%b%b\r\nserver: a" % (line, stamps, rest)))


@pytest.mark.parametrize("own", [False, True])
def test_wrk_sends_the_same_request(contract: Contract, own: bool) -> None:
    """By itself with scripts/post.lua it sends the User request, and from the harness what the contract has."""
    user = contract.user
    if own:
        headers = [("Host", "here"), ("X-Some", "a: b"), ("Accept", "*/*")]
        user = msgspec.structs.replace(user, method="GET", path="/some?a=b", headers=headers, body="")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = Server(Layer(name="any", adds=""), Contract(user=user, cases={}), port=port)
        with ExitStack() as stack:
            if own:
                stack.callback(Wrk(server, Load(seconds=1, connections=1)).stop)
            else:
                command = ["wrk", "-c1", "-t1", "-d1s", "-s", "scripts/post.lua", server.url]
                wrk = stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL))
                stack.callback(wrk.kill)
            data = b""
            while not data:  # wrk tries an address before it asks anything of it
                stream = stack.enter_context(listener.accept()[0])
                data = stream.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    expected, *others = user.wire().partition(b"\r\n\r\n")[0].decode().replace("Host: 127.0.0.1", "").split("\r\n")
    assert line == expected
    assert body.decode() == user.body
    assert {field for field in fields if not field.startswith("Host: 127.0.0.1")} == {*filter(None, others)}


def test_what_a_server_prints_takes_little_room(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_server, "PRINTED", 1 << 20)
    code = (
        "import os, time; [os.write(1, b'line\\n' * 10000) for _ in range(100)]; os.write(1, b'last\\n'); time.sleep(9)"
    )
    layer = Layer(name="chatty", adds="", command=f'{sys.executable} -c "{code}"')
    server = Server(layer, contract).start()
    try:
        deadline = time.monotonic() + 5
        while server.printed(1) != ["last"] and time.monotonic() < deadline:
            server.require_alive("died")
            time.sleep(0.01)
        server.require_alive("died")
        assert server.printed(2) == ["line", "last"]
        assert os.fstat(server.output.fileno()).st_size <= 1 << 20
    finally:
        server.stop()


def test_differences(contract: Contract, catalogue: Catalogue) -> None:
    rows = {row[0]: row[1:] for row in differences(contract, catalogue.choose(None, "default"))}
    assert rows["another path"] == ["200", "200", "404", "404", "404", "routing by path"]
    assert "a head over 64 KiB" not in rows
