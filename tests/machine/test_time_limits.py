"""What others may keep waiting forever is ended, with one line that says so."""

from pathlib import Path

import pytest

from asgi_anatomy.errors import Fault
from asgi_anatomy.machine import git, programs
from asgi_anatomy.machine.versions import ask
from asgi_anatomy.packages import environments
from asgi_anatomy.suite.layers import PYTHON


def test_each_says_what_did_not_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module, name in ((git, "TIMEOUT"), *((each, "SETUP_TIMEOUT") for each in (environments, programs))):
        monkeypatch.setattr(module, name, 0.05)
    with pytest.raises(git.GitFault, match=r"^git slow failed: it did not end within 0\.05 s$"):
        git.git(tmp_path, "-c", "alias.slow=!sleep 1", "slow")
    assert environments.failure_of("sleep 9") == "`sleep 9` did not end within 0.05 s"
    assert programs.why_failed(["sleep", "9"]) == "it did not end within 0.05 s"
    with pytest.raises(Fault, match=r"^sleep: no answer within 0 s$"):
        ask(["sleep", "9"], int, 0.05)


def test_another_python_that_fails(tmp_path: Path) -> None:
    asked = [str(PYTHON), "-c"]
    assert ask([*asked, "print('noise'); print([1, 2])"], list[int]) == [1, 2]
    for script, why in (
        ("print('no JSON')", "malformed"),
        ("raise SystemExit('broken')", "broken"),
        ("raise SystemExit(3)", "exit code 3"),
        ("", "out of range"),
    ):
        with pytest.raises(Fault, match=why):
            ask([*asked, script], int)
    with pytest.raises(Fault, match="No such file"):
        ask([str(tmp_path / "python")], int)
