"""The tool as a wheel: built, installed without any other package, and used in an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asgi_anatomy.packages import uv
from asgi_anatomy.suite.layers import ROOT


def run(argv: list[str], folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        argv, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel alone: the tool is to run from requirements.lock and not from that."""
    folder = tmp_path_factory.mktemp("wheel")
    plain = uv.variables()
    run(uv.command("build", "--wheel", "--python", sys.executable, "--out-dir", str(folder)), ROOT, **plain)
    run(uv.command("venv", "--python", sys.executable, str(folder / "env")), ROOT, **plain)
    python, (wheel,) = str(folder / "env" / "bin" / "python"), folder.glob("*.whl")
    run(uv.command("pip", "install", "--no-deps", "--python", python, str(wheel)), ROOT, **plain)
    return folder / "env"


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.timeout(280)  # it builds with what it downloads
def test_a_wheel_measures_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    cache, empty, before = tmp_path / "cache", tmp_path / "empty", files(installed)
    empty.mkdir()
    (empty / "click.py").write_text("raise SystemExit('the click of a checkout, and not ours')\n")
    command = str(installed / "bin" / "asgi-anatomy")

    shown = run([command, "ladders"], empty, XDG_CACHE_HOME=str(cache))
    assert "starlette" in shown.stdout
    (home,) = (cache / "asgi-anatomy").iterdir()
    assert shown.stderr == f"set-up: {(home / '.venv').resolve()} with Python {sys.version.split()[0]}\n"
    assert [path.name for path in empty.iterdir()] == ["click.py"]

    bench = run([command, "bench", "LAYERS=protocol asyncio", "--budget", "1"], empty, XDG_CACHE_HOME=str(cache))
    assert "set-up" not in bench.stderr
    (record,) = (empty / "results").glob("*-bench.json")
    assert f"Record: results/{record.name}" in bench.stdout
    assert "make " not in bench.stdout, "there is nothing that make could read"
    assert '"revision": null' in record.read_text(), "the cache is no clone, whatever it is in"
    assert files(installed) == before, "a wheel's data is read-only"
