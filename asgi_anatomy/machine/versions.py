"""Versions of what serves (Pythons, packages, crates, programs), and of the suite. What cannot be read is left out."""

import contextlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.git import git
from asgi_anatomy.suite.layers import IS_CLONE, ROOT, Build, Layer, short


def ask[T](
    argv: Sequence[str | os.PathLike[str]],
    kind: type[T],
    seconds: float = 30.0,
    environment: Mapping[str, str] | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> T:
    """Run another Python; returns the value that its last line has as JSON.

    Environment and folder are by default the harness's. Raises Fault if it cannot be run, fails, takes longer than
    this, or prints anything else.
    """
    try:
        output = subprocess.run(
            argv, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=True,
            timeout=seconds,
        ).stdout  # fmt: skip
        return msgspec.json.decode(output.splitlines()[-1], type=kind)
    except subprocess.TimeoutExpired:
        why = f"no answer within {seconds:.0f} s"
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        why = short(lines[-1], 200) if lines else f"exit code {error.returncode}"
    except (OSError, IndexError, msgspec.DecodeError) as error:
        why = short(str(error), 200)
    raise Fault(f"{os.fspath(argv[0])}: {why}")


TIMEOUT = 30.0  # seconds that a program has to report its version
EVERYTHING = ("Python", "*")
ASK = """
import importlib.metadata, json, platform, sys
versions = {}
everything = sorted({package.name for package in importlib.metadata.distributions()} - {None})
for name in (name for arg in sys.argv[1:] for name in (everything if arg == "*" else [arg])):
    try:
        versions[name] = platform.python_version() if name == "Python" else importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print()
print(json.dumps(versions))
"""


def read_versions(layers: Iterable[Layer]) -> dict[str, str]:
    """The versions that these layers ask for, by package, crate or program, in that order.

    Package versions come from the Python with which the harness serves a layer; a layer whose command names another
    Python is left out, see `read_served`. What a layer needs must already be installed (environments.py).
    """
    names: dict[str, dict[str, None]] = {}
    builds: dict[Build, None] = {}
    for layer in layers:
        if "{python}" in layer.command:
            names.setdefault(layer.python, {}).update(dict.fromkeys(layer.versions))
        builds.update({layer.build: None} if layer.build else {})
    versions: dict[str, str] = {}
    for python, wanted in names.items():
        versions |= read_packages(python, wanted) if wanted else {}
    for build in builds:
        versions |= read_build(build)
    return versions


def read_packages(
    python: str = sys.executable,
    names: Iterable[str] = EVERYTHING,
    environment: Mapping[str, str] | None = None,
    folder: str | None = None,
) -> dict[str, str]:
    """The versions of those of these packages that a Python has; `Python` is its own version, `*` all packages.

    It is run in this environment and folder, by default the harness's; if it cannot be run, the result is empty.
    """
    try:
        return ask([python, "-c", ASK, *names], dict[str, str], environment=environment, folder=folder)
    except Fault:
        return {}


def read_build(build: Build) -> dict[str, str]:
    """The versions that a build asks for: of packages in its lock file, and of programs as they report them."""
    known: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        crates = tomllib.loads((ROOT / build.lock).read_text())["package"]
        known |= {crate["name"]: crate["version"] for crate in crates}
    for command in build.needs:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            argv = shlex.split(command)
            output = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=TIMEOUT).stdout
            if version := re.search(r"\d+(\.\d+)+\S*", output):
                known[Path(argv[0]).name] = version[0]
    return {name: known[name] for name in build.versions if name in known}


def read_served(pid: int, port: int = 0) -> dict[str, str]:
    """What a running server really serves with: the version of its `Python` and of all packages there.

    `pid` is the process that was started, which must be ready; its descendants are checked as well. The serving process
    is the one that listens on the port (0: any port), the youngest if there are several. Its Python is run in that
    process's environment and folder. Returns {} if it is not a Python, or cannot be determined.
    """
    for process in _listeners(pid, port):
        with contextlib.suppress(psutil.Error):
            python = _python(process)
            return read_packages(python, environment=process.environ(), folder=process.cwd()) if python else {}
    return {}


def own_versions(layer: Layer, pid: int, port: int) -> dict[str, str]:
    """The versions of a server whose Python is not the one the harness starts its layer with.

    They are found as in `read_served`; {} if the layer's own Python serves, or none.
    """
    python = serving_python(pid, port)
    return read_served(pid, port) if layer.env or (python and python != layer.python) else {}


def serving_python(pid: int, port: int = 0) -> str | None:
    """The path of the Python that really serves, found as in `read_served`; None if it is not a Python."""
    for process in _listeners(pid, port):
        with contextlib.suppress(psutil.Error):
            return _python(process)
    return None


def _listeners(pid: int, port: int) -> list[psutil.Process]:
    """A process and its descendants, as far as they listen on a port, the youngest first."""
    listeners = []
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                sockets = process.net_connections("tcp")
                if any(socket.status == psutil.CONN_LISTEN and port in (0, socket.laddr[1]) for socket in sockets):
                    listeners.append(process)
    return listeners[::-1]


def _python(process: psutil.Process) -> str | None:
    """The path by which a process's Python was called, in its virtual environment; None for other programs.

    The kernel only knows the program that the `python` link of a virtual environment points to. The first word of the
    command is that link, unless the process has renamed itself; then VIRTUAL_ENV may help.
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
    """The git revision of the suite, with `+` if files differ from it; None outside a clone."""
    if not IS_CLONE:
        return None
    try:
        return git(ROOT, "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*") or None
    except Fault:
        return None


def require_revision(wanted: str | None) -> None:
    """Raise BadInput if this clone is not of that revision."""
    if wanted and (revision := read_revision()) != wanted:
        raise BadInput(f"{platform.node()}: {ROOT} has revision {revision}, not {wanted}: type `git checkout {wanted}`")
