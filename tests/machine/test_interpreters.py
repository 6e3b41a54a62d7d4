"""A Python is found by its version, wherever it is."""

import json
import os
from pathlib import Path

import pytest

from asgi_anatomy.errors import Fault
from asgi_anatomy.machine.interpreters import describe, find, set_up
from asgi_anatomy.machine.machine import read_python
from asgi_anatomy.suite.layers import PYTHON


def fake(path: Path, version: str, threaded: bool = False) -> Path:
    number = [int(each) for each in version.split(".")[:2]]
    said = json.dumps(
        {"path": str(path), "version": version, "implementation": "CPython", "number": number, "threaded": threaded}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    return path


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = fake(tmp_path / "shims" / "python3.99", "3.99.1")
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.99: command not found' >&2\nexit 127\n")
    pyenv = fake(tmp_path / "versions" / "3.99.1" / "bin" / "python3.99", "3.99.1")
    threaded = fake(tmp_path / "versions" / "3.99.1t" / "bin" / "python3.99t", "3.99.1", threaded=True)
    fake(tmp_path / "versions" / "3.98.0" / "bin" / "python3.98", "3.97.0")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "shims"), prepend=os.pathsep)
    assert find("3.99").path == str(pyenv)
    assert (find("3.99t").path, find("3.99t").short) == (str(threaded), "3.99t")
    assert find(str(pyenv)).version == "3.99.1"
    with pytest.raises(Fault, match=r"no Python 3.98 here: expected python3.98 on PATH, or one of pyenv's"):
        find("3.98")
    with pytest.raises(Fault, match="no Python nothing here: expected a version such as 3.13, or a path"):
        find("nothing")


def test_the_harness_own_needs_no_set_up() -> None:
    told: list[str] = []
    own = find(".".join(read_python().version.split(".")[:2]))
    assert set_up(own, told.append) == PYTHON
    assert not told
    assert describe(PYTHON) == read_python()


def test_one_that_cannot_be_set_up(tmp_path: Path) -> None:
    path = fake(tmp_path / "python3.99", "3.99.1")
    told: list[str] = []
    found = find(str(path))
    path.write_text("#!/bin/sh\necho 'error: cannot install requirements.lock: no wheel of msgspec' >&2\nexit 1\n")
    with pytest.raises(Fault, match="^set-up failed: cannot install requirements.lock: no wheel of msgspec$"):
        set_up(found, told.append)
    assert told[0].startswith("set-up for Python 3.99: ")
