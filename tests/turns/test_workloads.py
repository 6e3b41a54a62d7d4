"""Workloads under real wrk: every answer is accounted for, and a wrong one is noticed."""

import contextlib
import gzip
import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.documents.store import read_record
from asgi_anatomy.machine.children import guard
from asgi_anatomy.machine.server import Server
from asgi_anatomy.packages.environments import build
from asgi_anatomy.suite.conformance import Answer, answers, check
from asgi_anatomy.suite.contract import Contract, contract_of
from asgi_anatomy.suite.layers import Catalogue, Layer
from asgi_anatomy.suite.workloads import read_names, read_workload
from asgi_anatomy.turns.record import Bench as Record
from asgi_anatomy.turns.record import Load
from asgi_anatomy.turns.windows import driven, verify
from asgi_anatomy.turns.wrk import Summary, Wrk, fault_of, unexpected
from servers.arena_data import ITEMS, STOCK, totals
from tests.conftest import Bench

MADE = {"items": totals(STOCK), "count": ITEMS}
DRIVEN = [name for name in read_names() if name != "user"]


def asked(contract: Contract, workload: str) -> Contract:
    return msgspec.structs.replace(contract, workload=read_workload(workload, contract))


@pytest.fixture(scope="module")
def driven_at_once(catalogue: Catalogue, contract: Contract) -> dict[str, tuple[Summary, Server, int]]:
    """Every workload on a server of its own, all of them in the same second."""
    with ExitStack() as stack:
        starlette = catalogue.layers["starlette"]
        servers = [stack.enter_context(Server(starlette, asked(contract, name))) for name in DRIVEN]
        wrks = [stack.enter_context(driven(server, Load(seconds=1, connections=4))) for server in servers]
        summaries = [wrk.finish() for wrk in wrks]
        for server in servers:
            verify(server)
        each = zip(summaries, servers, [wrk.unanswered for wrk in wrks], strict=True)
        return dict(zip(DRIVEN, each, strict=True))


@pytest.mark.parametrize("name", DRIVEN)
def test_every_answer_is_accounted_for(driven_at_once: dict[str, tuple[Summary, Server, int]], name: str) -> None:
    summary, server, unanswered = driven_at_once[name]
    assert fault_of(summary, server, unanswered) is None
    assert sum(summary.sent) == summary.requests + unanswered
    assert unanswered <= 4 * server.contract.workload.pipelining
    on_their_way = unanswered * max(size or 0 for size in server.sizes)
    shorter = msgspec.structs.replace(summary, bytes=summary.bytes - summary.requests - on_their_way)
    assert "wrk read" in (fault_of(shorter, server, unanswered) or ""), "answers that are a byte too short"


def test_errors_that_are_expected_are_counted_by_status(
    driven_at_once: dict[str, tuple[Summary, Server, int]],
) -> None:
    summary, server, unanswered = driven_at_once["wrong"]
    assert summary.statuses.keys() == {"400", "404", "405"}
    assert sum(summary.statuses.values()) == summary.requests == summary.errors.status
    assert unexpected(summary, server).status == 0
    counts = {**summary.statuses, "400": 0, "404": summary.statuses["404"] + summary.statuses["400"]}
    swapped = msgspec.structs.replace(summary, statuses=counts)
    assert "answers had the status 404, expected" in (fault_of(swapped, server, unanswered) or "")
    failing = msgspec.structs.replace(summary, statuses={**summary.statuses, "500": 3})
    assert fault_of(failing, server, unanswered) == "wrk counted errors: 3 status"


@pytest.mark.parametrize(
    ("workload", "fewest", "most"),
    [("pipelined", None, None), ("short", 5, 20), ("fresh", 1, 1), ("headers", None, None)],
)
def test_what_reaches_a_server(contract: Contract, workload: str, fewest: int | None, most: int | None) -> None:
    """Counted by the server: how many requests come at once, and how many on a connection."""
    with counting() as (port, requests, first):
        server = Server(Layer(name="any", adds=""), asked(contract, workload), port=port)
        server.process = guard().start(["sleep", "60"])
        server.output = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            summary = Wrk(server, Load(seconds=1, connections=2)).finish()
        finally:
            server.process.kill()
            server.process.wait(10)
            server.output.close()
    assert summary.requests
    assert first[1].count(b"POST /") == server.contract.workload.pipelining
    ended = [count for count in requests[:-2] if count]
    if fewest is None or most is None:
        assert len(requests) <= 3, "wrk opens one to see whether the server is there"
    else:
        assert fewest <= sum(ended) / len(ended) <= most
    if workload == "short":
        assert len({*ended}) > 3, "ten on average"


