"""The versions of what served: packages, crates, programs, and the suite itself. What cannot be read is left out."""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import psutil

from bench.data.layers import ROOT, Build, Layer

TIMEOUT = 30.0  # seconds that a program has to say its version
EVERYTHING = ("Python", "*")
ASK = """
import importlib.metadata, json, platform, sys
found = {}
everything = sorted({each.name for each in importlib.metadata.distributions()} - {None})
for name in (name for arg in sys.argv[1:] for name in (everything if arg == "*" else [arg])):
    try:
        found[name] = platform.python_version() if name == "Python" else importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print()
print(json.dumps(found))
"""


def read_versions(layers: Iterable[Layer]) -> dict[str, str]:
    """The versions that these layers name, by package, crate or program, in the order in which they are named.

    Packages are those of the Python that the harness serves a layer with; one whose command names a Python of its own
    is left out, see `read_served`. What a layer needs must be installed by then (environments.py).
    """
    names: dict[str, dict[str, None]] = {}
    builds: dict[Build, None] = {}
    for layer in layers:
        if "{python}" in layer.command:
            names.setdefault(layer.python, {}).update(dict.fromkeys(layer.versions))
        builds.update({layer.build: None} if layer.build else {})
    found: dict[str, str] = {}
    for python, wanted in names.items():
        found |= read_packages(python, wanted) if wanted else {}
    for build in builds:
        found |= read_build(build)
    return found


def read_packages(
    python: str = sys.executable,
    names: Iterable[str] = EVERYTHING,
    environment: Mapping[str, str] | None = None,
    folder: str | None = None,
) -> dict[str, str]:
    """The versions of these packages, as far as a Python has them; `Python` is its own, `*` all that it has.

    It is asked in this environment and folder, or in those of the harness; a Python that cannot be asked has none.
    """
    try:
        asked = subprocess.run(
            [python, "-c", ASK, *names], env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=True, timeout=TIMEOUT,
        )  # fmt: skip
        return msgspec.json.decode(asked.stdout.splitlines()[-1], type=dict[str, str])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError, IndexError):
        return {}


def read_build(build: Build) -> dict[str, str]:
    """The versions that a build names: of packages in its lock file, of programs as they say themselves."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found |= {each["name"]: each["version"] for each in tomllib.loads((ROOT / build.lock).read_text())["package"]}
    for command in build.needs:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            argv = shlex.split(command)
            said = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=TIMEOUT).stdout
            if version := re.search(r"\d+(\.\d+)+\S*", said):
                found[Path(argv[0]).name] = version[0]
    return {name: found[name] for name in build.versions if name in found}


def read_served(pid: int, port: int = 0) -> dict[str, str]:
    """What a started server really serves with: the version of its `Python`, and of all packages there.

    `pid` is the process that was started, which must be ready; what it started itself is looked at as well. The one
    that serves is the one that listens on the port (0: on any), the youngest of several. Its Python is asked in its
    own environment and folder. Returns {} where no Python serves, or where that cannot be found out.
    """
    for process in _listeners(pid, port):
        with contextlib.suppress(psutil.Error):
            if python := _python(process):
                return read_packages(python, environment=process.environ(), folder=process.cwd())
            return {}
    return {}


def own_versions(layer: Layer, pid: int, port: int) -> dict[str, str]:
    """The versions of a started server that serves with another Python than the harness starts its layer with.

    They are those that really serve, found as `read_served` does; {} where the layer's own Python serves, or none.
    """
    python = serving_python(pid, port)
    return read_served(pid, port) if layer.env or (python and python != layer.python) else {}


def serving_python(pid: int, port: int = 0) -> str | None:
    """The path of the Python that really serves, found as `read_served` does; None where it is none."""
    for process in _listeners(pid, port):
        with contextlib.suppress(psutil.Error):
            return _python(process)
    return None


def _listeners(pid: int, port: int) -> list[psutil.Process]:
    """A process and all that come from it, as far as they listen on a port, the youngest first."""
    found = []
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                sockets = process.net_connections("tcp")
                if any(each.status == psutil.CONN_LISTEN and port in (0, each.laddr[1]) for each in sockets):
                    found.append(process)
    return found[::-1]


def _python(process: psutil.Process) -> str | None:
    """The path by which a process's Python was called, which is in its virtual environment; None for other programs.

    The kernel knows the program itself, to which the `python` of a virtual environment is a link. The first word of the
    command is that link, unless the process has given itself another name; then VIRTUAL_ENV may tell.
    """
    program = process.exe()
    if not re.match(r"(python|pypy)[\d.]*t?d?$", Path(program).name, re.IGNORECASE):
        return None
    called, environment = (process.cmdline() or [""])[0], process.environ()
    if "/" not in called:
        called = shutil.which(called, path=environment.get("PATH", os.defpath)) or ""
    for link in (called, os.path.join(environment.get("VIRTUAL_ENV", "."), "bin", "python")):  # noqa: PTH118
        path = os.path.join(process.cwd(), link)  # noqa: PTH118 (a link stays what it is)
        if link and os.path.realpath(path) == os.path.realpath(program):
            return path
    return program


def read_revision() -> str | None:
    """The git revision of the suite, with `+` where files differ from it; null outside a checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip() or None
