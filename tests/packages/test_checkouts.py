"""A checkout or one of its commits becomes a wheel, and stays as it is."""

import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.git import commit, commits, merge_base
from asgi_anatomy.packages import checkouts
from asgi_anatomy.packages.checkouts import Snapshot, build, of_folder
from tests.packages import tiny
from tests.packages.tiny import git


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.checkout(tmp_path_factory.mktemp("a checkout"))


@pytest.fixture
def clone(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    wheels = checkouts.WHEELS.parent / f"wheels-{os.getpid()}"
    monkeypatch.setattr(checkouts, "WHEELS", wheels)
    git(tmp_path, "clone", "--quiet", str(made), "clone")
    copy = tmp_path / "clone"
    git(copy, "remote", "set-url", "origin", git(made, "config", "remote.origin.url"))
    git(copy, "fetch", "--quiet")
    git(copy, "remote", "set-head", "origin", "trunk")
    yield copy
    shutil.rmtree(wheels, ignore_errors=True)


def inside(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist() if name.startswith("tiny_side/")}


def test_uncommitted_changes_are_in_the_wheel_and_the_checkout_stays(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = merge_base(clone, "")
    assert base == git(clone, "rev-parse", "HEAD~1")
    (clone / "tiny_side" / "__init__.py").write_text("STATE = 'changed'\n")
    (clone / "tiny_side" / "new.py").write_text("NEW = 1\n")
    (clone / "tiny_side" / "x.ignored").touch()
    git(clone, "add", "tiny_side/new.py")
    (clone / "tiny_side" / "new.py").write_text("NEW = 2\n")
    before = tiny.state(clone)

    snapshot, prefix = of_folder(clone, tmp_path / "place")
    assert (snapshot.changes, prefix) == (True, "")
    changed = build("tiny-side", snapshot, prefix, "it")
    assert inside(changed)["tiny_side/__init__.py"] == "STATE = 'changed'\n"
    assert inside(changed)["tiny_side/new.py"] == "NEW = 2\n"
    assert "tiny_side/x.ignored" not in inside(changed)
    old = build("tiny-side", Snapshot(clone, base), "", "it")
    assert inside(old)["tiny_side/__init__.py"] == "STATE = 'base'\n"
    assert tiny.state(clone) == before
    assert "?? tiny_side/new.py" not in git(clone, "status", "--short")

    monkeypatch.setattr(checkouts, "run_uv", None)  # what is built is not built again
    with pytest.raises(BadInput, match="^it is tiny-side, not starlette: expected a checkout of PACKAGE"):
        build("starlette", snapshot, prefix, "it")
    again, _ = of_folder(clone, tmp_path / "again")
    assert again.commit == snapshot.commit
    assert build("tiny-side", again, prefix, "it") == changed
    (clone / "tiny_side" / "new.py").write_text("NEW = 3\n")
    assert of_folder(clone, tmp_path / "third")[0].commit != snapshot.commit


def test_submodules_come_along_with_their_changes(clone: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "data.py").write_text("DATA = 1\n")
    git(inner, "init", "--quiet")
    git(inner, "add", ".")
    git(inner, "commit", "--quiet", "-m", "inner")
    git(clone, "submodule", "--quiet", "add", str(inner), "tiny_side/vendor")
    git(clone, "commit", "--quiet", "-m", "with a submodule")
    copy = tmp_path / "copy"
    checkouts._copy(Snapshot(clone, commit(clone, "HEAD")), copy)
    assert (copy / "tiny_side" / "vendor" / "data.py").read_text() == "DATA = 1\n"
    (clone / "tiny_side" / "vendor" / "data.py").write_text("DATA = 2\n")
    snapshot, _ = of_folder(clone, tmp_path / "place")
    assert snapshot.changes
    checkouts._copy(snapshot, tmp_path / "changed")
    assert (tmp_path / "changed" / "tiny_side" / "vendor" / "data.py").read_text() == "DATA = 2\n"


def test_a_bare_clone_will_do(clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(clone), "bare")
    checkouts._copy(Snapshot(tmp_path / "bare", commit(tmp_path / "bare", "HEAD")), tmp_path / "copy")
    assert (tmp_path / "copy" / "tiny_side" / "__init__.py").read_text() == "STATE = 'head'\n"
    with pytest.raises(BadInput, match="has no files checked out: name a commit of it"):
        of_folder(tmp_path / "bare", tmp_path / "place")


def test_a_build_that_fails_is_one_line(clone: Path, tmp_path: Path) -> None:
    (clone / "broken").touch()
    with pytest.raises(Fault, match=r"^cannot build my side: no compiler for broken \(all of it: .venvs/") as failed:
        build("tiny-side", of_folder(clone, tmp_path / "one")[0], "", "my side")
    assert failed.value.exit_code == 1
    assert "\n" not in failed.value.message
    (clone / "broken").unlink()
    (clone / "pyproject.toml").unlink()
    with pytest.raises(BadInput, match="^my side has neither pyproject.toml nor setup.py"):
        build("tiny-side", of_folder(clone, tmp_path / "two")[0], "", "my side")


def test_a_build_sees_no_token(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "CARGO_REGISTRY_TOKEN", "UV_PUBLISH_TOKEN", "MY_OWN", "CFLAGS", "LC_TIME"):
        monkeypatch.setenv(name, "C")
    with (clone / "backend.py").open("a") as backend:
        backend.write('import os\npathlib.Path("tiny_side/seen.py").write_text(" ".join(os.environ))\n')
    seen = inside(build("tiny-side", of_folder(clone, tmp_path / "place")[0], "", "it"))["tiny_side/seen.py"].split()
    assert {"PATH", "HOME", "CFLAGS", "LC_TIME"} <= {*seen}
    assert not {"GITHUB_TOKEN", "CARGO_REGISTRY_TOKEN", "UV_PUBLISH_TOKEN", "MY_OWN"} & {*seen}


def test_what_git_cannot_find(clone: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has no commit 'trunkk': is it fetched\?"):
        commit(clone, "trunkk")
    git(clone, "checkout", "--quiet", "-b", "topic")
    git(clone, "branch", "--quiet", "-D", "trunk")
    with pytest.raises(BadInput, match=r"has no commit 'trunk': did you mean git:origin/trunk\?"):
        commit(clone, "trunk")
    with pytest.raises(BadInput, match="^no folder "):
        commit(tmp_path / "none", "HEAD")
    with pytest.raises(BadInput, match="is not a checkout made by git"):
        of_folder(tmp_path, tmp_path / "place")
    assert commits(clone, "origin/trunk~1", "HEAD") == [commit(clone, "HEAD")]
    with pytest.raises(BadInput, match="no commits lead from HEAD to origin/trunk"):
        commits(clone, "HEAD", "origin/trunk")


def test_where_a_branch_left_another(clone: Path) -> None:
    assert merge_base(clone, "origin/trunk") == merge_base(clone, "") == commit(clone, "origin/trunk~1")
    git(clone, "remote", "set-head", "origin", "--delete")
    with pytest.raises(
        BadInput, match="does not say what origin's main branch is: name it, such as A=base:origin/main"
    ):
        merge_base(clone, "")
    git(clone, "update-ref", "refs/remotes/origin/main", "origin/trunk")
    assert merge_base(clone, "") == commit(clone, "origin/trunk~1")
    git(clone, "checkout", "--quiet", "--orphan", "alone")
    git(clone, "commit", "--quiet", "-m", "alone")
    with pytest.raises(BadInput, match="has no commit common to HEAD and origin/main: try A=git:REF"):
        merge_base(clone, "")
