"""action.yml: its steps, run as a runner does, for a small package with a branch of its own."""

import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest

from asgi_anatomy.suite.layers import ROOT
from tests.conftest import require_tool
from tests.packages import tiny
from tests.packages.tiny import APP, LAYERS, MORE, WORK, commit

ACTION = (ROOT / "action.yml").read_text()
INPUTS = {"package": "tiny-side", "path": "clone", "base": "", "layers": "tiny", "limit": "0.2", "python": "python3"}
CONTEXT = {"inputs.base || github.base_ref": "trunk", **{f"inputs.{name}": text for name, text in INPUTS.items()}}


def steps() -> list[tuple[dict[str, str], str]]:
    """The environment and the script of each step."""
    found = []
    for step in ACTION.partition("  steps:\n")[2].split("    - name: ")[1:]:
        head, _, script = step.partition("      run: |\n")
        given = re.findall(r"^        (\w+): \$\{\{ (.*) \}\}$", head, re.MULTILINE)
        assert len(given) == head.count("${{")
        found.append(({name: CONTEXT[what] for name, what in given}, textwrap.dedent(script)))
    return found


def test_it_says_every_input_it_takes() -> None:
    declared = re.findall(r"^  (\w+):\n    description: ", ACTION, re.MULTILINE)
    assert declared == [*INPUTS]
    assert {*re.findall(r"inputs\.(\w+)", ACTION)} == {*INPUTS}
    assert [bool(script) for _, script in steps()] == [True] * 3


@pytest.mark.all
def test_its_steps_run_for_a_small_package(tmp_path: Path) -> None:
    require_tool("make")
    clone, suite, summary = tiny.checkout(tmp_path), tmp_path / "suite", tmp_path / "summary"
    commit(clone, "app", "app.py", APP)
    commit(clone, "work", "work.py", WORK)
    tiny.git(clone, "push", "--quiet", "--force", "origin", "HEAD:refs/heads/trunk2")
    tiny.git(tmp_path / "origin", "checkout", "--quiet", "-B", "trunk", "trunk2")
    commit(clone, "slower", "work.py", MORE + WORK.replace("return sum", "helper()\n    return sum"))
    tiny.git(tmp_path, "clone", "--quiet", str(ROOT), str(suite))
    layer = LAYERS[LAYERS.index("[layers.tiny]") : LAYERS.index("[layers.plain]")]
    (suite / "layers.toml").write_text(f"{(ROOT / 'layers.toml').read_text()}\n{layer}")
    runner = {"GITHUB_ACTION_PATH": suite, "GITHUB_WORKSPACE": tmp_path, "GITHUB_STEP_SUMMARY": summary}
    codes = []
    for given, script in steps():
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            env={**os.environ, **{name: str(path) for name, path in runner.items()}, **given},
            cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        codes.append((done.returncode, done.stderr))
    assert [code for code, _ in codes] == [0, 0, 3], codes
    said = summary.read_text()
    assert said.startswith("<!-- asgi-anatomy versus: tiny-side -->\n\n**slower: tiny-side ")
    assert "side:helper" in said
