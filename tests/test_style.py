"""Style and types of everything, by the tools that pyproject.toml configures."""

import subprocess
import sys

import pytest

from asgi_anatomy.suite.layers import ROOT


@pytest.mark.timeout(280)  # mypy without its cache, beside the other tests
@pytest.mark.parametrize("command", ["mypy", "ruff check .", "ruff format --check ."])
def test_style(command: str) -> None:
    argv = ["nice", sys.executable, "-m", *command.split()]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{done.stdout}{done.stderr}", pytrace=False)
