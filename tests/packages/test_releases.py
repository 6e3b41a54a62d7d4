"""What A, B, PACKAGE and REPO mean, which releases are meant, and what two resolutions differ in."""

from pathlib import Path

import pytest

from asgi_anatomy.errors import BadInput
from asgi_anatomy.packages.releases import Release, choose
from asgi_anatomy.packages.sides import (
    Base,
    Commit,
    Folder,
    Pin,
    Resolution,
    Source,
    Version,
    Wheel,
    changed,
    locked,
    moved,
    read_lock,
    read_sides,
)
from asgi_anatomy.suite.layers import ROOT

CLONE = Path("/clone")
HOME = Path.home()


@pytest.mark.parametrize(
    ("a", "b", "repo", "expected"),
    [
        ("0.49.0", "0.50.0rc1", "", (Version("0.49.0"), Version("0.50.0rc1"))),
        ("", "~/x", "", (Base("", Folder(HOME / "x")), Folder(HOME / "x"))),
        ("base", "/a b/c", "", (Base("", Folder(Path("/a b/c"))), Folder(Path("/a b/c")))),
        ("base:dev", "git:topic", "/clone", (Base("dev", Commit("topic", CLONE)), Commit("topic", CLONE))),
        ("git:v1", "/x", "", (Commit("v1", Path("/x")), Folder(Path("/x")))),
        ("/x", "git:HEAD~2", "", (Folder(Path("/x")), Commit("HEAD~2", Path("/x")))),
        ("git:v1", "/x", "/clone", (Commit("v1", CLONE), Folder(Path("/x")))),
        ("1", "/p/x-1-py3-none-any.whl", "", (Version("1"), Wheel(Path("/p/x-1-py3-none-any.whl")))),
    ],
)  # fmt: skip
def test_what_a_side_can_be(a: str, b: str, repo: str, expected: tuple[Source, Source]) -> None:
    asked = read_sides("My_Package", a, b, repo)
    assert (asked.packages, asked.a[0], asked.b[0]) == (("my-package",), *expected)


def test_several_packages() -> None:
    asked = read_sides("starlette, anyio", "0.41 4.4", "/s git:main", "/one /two")
    assert asked.a == (Version("0.41"), Version("4.4"))
    assert asked.b == (Folder(Path("/s")), Commit("main", Path("/two")))
    assert read_sides("x y", "", "git:a git:b", "/both").b == (Commit("a", Path("/both")), Commit("b", Path("/both")))


@pytest.mark.parametrize(
    ("package", "a", "b", "error"),
    [
        ("", "1", "2", "name a package"),
        ("a/b", "1", "2", "'a/b' is not the name of a package"),
        ("x X", "1 1", "2 2", "PACKAGE names x twice"),
        ("x", "1", " ", "side B is missing: expected B=a version, git:REF"),
        ("x y", "1", "2 2", "A has 1 of 2: expected one for each of PACKAGE"),
        ("x", "", "2", "A of x: expected A=a version"),
        ("x", "base", "2", "A of x: `base` needs a checkout as B"),
        ("x", "1", "base", "B=base is not possible, `base` is for A"),
        ("x", "git:main", "2", "A=git:REF needs a clone to take it from: set REPO=folder"),
        ("x", "git:a..b", "/x", "'a..b' in A is not the name of a commit"),
        ("x", "git:--output=y", "/x", "'--output=y' in A is not the name of a commit"),
        ("x", "base:-x", "/x", "'-x' in A is not the name of a commit"),
        ("x", "1", "git:", "'' in B is not the name of a commit"),
    ],
)
def test_what_a_side_cannot_be(package: str, a: str, b: str, error: str) -> None:
    with pytest.raises(BadInput) as wrong:
        read_sides(package, a, b)
    assert wrong.value.message.startswith(error)
    assert "\n" not in wrong.value.message


def test_which_releases_are_meant() -> None:
    every = [Release(each) for each in ("0.9", "0.10.0", "0.10.1", "1.0.0", "1.0.0.post1", "1.1.0")]

    def versions(which: str = "minors", since: str = "", until: str = "") -> list[str]:
        return [each.version for each in choose(every, which, since, until)]

    assert versions() == ["0.9", "0.10.1", "1.0.0.post1", "1.1.0"]
    assert versions("all", "0.10", "1.0.0") == ["0.10.1", "1.0.0"]
    assert versions("all", "0.10.0", "1.1") == ["0.10.0", "0.10.1", "1.0.0", "1.0.0.post1", "1.1.0"]
    with pytest.raises(BadInput, match="UNTIL=1.2 is no release with a wheel for this Python: the closest are 1.0.0"):
        versions(until="1.2")
    with pytest.raises(BadInput, match="SINCE=1.1 is newer than UNTIL=0.9"):
        versions(since="1.1", until="0.9")
    with pytest.raises(BadInput, match="RELEASES=some is not possible"):
        versions("some")


def test_what_two_sides_differ_in() -> None:
    held = {"base": "9", "kept": "1"}
    a = Resolution({"x": Pin("x", "1")}, {"base": Pin("base", "7"), "new": Pin("new", "3")}, held)
    b = Resolution({"x": Pin("x", "2")}, {}, held)
    assert changed(a, b) == {"base": ("7", "9"), "new": ("3", "")}
    assert changed(a, a) == changed(b, b) == {}
    assert moved(a, a) == {"base": ("9", "7"), "new": ("", "3")}
    assert a.versions == {"base": "7", "kept": "1", "new": "3", "x": "1"}


def test_a_lock_is_all_that_an_environment_depends_on() -> None:
    pin = Pin("x", "1", ("sha256:ab",))
    local = Pin("y", "2", ("sha256:cd",), "file:///y.whl")
    assert Resolution({"y": local}, {"x": pin}, {"z": "1"}).lock("stack") == (
        "# on: stack\nx==1 --hash=sha256:ab\ny @ file:///y.whl --hash=sha256:cd\n"
    )


def test_a_lock_is_read_as_it_is_written() -> None:
    pins = [
        Pin("x", "1", ("sha256:ab", "sha256:cd")),
        Pin("a-b", "2+c", ("sha256:ef",), "file:///d%20e/a_b-2+c-py3-none-any.whl"),
    ]
    assert [*read_lock(f"# on: main\n{locked(pins)}").values()] == pins[::-1]


def test_the_pins_of_our_lock() -> None:
    pins = read_lock((ROOT / "requirements.lock").read_text())
    assert {"uvicorn", "starlette", "fastapi", "msgspec"} <= {*pins}
    assert all(pin.hashes and all(each.startswith("sha256:") for each in pin.hashes) for pin in pins.values())