def test_a_layer_that_cannot_be_asked_is_a_row_that_says_so(bench: Bench, tmp_path: Path) -> None:
    options = ("--workload", "wrong", "--layers", "endpoint asyncio", "--budget", 1)
    done = bench("bench", *options, "--results", tmp_path / "results")
    assert done.returncode == 1
    assert "endpoint: cannot run the workload wrong: it calls the endpoint with one body" in done.stdout
    assert "Workload: wrong" in done.stdout
    (path,) = (tmp_path / "results").glob("*.json")
    record = read_record(path, Record)
    assert record.workload == "wrong"
    (instance,) = [each for made in record.rounds for each in made.instances if not each.fault]
    assert instance.statuses.keys() == {"200", "400"}, "the layer asyncio has no routes"

    matrix = bench("workloads", "--record", path, "--workload", "wrong short")
    assert matrix.returncode == 0, matrix.stderr
    assert "short: no record; make bench WORKLOAD=short" in matrix.stdout
    other = bench("machines", "--record", path)
    assert other.returncode == 2
    assert "no record of the workload 'user'" in other.stderr


@pytest.mark.parametrize("layer", ["arena-starlette", "arena-fastapi"])
def test_the_arena(catalogue: Catalogue, layer: str) -> None:
    """All of its endpoints, and its contract."""
    arena = contract_of([catalogue.layers[layer]])
    workloads = ["arena-mixed", "arena-noisy", "arena-baseline"]
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(catalogue.layers[layer], asked(arena, name))) for name in workloads]
        assert check(arena, servers[0].layer, servers[0].host, servers[0].port) == []
        wrks = [stack.enter_context(driven(server, Load(seconds=1, connections=2))) for server in servers]
        for server, wrk in zip(servers, wrks, strict=True):
            assert fault_of(wrk.finish(), server, wrk.unanswered) is None, server.contract.workload.name


def test_a_long_answer_is_held_to_its_value(catalogue: Catalogue) -> None:
    layer = catalogue.layers["arena-starlette"]
    arena = asked(contract_of([layer]), "arena-json")
    (request,) = arena.asked
    for body, right in (
        (json.dumps(MADE), True),
        (json.dumps(MADE, indent=2, sort_keys=True), True),
        (gzip.compress(json.dumps(MADE).encode()).decode("latin-1"), True),
        (json.dumps({**MADE, "count": 49}), False),
        ("nothing", False),
    ):
        assert answers(arena, layer, request, Answer(200, b"", body.encode("latin-1"))) is right


def test_layers_of_two_contracts(quick_bench: Bench) -> None:
    mixed = quick_bench("pair", "--a", "starlette", "--b", "arena-starlette")
    assert mixed.returncode == 2
    assert "starlette and arena-starlette have different contracts" in mixed.stderr
    other = quick_bench("bench", "--ladder", "arena", "--workload", "short")
    assert other.returncode == 2
    assert "the workload short is for other layers: these take arena-baseline, arena-pipelined" in other.stderr


@pytest.mark.all
def test_every_layer_of_the_arena_answers_every_workload(catalogue: Catalogue) -> None:
    layers = catalogue.choose("", "arena")
    assert not build(layers, print)
    for name in read_names("arena"):
        for layer in layers:
            with (
                Server(layer, asked(contract_of(layers), name)) as server,
                driven(server, Load(seconds=1, connections=4)) as wrk,
            ):
                assert fault_of(wrk.finish(), server, wrk.unanswered) is None, (name, layer.name)


@pytest.mark.all
def test_every_layer_of_the_default_ladder_answers_every_workload(catalogue: Catalogue, contract: Contract) -> None:
    for name in DRIVEN:
        for layer in catalogue.choose("", "default"):
            with (
                Server(layer, asked(contract, name)) as server,
                driven(server, Load(seconds=1, connections=4)) as wrk,
            ):
                assert fault_of(wrk.finish(), server, wrk.unanswered) is None, (name, layer.name)


@contextmanager
def counting() -> Iterator[tuple[int, list[int], list[bytes]]]:
    """A server that counts the requests of each connection, and keeps what came first."""
    requests, first = [], []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            requests.append(0)
            place = len(requests) - 1
            with contextlib.suppress(ConnectionError):
                while data := self.request.recv(1 << 16):
                    first.append(data)
                    count, close = data.count(b"POST / HTTP/1.1"), b"Connection: close" in data
                    requests[place] += count
                    ending = b"connection: close\r\n" if close else b""
                    self.request.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n%b\r\n" % ending * count)
                    if close:
                        return

    class Threads(socketserver.ThreadingTCPServer):
        request_queue_size, daemon_threads = 100, True

    with Threads(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield server.server_address[1], requests, first
        finally:
            server.shutdown()
