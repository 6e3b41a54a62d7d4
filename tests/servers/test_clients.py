"""Clients that others wrote: every layer answers them, on as many connections as they like, and none of them waits."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.machine.server import Server
from asgi_anatomy.packages.environments import build, missing
from asgi_anatomy.suite.contract import Contract
from tests.conftest import CATALOGUE, SERVED, require, require_tool

REQUESTS = 300
TIMEOUT = 30  # seconds for all of them

on_every_layer = pytest.mark.parametrize(
    "name",
    [*SERVED, *(pytest.param(name, marks=pytest.mark.all) for name in CATALOGUE.layers if name not in SERVED)],
)

pytestmark = pytest.mark.faults


@pytest.fixture
def url(request: pytest.FixtureRequest, contract: Contract, name: str) -> Iterator[str]:
    """Where a layer of that name is served."""
    if name in SERVED:
        servers: dict[str, Server] = request.getfixturevalue("servers")
        yield servers[name].url
        return
    layer = CATALOGUE.layers[name]
    require(missing(layer))
    assert not build([layer], print)
    with Server(layer, contract) as server:
        yield server.url


@pytest.fixture
def body(contract: Contract, tmp_path: Path) -> Path:
    """A file with the body of the User request."""
    path = tmp_path / "user.json"
    path.write_text(contract.user.body)
    return path


def said(*argv: object) -> str:
    """What a client printed."""
    require_tool(str(argv[0]))
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@on_every_layer
@pytest.mark.parametrize("keep", [[], ["-k"]], ids=["close", "keep"])
def test_apachebench(url: str, body: Path, keep: list[str]) -> None:
    """It speaks HTTP/1.0, and asks for keep-alive with -k."""
    load = ("-n", REQUESTS, "-c", 8, "-s", 5, "-p", body, "-T", "application/json")
    report = said("ab", *keep, *load, f"{url}/")
    assert re.search(rf"Complete requests: +{REQUESTS}\n", report), report
    assert re.search(r"Failed requests: +0\n", report), report
    assert "Non-2xx" not in report


@on_every_layer
def test_h2load(url: str, name: str, body: Path) -> None:
    load = ("-n", REQUESTS, "-c", 8, "-T", "5s", "-d", body, "-H", "content-type: application/json")
    report = said("h2load", "--h1", *load, url)
    assert re.search(rf" {REQUESTS} done, .* 0 errored, 0 timeout\n", report), report
    counted = 0 if name == "hypercorn" else REQUESTS  # h2load sees no status where the reason after it is left out
    assert f" {counted} succeeded, " in report, report
    assert f" {counted} 2xx," in report, report


@on_every_layer
@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
def test_curl(url: str, contract: Contract, version: str) -> None:
    """Twice in one call, so that it takes the connection again where that stays open."""
    ask = (version, "-d", contract.user.body, "-H", "Content-Type: application/json", f"{url}/")
    report = said("curl", "--silent", "--show-error", "--max-time", 5, "-w", r"\n%{http_code}\n", *ask, "--next", *ask)
    first, status, second = list(filter(None, report.splitlines()))[:3]
    assert status == "200"
    assert msgspec.json.decode(first) == msgspec.json.decode(second) == msgspec.json.decode(contract.user.body)
