"""What is measured is stock: packages run as their users start them, by what they offer in public."""

import ast
from pathlib import Path

import pytest

from asgi_anatomy.suite.layers import ROOT
from tests.conftest import CATALOGUE

OURS = sorted(each for folder in ("servers", "asgi_anatomy") for each in (ROOT / folder).rglob("*.py"))


def private_imports(text: str) -> list[str]:
    """The names of others that begin with an underscore, as far as a file imports them."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{each.name}" for each in node.names]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        else:
            continue
        found += [name for name in names if any(part.startswith("_") for part in name.split(".")) and name[:2] != "__"]
    return found


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_name_is_imported(path: Path) -> None:
    assert private_imports(path.read_text()) == []


def test_a_private_name_is_found() -> None:
    text = "import a._b, c\nfrom d._e import F\nfrom g import _h, i\nif x:\n    import _j\n"
    assert private_imports(text) == ["a._b", "d._e.F", "g._h", "_j"]


def test_every_app_is_served_by_uvicorns_own_command() -> None:
    words = CATALOGUE.asgi.split()
    assert words[:4] == ["{python}", "-m", "uvicorn", "{app}"]
    served = [layer for layer in CATALOGUE.layers.values() if layer.app and "-m uvicorn" in layer.command]
    others = [layer.name for layer in served if not layer.command.startswith(CATALOGUE.asgi)]
    assert others == ["uvicorn-as-published"]
