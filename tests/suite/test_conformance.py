"""The contract can fail: servers that break it are found out."""

import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec
import pytest

from asgi_anatomy.errors import BadInput
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite.conformance import Answer, accepts, check
from asgi_anatomy.suite.contract import Contract, differences
from asgi_anatomy.suite.layers import ROOT, Catalogue, Layer
from asgi_anatomy.turns.record import Load
from asgi_anatomy.turns.wrk import Wrk

GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n%b"


@contextmanager
def constant(answer: bytes, close: bool) -> Iterator[int]:
    """A server that answers the same to anything."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(1 << 20):
                self.request.sendall(answer)
                if close or not answer:
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


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


def test_differences(contract: Contract, catalogue: Catalogue) -> None:
    rows = {row[0]: row[1:] for row in differences(contract, catalogue.choose(None, "default"))}
    assert rows["another path"] == ["200", "200", "404", "404", "404", "routing by path"]
    assert "a head over 64 KiB" not in rows
