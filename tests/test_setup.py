"""The Makefile and the set-up scripts, as a shell runs them."""

import os
import subprocess
from pathlib import Path

import pytest

from bench.data.layers import ROOT


def sh(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_help_lists_every_target_and_option() -> None:
    said = sh("make", "help").stdout
    for word in (
        "bench ",
        "bench-%",
        "serve-%",
        "table",
        "test",
        "SECONDS=",
        "CONNECTIONS=",
        "THREADS=",
        "LAYERS=",
        "PORT=",
    ):
        assert word in said
    assert "PYTHON=" in said


def test_a_python_that_is_too_old(tmp_path: Path) -> None:
    old = program(tmp_path / "old", 'case $1 in --version) echo "Python 3.11.7";; *) exit 1;; esac')
    said = sh("sh", "scripts/setup.sh", str(old))
    assert said.returncode == 1
    assert said.stderr == f"error: {old} is Python 3.11.7: Python 3.12 or newer is needed, try PYTHON=python3.13\n"


def test_no_python_of_that_name() -> None:
    said = sh("make", "table", "PYTHON=/none/python3")
    assert said.returncode == 2
    assert "error: no Python at '/none/python3'" in said.stderr


def test_a_second_set_up_does_nothing() -> None:
    stamp = ROOT / ".venv" / "stamp"
    before = stamp.stat().st_mtime_ns
    said = sh("sh", "scripts/setup.sh", str(ROOT / ".venv" / "bin" / "python"))
    assert (said.returncode, said.stderr) == (0, "")
    assert stamp.stat().st_mtime_ns == before


def test_a_tool_that_is_there() -> None:
    assert sh("sh", "scripts/tools.sh", "sh", "wrk").returncode == 0


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "apt-get install -y -q nosuchtool"),
        ("dnf", "dnf install -y nosuchtool"),
        ("pacman", "pacman -S --noconfirm --needed nosuchtool"),
    ],
)
def test_a_tool_that_may_not_be_installed(tmp_path: Path, manager: str, command: str) -> None:
    """As a user who is not root and has no password-less sudo: nothing is asked, the one command is named."""
    program(tmp_path / manager, "exit 99")
    program(tmp_path / "id", "echo 1000")
    program(tmp_path / "sudo", "exit 1")
    said = sh("/bin/sh", "scripts/tools.sh", "nosuchtool", PATH=str(tmp_path))
    assert said.returncode == 1
    assert command in said.stderr
    assert "sudo" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_no_package_manager(tmp_path: Path) -> None:
    said = sh("/bin/sh", "scripts/tools.sh", "nosuchtool", PATH=str(tmp_path))
    assert said.returncode == 1
    assert "install it by hand" in said.stderr
