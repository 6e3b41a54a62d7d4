"""Two sides end to end: installed under paths of equal length, and served."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.errors import BadInput, ServerFault
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.versions import read_served
from asgi_anatomy.packages import checkouts
from asgi_anatomy.packages.sides import Side, lacking, prepare, read_sides, served_by
from asgi_anatomy.packages.uv import VENVS
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import PYTHON, Layer
from asgi_anatomy.versus.run import answers, differing, exact
from tests.packages import tiny

TINY = Layer(
    name="tiny",
    adds="",
    command="{python} -m tiny_side --host {host} --port {port} --old 1 --loud",
    versions=("tiny-side",),
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout; what is made of it goes at the end."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("sides")
    patch.setattr(checkouts, "WHEELS", folder / "wheels")
    patch.setenv("PIP_NO_INDEX", "1")
    before = {*VENVS.glob("*side-*")}
    yield tiny.checkout(folder)
    patch.undo()
    for path in {*VENVS.glob("*side-*")} - before:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def both(a: str, b: str) -> tuple[Side, Side]:
    return prepare(read_sides("tiny-side", a, b), [TINY], lambda _: None)["", "", ""]


def folder(side: Side) -> Path:
    return Path(served_by(TINY, side)[0].python).parents[1]


def test_two_sides(clone: Path, contract: Contract) -> None:
    tiny.serve_with(clone, "--old", status=400)
    before = tiny.state(clone)
    a, b = both("", str(clone))
    assert a.said == (f"tiny-side base at {tiny.git(clone, 'rev-parse', '--short=10', 'HEAD~1')}",)
    assert b.said == (f"tiny-side {clone} with uncommitted changes",)
    assert folder(a) != folder(b)
    assert len(str(folder(a))) == len(str(folder(b)))
    assert len(str(folder(a).resolve())) == len(str(folder(b).resolve()))
    ask = "import tiny_side, h11, uvicorn; print(tiny_side.STATE, tiny_side.__cached__, h11.__file__)"
    for side, state in ((a, "base"), (b, "head")):
        said = subprocess.run([folder(side) / "bin" / "python", "-c", ask], capture_output=True, text=True, check=True)
        assert said.stdout.split()[0] == state
        assert Path(said.stdout.split()[1]).is_file(), "compiled"
        assert said.stdout.split()[2].startswith(str(PYTHON.parents[1])), "all else is one and the same"

    (first, missing_a), (second, missing_b) = served_by(TINY, a), served_by(TINY, b)
    assert (first.name, second.name) == ("tiny:a", "tiny:b")
    assert (missing_a, missing_b) == (["--old", "--loud"], ["--loud"])
    with Server(second, contract) as running:
        assert read_served(running.process.pid, running.port)["tiny-side"] == "1.0"
    one, other = answers(first, contract), answers(second, contract)
    assert {*one} == {*other} == {"user", *contract.cases}
    assert exact(one, contract)
    assert exact(other, contract)
    assert differing(one, other)["path"] == "404 -> 400"
    assert "user" not in differing(one, other)
    assert tiny.state(clone) == before

    made = {each: each.stat().st_mtime_ns for each in (folder(a).resolve(), folder(b).resolve())}
    assert both("", str(clone)) == (a, b)
    assert {each: each.stat().st_mtime_ns for each in made} == made, "and not made again"
    (folder(b) / "bin" / "python").unlink()  # as where its Python is gone
    (folder(b) / "lib").rename(folder(b) / "rest")
    assert both("", str(clone)) == (a, b)
    assert (folder(b) / "bin" / "python").exists()
    assert not (folder(b) / "rest").exists()


def test_identical_sides_share_one(clone: Path) -> None:
    tiny.git(clone, "stash", "--quiet")
    a, b = both("git:HEAD", str(clone))
    assert a.group == b.group
    assert b.said == (f"tiny-side {clone} at {tiny.git(clone, 'rev-parse', '--short=10', 'HEAD')}",)
    wheel = next((checkouts.WHEELS).glob("*/*.whl"))
    assert both(str(wheel), str(wheel))[0].said == (f"tiny-side {wheel.name}",)
    with pytest.raises(BadInput, match=r"^no wheel /none/tiny_side-1-py3-none-any.whl$"):
        both("/none/tiny_side-1-py3-none-any.whl", str(wheel))


def test_a_side_must_serve_the_user(contract: Contract) -> None:
    with pytest.raises(ServerFault, match="did not start"):
        answers(msgspec.structs.replace(TINY, command="{python} -m no_such_module"), contract)


def test_flags_go_with_their_values() -> None:
    uvicorn = "{python} -m uvicorn {app} --port {port} --colour red --workers {workers} --processes {workers}"
    uvicorn += " --sideways --loop=uvloop"
    layer = Layer(name="x", adds="", app="x:x", command=uvicorn)
    expected = "{python} -m uvicorn {app} --port {port} --workers {workers} --loop=uvloop"
    assert lacking(layer) == (expected, ["--colour", "--processes", "--sideways"])
    own = Layer(name="x", adds="", command="{python} -m servers.protocol_server --none")
    assert lacking(own) == (own.command, [])
