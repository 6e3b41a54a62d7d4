"""3.12, 3.14t or a path -> a Python of that version on this machine, and the environment in which it serves layers."""

import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.children import clean_environment
from asgi_anatomy.machine.machine import Python
from asgi_anatomy.machine.programs import why_failed
from asgi_anatomy.machine.versions import ask
from asgi_anatomy.suite.layers import PYTHON, ROOT, short

OLDEST = (3, 12)
ASK = """
import json, os, platform, sys, sysconfig
print(json.dumps({"path": os.path.realpath(sys.executable), "version": platform.python_version(),
    "implementation": platform.python_implementation(),
    "number": sys.version_info[:2], "threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED"))}))
"""
DESCRIBE = """
import msgspec
from asgi_anatomy.machine.machine import read_python
print(msgspec.json.encode(read_python()).decode())
"""


class Interpreter(msgspec.Struct, frozen=True):
    """A Python on this machine: its real path, its version, what it is, and whether it is free-threaded."""

    path: str
    version: str
    implementation: str
    number: tuple[int, int]
    threaded: bool

    @property
    def short(self) -> str:
        """As it is asked for: 3.13, or 3.14t where it is free-threaded."""
        return f"{self.number[0]}.{self.number[1]}{'t' if self.threaded else ''}"


def find(name: str) -> Interpreter:
    """The Python of this version, or at this path; raises BadInput if there is none, or only one that is too old.

    The harness's own comes first, then pythonX.Y on PATH, then those of pyenv.
    """
    is_version = bool(re.fullmatch(r"\d+\.\d+t?", name))
    pythons = filter(None, map(_ask, _candidates(name, is_version)))
    python = next((python for python in pythons if not is_version or python.short == name), None)
    if not python:
        where = f"python{name} on PATH, or one of pyenv's" if is_version else "a version such as 3.13, or a path"
        raise BadInput(f"no Python {short(name)} here: expected {where}")
    if python.number < OLDEST:
        other = python.implementation != "CPython"
        raise BadInput(
            f"{short(name)} is {python.implementation if other else 'Python'} {python.version}: 3.12 or newer is needed"
            + (", and msgspec, which has wheels for CPython only" if other else "")
        )
    return python


def _candidates(name: str, is_version: bool) -> Iterator[str]:
    if not is_version:
        yield from filter(None, [shutil.which(name)])
        return
    yield str(PYTHON)
    for folder in os.get_exec_path():
        yield str(Path(folder) / f"python{name}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(map(str, pyenv.glob(f"versions/*/bin/python{name}")), reverse=True)


def _ask(path: str) -> Interpreter | None:
    """What a Python says of itself; None if it is not one, or does not run, as pyenv's shims of unused versions."""
    if not os.access(path, os.X_OK):
        return None
    try:
        return ask([path, "-I", "-S", "-c", ASK], Interpreter)
    except Fault:
        return None


def set_up(interpreter: Interpreter, tell: Callable[[str], None]) -> Path:
    """The Python of an environment that has the packages of requirements.lock; raises Fault if it cannot be made.

    uv.py makes it if it is not there; the harness's own Python has one already.
    """
    if os.path.realpath(PYTHON) == interpreter.path:
        return PYTHON
    link = f"python-{interpreter.short}-{hashlib.sha256(interpreter.path.encode()).hexdigest()[:8]}"
    argv = [interpreter.path, "-I", "asgi_anatomy/packages/uv.py", "serving", link]
    tell(f"set-up for Python {interpreter.short}: {shlex.join(argv)}")
    try:
        why = why_failed(argv)
    except OSError as error:
        raise Fault(f"{interpreter.path} cannot be run here: {error.strerror}") from None
    if why:
        raise Fault(f"set-up failed: {why}")
    return (ROOT / ".venvs" / link).resolve() / "bin" / "python"


def describe(python: Path) -> Python:
    """How the Python of an environment was built, as a record says it; raises Fault."""
    try:
        return ask([python, "-c", DESCRIBE], Python, environment=clean_environment(), folder=ROOT)
    except Fault as fault:
        raise Fault(f"cannot find out how a Python was built: {fault.message}") from None
