"""Layers of several processes, and the loop that is no server."""

import json
import os
from pathlib import Path

import psutil
import pytest

from asgi_anatomy.documents.store import read_record
from asgi_anatomy.errors import BadInput
from asgi_anatomy.machine.cores import cores_for
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.machine.server import Server
from asgi_anatomy.options import Choice
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Catalogue, multiply
from asgi_anatomy.turns.record import Bench as Record
from tests.conftest import Bench


def test_layers_are_multiplied(catalogue: Catalogue) -> None:
    layers = multiply(catalogue.choose("protocol uvicorn-h11 endpoint", "default"), [2, 4])
    names = ["endpoint", "protocol", "protocol-x2", "protocol-x4", "uvicorn-h11", "uvicorn-h11-x2", "uvicorn-h11-x4"]
    assert [layer.name for layer in layers] == names
    assert layers[3].argv("127.0.0.1", 1)[-2:] == ["--workers", "4"]
    assert catalogue.ground(layers)["protocol-x4"] == "protocol"
    assert multiply([catalogue.layers["endpoint"]], [2]) == [catalogue.layers["endpoint"]]


def test_a_number_of_processes_is_part_of_a_name(catalogue: Catalogue) -> None:
    layers = catalogue.choose("uvicorn-x4 protocol uvicorn uvicorn-x2", "default")
    assert [layer.name for layer in layers] == ["uvicorn", "uvicorn-x2", "uvicorn-x4", "protocol"]
    assert catalogue.ground(layers)["uvicorn-x4"] == "uvicorn"


@pytest.mark.parametrize("text", ["-1", "two", "2.5"])
def test_bad_numbers_of_workers(text: str) -> None:
    with pytest.raises(BadInput, match="WORKERS must be process counts"):
        Choice("", "default", text).counts()


@pytest.mark.parametrize("name", ["uvicorn-x1", "uvicorn-x1000", "endpoint-x2", "axum-all-x2", "wait-processes-x2"])
def test_what_cannot_have_so_many(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(BadInput, match="cannot have .* processes: expected 2 to 256"):
        catalogue.one(name)


@pytest.mark.parametrize(
    ("workers", "cores"),
    [(1, {0}), (2, {0, 1}), (3, {0, 1, 2}), (4, {0, 1, 2, 3}), (9, {0, 1, 2, 3}), (0, {0, 1, 2, 3})],
)
def test_the_clients_core_is_the_last_that_is_shared(
    monkeypatch: pytest.MonkeyPatch, workers: int, cores: set[int]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert cores_for(Lane(0, 3), workers) == cores


@pytest.mark.parametrize("name", ["asyncio", "protocol", "uvicorn"])
def test_several_processes_serve_one_port(catalogue: Catalogue, contract: Contract, name: str) -> None:
    (_, layer) = multiply([catalogue.layers[name]], [2])
    with Server(layer, contract) as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert len(family) >= 1
    assert not any(each.is_running() for each in family), "all have ended with the server"


@pytest.mark.all
def test_more_processes_are_a_row_each(bench: Bench, tmp_path: Path) -> None:
    options = ("--layers", "protocol", "--workers", "2", "--budget", 14, "--format", "json")
    done = bench("bench", *options, "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    two = json.loads(done.stdout)[1]
    assert (two["layer"], two["on"]) == ("protocol-x2", "protocol")
    assert two["plain_rps"] > 1000
    (path,) = tmp_path.glob("*.json")
    record = read_record(path, Record)
    assert {window.layer: window.cores for window in record.windows} == {"protocol": 1, "protocol-x2": 2}
    assert (
        two["turns"] == len([turn for made in record.rounds for turn in made.turns if turn.layer == two["layer"]]) > 0
    )
    if os.cpu_count() == 2:
        assert "so wrk had to share them" in two["note"]


def test_the_endpoint_alone_is_below_all(bench: Bench, tmp_path: Path) -> None:
    options = ("--ladder", "transport", "--layers", "endpoint protocol", "--budget", 3)
    done = bench("bench", *options, "--format", "json", "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    endpoint, protocol = json.loads(done.stdout)
    assert endpoint["rps_per_core"] > 3 * protocol["rps_per_core"]
    assert endpoint["p99_us"] is None
    assert protocol["on"] == "endpoint"
    assert protocol["decay"] > 70


def test_what_waits_is_not_blamed_on_the_client(bench: Bench, tmp_path: Path) -> None:
    options = ("--layers", "wait-blocking", "--budget", 3, "--results", tmp_path)
    done = bench("bench", *options, "--wide")
    assert done.returncode == 0, done.stderr
    assert "it waits: under a plain wrk it used" in " ".join(done.stdout.split())
    assert "lower bound" not in done.stdout
