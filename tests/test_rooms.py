"""The rooms of bench/: who may import whom, and that reports need nothing but records."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from bench.data.layers import ROOT
from bench.data.store import REFERENCE, newest_in

BENCH = ROOT / "bench"
MAY_IMPORT = {
    "data": set(),
    "stats": {"data"},
    "host": {"data"},
    "measure": {"data", "stats", "host"},
    "anatomy": {"data", "stats", "host"},
    "report": {"data", "stats"},
    "commands": {"data", "stats", "host", "measure", "anatomy", "report"},
}
"""The design of the house, as CONTRIBUTING.md draws it: no room imports one that is not named."""

WITHOUT = """
import builtins, pathlib, sys
real = builtins.__import__
absent = ("bench.host", "bench.measure", "bench.anatomy", "bench.commands", "resource", "fcntl", "uvloop", "httptools",
    "uvicorn", "starlette", "fastapi", "pydantic")
def guarded(name, where=None, *rest, **more):
    if name.startswith(absent) and (where or {}).get("__name__", "").startswith("bench"):
        raise ImportError(f"{name} is not on this machine")
    return real(name, where, *rest, **more)
builtins.__import__ = guarded
from bench.data.record import Anatomy, Bench, Kind, Sensitivity
from bench.data.store import read_record
from bench.report.anatomy import anatomy_document
from bench.report.decay_table import decay_document
from bench.report.sensitivity import sensitivity_document
show = {Anatomy: anatomy_document, Bench: decay_document, Sensitivity: sensitivity_document}
shown = 0
for path in sys.argv[1:]:
    record = read_record(pathlib.Path(path), Kind)
    document = show[type(record)](record)
    for form in ("text", "markdown", "csv", "json"):
        assert document.render(form)
        shown += 1
print(shown)
"""


def imports(path: Path) -> set[str]:
    """The rooms of bench/ that a module imports, and `.` for bench/ itself."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            top, _, rest = name.partition(".")
            if top == "bench":
                found.add(rest.partition(".")[0] or ".")
    return found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_room_imports_against_the_direction(room: str) -> None:
    modules = [*(BENCH / room).rglob("*.py")]
    assert modules
    wrong = {str(path.relative_to(BENCH)): imports(path) - MAY_IMPORT[room] - {room} for path in modules}
    assert not {path: rooms for path, rooms in wrong.items() if rooms}


def test_every_module_is_in_a_room() -> None:
    rooms = {path.name for path in BENCH.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == {*MAY_IMPORT}
    assert {path.name for path in BENCH.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_reports_need_records_alone() -> None:
    """Without Linux's modules, a server's packages, the other rooms, wrk, or any other program on the path."""
    kinds = ("bench", "anatomy", "sensitivity")
    records = [*filter(None, (newest_in(REFERENCE / "default", kind) for kind in kinds))]
    assert len(records) > 1
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *map(str, records)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/nowhere"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 4 * len(records)


def test_a_module_has_one_concept() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in BENCH.rglob("*.py")}
    assert not {path: lines for path, lines in long.items() if lines > 260}
