"""The rooms of asgi_anatomy/: features do not import each other, and what shows a record needs nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from asgi_anatomy.documents.store import REFERENCE, newest_in
from asgi_anatomy.suite.layers import ROOT

HOUSE = ROOT / "asgi_anatomy"
FEATURES = {"bench", "pair", "versus", "history", "sweep", "anatomy", "compare", "layers", "export"}
"""What a user can do. None imports another, and only `pages` and the command line know them all."""
KNOW_ALL = {"pages", "."}
ROOMS = ("suite", "machine", "packages", "turns", "counts", "documents")
"""What several features need."""

WITHOUT = """
import builtins, pathlib, sys
real = builtins.__import__
absent = ("fcntl", "uvloop", "httptools", "uvicorn", "starlette", "fastapi", "pydantic")
def guarded(name, where=None, *rest, **more):
    if name.startswith(absent) and (where or {}).get("__name__", "").startswith("asgi_anatomy"):
        raise ImportError(f"{name} is not on this machine")
    return real(name, where, *rest, **more)
builtins.__import__ = guarded
from asgi_anatomy.turns.record import Anatomy, Bench, Kind, Sensitivity
from asgi_anatomy.documents.store import read_record
from asgi_anatomy.anatomy.text import anatomy_document
from asgi_anatomy.turns.table import decay_document
from asgi_anatomy.pair.sensitivity import sensitivity_document
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
    """The rooms of asgi_anatomy/ that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names |= {node.module} if isinstance(node, ast.ImportFrom) and node.module else set()
        names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
    return {name.split(".")[1] for name in names if name.startswith("asgi_anatomy.")}


@pytest.mark.parametrize("feature", sorted(FEATURES))
def test_features_do_not_import_each_other(feature: str) -> None:
    modules = [*(HOUSE / feature).rglob("*.py")]
    assert modules
    wrong = {str(path.relative_to(HOUSE)): imports(path) & (FEATURES | KNOW_ALL) - {feature} for path in modules}
    assert not {path: rooms for path, rooms in wrong.items() if rooms}


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_do_not_import_features(room: str) -> None:
    modules = [*(HOUSE / room).rglob("*.py")]
    assert modules
    wrong = {str(path.relative_to(HOUSE)): imports(path) & (FEATURES | KNOW_ALL) for path in modules}
    assert not {path: rooms for path, rooms in wrong.items() if rooms}


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
