"""The versions that a record keeps are those of what served."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.versions import (
    read_build,
    read_packages,
    read_revision,
    read_served,
    read_versions,
    serving_python,
)
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import PYTHON, Build, Catalogue, Layer

CRATES = """
version = 4
[[package]]
name = "axum"
version = "0.8.9"
[[package]]
name = "other"
version = "1.2.3"
"""
SERVE = "-m servers.protocol_server --host {host} --port {port} --workers {workers}"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of another virtual environment, which sees what the harness has and one package more."""
    folder = tmp_path_factory.mktemp("other") / "a b"
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "suite.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path))
    (site / "theirs-7.8.dist-info").mkdir()
    (site / "theirs-7.8.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 7.8\n")
    return folder / "bin" / "python"


@contextmanager
def serving(contract: Contract, command: str, workers: int = 1, **environment: str) -> Iterator[Server]:
    layer = Layer(name="mine", adds="", command=command, workers=workers)
    with Server(layer, contract, environment={**os.environ, **environment}) as server:
        yield server


@pytest.mark.parametrize(
    ("command", "workers"),
    [
        ("'{other}' " + SERVE, 1),
        ("'{other}' " + SERVE, 2),
        ("env X=1 '{other}' " + SERVE, 1),
        ("sh -c \"cd .; X=1 '{other}' " + SERVE + '; true"', 1),
        ("env 'PATH={bin}:/usr/bin:/bin' python " + SERVE, 1),
        ("{python} -c 'import subprocess, sys; subprocess.run(sys.argv[1:])' '{other}' " + SERVE, 1),
    ],
    ids=["itself", "processes", "env", "shell", "path", "python"],
)
def test_the_python_that_serves_is_asked(contract: Contract, other: Path, command: str, workers: int) -> None:
    command = command.replace("{other}", str(other)).replace("{bin}", str(other.parent))
    with serving(contract, command, workers) as server:
        found = read_served(server.process.pid, server.port)
        assert serving_python(server.process.pid, server.port) == str(other)
    assert found["theirs"] == "7.8"
    assert found["Python"] == sys.version.split()[0]
    assert found["uvloop"] == read_packages(names=["uvloop"])["uvloop"]


def test_one_that_has_another_name_is_known_by_its_environment(contract: Contract, other: Path) -> None:
    renamed = f"bash -c \"exec -a nobody '{other}' {SERVE}\""
    with serving(contract, renamed, VIRTUAL_ENV=str(other.parents[1]), PYTHONPATH=":".join(sys.path)) as server:
        assert serving_python(server.process.pid) == str(other)
        assert read_served(server.process.pid)["theirs"] == "7.8"


def test_the_harness_itself(catalogue: Catalogue, contract: Contract) -> None:
    with Server(catalogue.layers["protocol"], contract) as server:
        assert serving_python(server.process.pid, server.port) == str(PYTHON)
        assert read_served(server.process.pid, server.port) == read_packages(str(PYTHON))


def test_what_is_no_python(contract: Contract, tmp_path: Path) -> None:
    copy = tmp_path / "node"
    shutil.copy(os.path.realpath(sys.executable), copy)
    with serving(contract, f"{copy} {SERVE}", PYTHONHOME=sys.base_prefix, PYTHONPATH=":".join(sys.path)) as server:
        assert read_served(server.process.pid, server.port) == {}, "a program that is none by name is not started"
        assert serving_python(server.process.pid, server.port) is None
        assert read_served(server.process.pid, 1) == {}
    assert read_served(server.process.pid, server.port) == {}, "it has ended"
    assert read_served(os.getpid(), 1) == {}


def test_a_python_that_prints_or_fails(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('hello', end='')")
    assert read_packages(names=["Python"], environment={"PYTHONPATH": str(tmp_path)}).keys() == {"Python"}
    assert read_packages("/none/python") == {}
    assert read_packages(shutil.which("false") or "false") == {}
    assert read_packages(shutil.which("true") or "true") == {}


def test_what_layers_name(catalogue: Catalogue, tmp_path: Path) -> None:
    lock = tmp_path / "Cargo.lock"
    lock.write_text(CRATES)
    crates = Build("x", needs=(f"{sys.executable} --version",), lock=str(lock), versions=("axum", "gone", "python"))
    assert read_build(crates) == {"axum": "0.8.9", "python": sys.version.split()[0]}
    assert read_build(Build("x", needs=("no-such-program --version", "false"), versions=("axum", "false"))) == {}
    lock.write_text("package = 3")
    assert read_build(Build("x", lock=str(lock), versions=("axum",))) == {}
    lock.write_text(CRATES)

    starlette, h11 = catalogue.layers["starlette"], catalogue.layers["uvicorn-h11"]
    compiled = Layer(name="compiled", adds="", command="it {port}", build=crates)
    foreign = Layer(name="foreign", adds="", command="/their/python {port}", versions=("fastapi",))
    found = read_versions([starlette, h11, compiled, foreign])
    expected = {"uvloop", "httptools", "uvicorn", "starlette", "anyio", "msgspec", "h11", "axum", "python"}
    assert found.keys() == expected, "what a command's own Python has is not known before it serves"
    assert found["starlette"] == read_packages(names=["starlette"])["starlette"]
    assert read_versions([]) == {}


def test_every_version_that_a_layer_names_is_found(catalogue: Catalogue) -> None:
    here = read_packages(names={name for layer in catalogue.layers.values() for name in layer.versions})
    for layer in catalogue.layers.values():
        assert layer.versions or layer.build
        assert layer.group or {*layer.versions} <= here.keys(), layer.name


def test_the_revision() -> None:
    revision = read_revision()
    assert revision is None or revision.strip("+").isalnum()
    assert subprocess.run(["git", "rev-parse"], check=False, capture_output=True).returncode or revision
