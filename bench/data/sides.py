"""PACKAGE, A, B and REPO as a user gives them -> the two sides of a comparison: which packages, each from where."""

import contextlib
import re
from pathlib import Path

import msgspec
import packaging.version
from packaging.utils import canonicalize_name, is_normalized_name
from packaging.version import InvalidVersion

from bench.data.errors import BadInput
from bench.data.toml import short

REF = re.compile(r"(?!-)(?!.*\.\.)(?!.*@\{)[^\s:?*\[\\\x00-\x1f\x7f]+")
SOURCES = "a version, git:REF, a folder with a checkout, or a wheel"


class Version(msgspec.Struct, frozen=True, tag=True):
    """A release from the package index."""

    version: str


class Commit(msgspec.Struct, frozen=True, tag=True):
    """A commit of a local clone: a branch, a tag, or anything else that git reads as one."""

    ref: str
    repo: Path


class Folder(msgspec.Struct, frozen=True, tag=True):
    """A checkout as it stands, uncommitted changes included."""

    path: Path


class Wheel(msgspec.Struct, frozen=True, tag=True):
    """A wheel that is already built."""

    path: Path


class Base(msgspec.Struct, frozen=True, tag=True):
    """The commit at which the other side's checkout left a branch; `ref` is that branch, empty for origin's HEAD."""

    ref: str
    other: Commit | Folder


Source = Version | Commit | Folder | Wheel | Base


class Asked(msgspec.Struct, frozen=True):
    """Two sides of the same packages: `a` and `b` say where each comes from, in the order of `packages`."""

    packages: tuple[str, ...]
    a: tuple[Source, ...]
    b: tuple[Source, ...]


def read_sides(package: str, a: str, b: str, repo: str = "") -> Asked:
    """The sides that these variables ask for; raises BadInput. Whether folders and files exist is not looked at."""
    given = package.replace(",", " ").split()
    if not given:
        raise BadInput("name a package: expected something like PACKAGE=uvicorn A=0.49.0 B=0.50.0")
    if wrong := [name for name in given if not is_normalized_name(canonicalize_name(name))]:
        raise BadInput(f"{short(repr(wrong[0]))} is not the name of a package: expected something like PACKAGE=uvicorn")
    packages = tuple(map(canonicalize_name, given))
    if twice := [name for place, name in enumerate(packages) if name in packages[:place]]:
        raise BadInput(f"PACKAGE names {twice[0]} twice: expected each package once")
    count = len(packages)
    if not b.strip():
        raise BadInput(f"side B is missing: expected B={SOURCES}")
    clones = [None if not each else _path(each) for each in _split(repo, "REPO", count)]
    given_a, given_b = _split(a, "A", count), _split(b, "B", count)
    texts = zip(packages, given_a, given_b, clones, strict=True)
    pairs = [_pair(name, one, two, clone) for name, one, two, clone in texts]
    return Asked(packages, tuple(first for first, _ in pairs), tuple(second for _, second in pairs))


def _split(text: str, variable: str, count: int) -> list[str]:
    """One text a package: with a single package all of it, as a path may contain spaces."""
    words = [text.strip()] if count == 1 else text.split() or [""] * count
    if variable == "REPO" and len(words) == 1:
        words *= count
    if len(words) != count:
        raise BadInput(f"{variable} has {len(words)} of {count}: expected one for each of PACKAGE, in the same order")
    return words


def _pair(package: str, a: str, b: str, clone: Path | None) -> tuple[Source, Source]:
    """Both sides of one package. Where one is a commit without a clone, it is one of the other side's checkout."""
    second = _plain(b, "B", clone) or Commit(_ref(b[4:], "B"), _clone(_plain(a, "A", clone), "B"))
    checkout = second if isinstance(second, Commit | Folder) else None
    if a == "base" or a.startswith("base:") or not a:
        if not checkout:
            raise BadInput(f"A of {package}: " + ("`base` needs a checkout as B" if a else f"expected A={SOURCES}"))
        return Base(_ref(a[5:], "A") if a[5:] else "", checkout), second
    return _plain(a, "A", clone) or Commit(_ref(a[4:], "A"), _clone(checkout, "A")), second


def _plain(text: str, side: str, clone: Path | None) -> Source | None:
    """What a text asks for by itself; None for a commit of an unnamed clone, and for `base`."""
    if text.startswith("git:"):
        return Commit(_ref(text[4:], side), clone) if clone else None
    if text == "base" or text.startswith("base:") or not text:
        if side == "B":
            raise BadInput(f"B={short(text)} is not possible, `base` is for A: expected B={SOURCES}")
        return None
    with contextlib.suppress(InvalidVersion):
        packaging.version.Version(text)
        return Version(text)
    return Wheel(_path(text)) if text.endswith(".whl") else Folder(_path(text))


def _clone(other: Source | None, side: str) -> Path:
    """The clone that the other side names."""
    if isinstance(other, Folder):
        return other.path
    if isinstance(other, Commit):
        return other.repo
    raise BadInput(f"{side}=git:REF needs a clone to take it from: set REPO=folder, or a checkout as the other side")


def _ref(text: str, side: str) -> str:
    if not REF.fullmatch(text):
        expected = "expected one commit, such as git:main, git:v1.2 or git:HEAD~3"
        raise BadInput(f"{short(repr(text))} in {side} is not the name of a commit: {expected}")
    return text


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise BadInput(f"no home folder for {short(repr(text))}: give the full path") from None
