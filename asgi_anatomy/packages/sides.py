"""PACKAGE, A, B and REPO as a user gives them -> two environments that serve layers, under paths of equal length.

Which version of every package a side gets is resolved by uv: the compared ones as asked, all others as in the lock.
Where a side does not allow a version of the lock, both get the newest that both allow, if there is one. A layer's
command loses the flags that the release which serves it does not have.
"""

import contextlib
import datetime
import functools
import hashlib
import os
import re
import shlex
import socket
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
import packaging.version
from packaging.utils import canonicalize_name, is_normalized_name, parse_wheel_filename
from packaging.version import InvalidVersion

from asgi_anatomy.documents.store import write_whole
from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.children import clean_environment
from asgi_anatomy.machine.git import commit, git, git_folder, merge_base
from asgi_anatomy.machine.programs import run, scratch, why_failed
from asgi_anatomy.machine.versions import read_packages
from asgi_anatomy.packages import uv
from asgi_anatomy.packages.checkouts import Snapshot, of_folder
from asgi_anatomy.packages.checkouts import build as build_wheel
from asgi_anatomy.packages.environments import build as build_groups
from asgi_anatomy.packages.environments import run_uv
from asgi_anatomy.packages.uv import VENVS, why
from asgi_anatomy.suite.layers import LONGEST, PYTHON, ROOT, Layer, group_environment, short

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


FLAG = re.compile(r"--[a-z0-9][a-z0-9-]*")
OWN = "servers."
TIMEOUT = 60.0  # seconds that a program has to list its flags


def lacking(layer: Layer) -> tuple[str, list[str]]:
    """The command of a layer without the flags that its program does not list under `--help`, and these flags.

    A flag goes together with its value. The servers of this suite have what their layers ask for.
    """
    words = shlex.split(layer.command)
    module = words[2] if words[:2] == ["{python}", "-m"] and len(words) > 2 else OWN
    if module.startswith(OWN):
        return layer.command, []
    if not (known := _known(layer.python, module)):
        return layer.command, []  # it lists none: the server itself will say what is wrong
    asked = dict.fromkeys(word.partition("=")[0] for word in words if FLAG.match(word))
    missing = [flag for flag in asked if flag not in known]
    command = layer.command
    for flag in missing:
        command = re.sub(rf"\s{re.escape(flag)}(=\S+|\s+(?!-|\{{app\}})\S+)?(?=\s|$)", "", command)
    return command, missing


@functools.cache
def _known(python: str, module: str) -> frozenset[str]:
    """The flags that a program lists."""
    code, said = run([python, "-m", module, "--help"], TIMEOUT, environment=clean_environment())
    return frozenset(FLAG.findall(said)) if code == 0 else frozenset()


SHOWN = 10  # digits of a commit


class Pin(msgspec.Struct, frozen=True):
    """One package in one version: `hashes` are of the files that may be installed, `url` is set for a wheel on disk."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    url: str = ""

    @property
    def requirement(self) -> str:
        """What uv is asked for."""
        return f"{self.name} @ {self.url}" if self.url else f"{self.name}=={self.version}"


class Resolution(msgspec.Struct, frozen=True):
    """What one side gets: the `packages` that are compared, `others` that change for their sake, and what is `held`."""

    packages: dict[str, Pin]
    others: dict[str, Pin]
    held: dict[str, str]
    """The versions of all packages that the environment below has, by name."""

    @property
    def versions(self) -> dict[str, str]:
        """The versions of all packages as this side sees them, by name."""
        changed = {name: pin.version for name, pin in (self.others | self.packages).items()}
        return dict(sorted((self.held | changed).items()))

    def lock(self, group: str) -> str:
        """The lock of its environment: all that a folder's contents depend on, but the environment below it."""
        return f"# on: {group or 'main'}\n{locked([*self.packages.values(), *self.others.values()])}"


def changed(a: Resolution, b: Resolution) -> dict[str, tuple[str, str]]:
    """The other packages whose versions differ, by name: A's version and B's, empty where a side has none."""
    names = sorted({*a.others, *b.others} - {*a.packages, *b.packages})
    pairs = {name: (a.versions.get(name, ""), b.versions.get(name, "")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def moved(a: Resolution, b: Resolution) -> dict[str, tuple[str, str]]:
    """The other packages that both sides have in one version, which is not that of the lock: the lock's, and theirs."""
    names = sorted({*a.others} & {*b.others})
    versions = {name: a.others[name].version for name in names if a.others[name].version == b.others[name].version}
    return {name: (a.held.get(name, ""), version) for name, version in versions.items()}


def locked(pins: Iterable[Pin]) -> str:
    """A lock of these pins, a line each."""
    return "".join(sorted(f"{' '.join([pin.requirement, *(f'--hash={it}' for it in pin.hashes)])}\n" for pin in pins))


def read_lock(text: str) -> dict[str, Pin]:
    """The pins of a lock with hashes, by name, as uv writes it."""
    pins: dict[str, Pin] = {}
    for name, what, rest in re.findall(r"^([A-Za-z0-9._-]+)(?:==| @ )(\S+)((?:.|\n(?=\s))*)", text, re.MULTILINE):
        url = what if "://" in what else ""
        version = wheel_version(urllib.parse.unquote(url).rpartition("/")[2])[1] if url else what
        hashes = tuple(re.findall(r"--hash=(\S+)", rest))
        pins[canonicalize_name(name)] = Pin(canonicalize_name(name), version, hashes, url)
    return pins


def wheel_version(name: str) -> tuple[str, str]:
    """The package and the version of a wheel, from its file name; raises ValueError."""
    package, version, _, _ = parse_wheel_filename(name)
    return package, str(version)


NOT_NEEDED = {"pip", "setuptools", "wheel"}
"""What a virtual environment has of its own accord."""
HOW = ("pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--only-binary", ":all:")


class Resolver:
    """Resolves sides on top of one environment, whose packages they keep wherever they can.

    `needs` are the packages that the layers serve with. `python` is that of the environment, `group` its group. An own
    layer also needs what its `requirements` file lists, or else the packages of its `own` environment: these versions
    are kept before those of the lock.
    """

    def __init__(
        self,
        needs: Sequence[str],
        python: str = str(PYTHON),
        group: str = "",
        requirements: str = "",
        own: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.python = python
        self.held: dict[str, str] = {canonicalize_name(name): it for name, it in read_packages(python, ["*"]).items()}
        self.needs = [name for name in map(canonicalize_name, needs) if name in self.held]
        self.locked = read_lock((ROOT / (f"groups/{group}.lock" if group else "requirements.lock")).read_text())
        self.locked |= {name: Pin(name, version) for name, version in own.items() if name not in NOT_NEEDED}
        self.requirements = requirements
        self.also = [f"-r {requirements}"] if requirements else sorted(own.keys() - NOT_NEEDED)

    def one(self, wanted: Sequence[Pin], like: Mapping[str, Pin] | None = None, within: str = "") -> Resolution:
        """What a side of these packages gets: of others the versions that it is `like`, or those of the lock, wherever
        that is possible; always those `within` a lock. Raises BadInput or Fault.
        """
        names = [pin.name for pin in wanted]
        needs = [name for name in dict.fromkeys([*self.needs, *self.also]) if name not in names]
        asked = [*(pin.requirement for pin in wanted), *needs]
        pinned = [pin.requirement for pin in wanted] if self.requirements else []
        found = self._resolve(asked, {**self.locked, **(like or {})}, within, pinned=pinned)
        others = {it.name: it for it in found.values() if it.name not in names and self.held.get(it.name) != it.version}
        return Resolution({name: found[name] for name in names}, others, self.held)

    def newest(self, wanted: Sequence[Pin], *options: str) -> Resolution:
        """What a side gets with the newest of all that its packages depend on; what they do not is held."""
        names = [pin.name for pin in wanted]
        found = self._resolve([pin.requirement for pin in wanted], {}, "", *options)
        return self.one(wanted, within=locked(pin for pin in found.values() if pin.name not in names))

    def dated(self, wanted: Sequence[Pin], day: datetime.datetime) -> Resolution:
        """What a side gets with the newest as of a time of all that its packages depend on.

        Raises BadInput also where the index does not tell upload times.
        """
        always = [word for pin in wanted for word in ("--exclude-newer-package", f"{pin.name}=false")]
        return self.newest(wanted, "--exclude-newer", day.isoformat(), *always)

    def both(self, a: Sequence[Pin], b: Sequence[Pin]) -> tuple[Resolution, Resolution]:
        """Both sides, with the same other packages if there are versions that both allow."""
        first, second = self.one(a), self.one(b)
        if agree(first, second):
            return first, second
        for wanted, other, like in ((a, b, first), (b, a, second)):
            taken = self.one(other, like.others)
            given = self.one(wanted, taken.others)
            if agree(given, taken):
                return (given, taken) if wanted is a else (taken, given)
        return first, second

    def _resolve(
        self,
        asked: Sequence[str],
        like: Mapping[str, Pin],
        within: str,
        *options: str,
        pinned: Sequence[str] = (),
    ) -> dict[str, Pin]:
        """`pinned` go before what a requirements file says of the same packages."""
        with scratch() as folder:
            lock, bounds, wanted, over = (folder / name for name in ("lock", "bounds.txt", "wanted.in", "over.txt"))
            texts = (locked(like.values()), within, "\n".join(asked), "\n".join(pinned))
            for path, text in zip((lock, bounds, wanted, over), texts, strict=True):
                path.write_text(text)
            where = ["--python", self.python, "--constraints", str(bounds), "--output-file", str(lock), str(wanted)]
            where += ["--overrides", str(over)] if pinned else []
            code, output = run_uv(*HOW, *options, *where)
            if not code:
                return read_lock(lock.read_text())
        what = why(output).removeprefix("No solution found when resolving dependencies: ")
        if "missing an upload date" in output:
            raise BadInput("DEPS=dated: the package index does not tell when releases were uploaded: try DEPS=newest")
        if "No solution found" in output:
            raise BadInput(f"no versions fit: {what}")
        raise Fault(what)


def agree(a: Resolution, b: Resolution) -> bool:
    """Whether the other packages that both sides have are the same; one that only one side needs does not count."""
    return not any(one and other for one, other in changed(a, b).values())


class Side(msgspec.Struct, frozen=True):
    """An environment that a layer can be served from: that of a group, or the main one, with other versions on top."""

    mark: str
    """`a` or `b`."""
    said: tuple[str, ...]
    """For each of the packages that are compared, what it is: "uvicorn 0.49.0"."""
    resolution: Resolution
    group: str
    """What its environment is called, as the key `group` of a layer names one: `side-` and 8 digits."""
    below: str = ""
    """The group that it stands on."""


Surroundings = tuple[str, str, str]
"""What a side is installed upon: a group, the environment of an own layer, its requirements file; each may be empty."""


def surroundings_of(layer: Layer) -> Surroundings:
    """What the sides of a layer are installed upon."""
    return layer.group, layer.env, layer.requirements


def prepare(
    asked: Asked, layers: Iterable[Layer], tell: Callable[[str], None]
) -> dict[Surroundings, tuple[Side, Side]]:
    """The sides, installed, by what they are installed upon.

    Raises BadInput for what does not exist or cannot be installed together, and Fault for what fails on the way.
    """
    (said_a, pins_a), (said_b, pins_b) = (find(asked.packages, each, tell) for each in (asked.a, asked.b))
    found = {}
    alike: dict[Surroundings, list[Layer]] = {}
    for layer in layers:
        alike.setdefault(surroundings_of(layer), []).append(layer)
    for below, served in alike.items():
        resolver = resolver_for(served, asked.packages, tell)
        a, b = resolver.both(pins_a, pins_b)
        found[below] = install("a", said_a, a, below[0], tell), install("b", said_b, b, below[0], tell)
    return found


def resolver_for(layers: list[Layer], packages: Iterable[str], tell: Callable[[str], None]) -> Resolver:
    """What resolves sides for layers of one group, whose environment is made for that."""
    first = layers[0]
    if failed := build_groups([first], tell):
        raise Fault(failed[first.name])
    needs = dict.fromkeys([*packages, *(name for layer in layers for name in layer.versions)])
    python = msgspec.structs.replace(first, env="").python
    there = read_packages(first.env, ["*"]) if first.env and not first.requirements else {}
    own = {str(canonicalize_name(name)): version for name, version in there.items()}
    return Resolver([*needs], python, first.group, first.requirements, own)


def find(
    packages: Iterable[str], sources: Iterable[Source], tell: Callable[[str], None]
) -> tuple[tuple[str, ...], list[Pin]]:
    """What each package of a side is, in words, and its pin: what is not built yet is built.

    The words name a commit or a file; they are empty for a release, whose version says it all.
    """
    each = [_find(name, source, tell) for name, source in zip(packages, sources, strict=True)]
    return tuple(said for said, _ in each), [pin for _, pin in each]


def _find(name: str, source: Source, tell: Callable[[str], None]) -> tuple[str, Pin]:
    match source:
        case Version(version):
            return "", Pin(name, version)
        case Wheel(path):
            if not path.is_file():
                raise BadInput(f"no wheel {path}")
            return f"{name} {path.name}", _local(name, path)
        case Folder(path):
            with scratch() as place:
                snapshot, prefix = of_folder(path, place)
                plus = " with uncommitted changes" if snapshot.changes else ""
                tell(f"side: {name} of {path}{plus}")
                at = plus or f" at {snapshot.commit[:SHOWN]}"
                return f"{name} {path}{at}", _local(name, build_wheel(name, snapshot, prefix, f"{path}{plus}"))
        case Commit(ref, repo):
            return _commit(name, repo, commit(repo, ref), f"git:{ref}", tell)
        case Base(ref, other):
            repo, head = (other.path, "HEAD") if isinstance(other, Folder) else (other.repo, other.ref)
            return _commit(name, repo, merge_base(repo, ref, head), f"base:{ref}" if ref else "base", tell)


def _commit(name: str, repo: Path, found: str, ref: str, tell: Callable[[str], None]) -> tuple[str, Pin]:
    """A commit of a clone; the package is in the folder that the user named."""
    git_folder(repo)
    prefix = git(repo, "rev-parse", "--show-prefix")
    tell(f"side: {name} of {repo}, {ref} at {found[:SHOWN]}")
    wheel = build_wheel(name, Snapshot(repo, found), prefix, f"{repo} at {found[:SHOWN]}")
    return f"{name} {ref} at {found[:SHOWN]}", _local(name, wheel)


def _local(name: str, wheel: Path) -> Pin:
    """A wheel that does not come from an index."""
    with contextlib.suppress(ValueError):
        package, version = wheel_version(wheel.name)
        if package == name:
            return Pin(name, version, url=wheel.as_uri())
    raise BadInput(f"{short(wheel.name)} is not a wheel of {name}: expected {name}-VERSION-....whl")


def install(mark: str, said: tuple[str, ...], given: Resolution, below: str, tell: Callable[[str], None]) -> Side:
    """The environment of a side, made unless there is one of the same contents; raises Fault."""
    lock = given.lock(below)
    group = f"side-{hashlib.sha256(lock.encode()).hexdigest()[:8]}"
    file = VENVS / f"{group}.lock"
    if not file.is_file() or file.read_text() != lock:
        write_whole(lock.encode(), file)
    if not group_environment(group).exists():
        tell(f"side {mark}: install {', '.join(f'{name} {pin.version}' for name, pin in given.packages.items())}")
    if why := why_failed([os.fspath(PYTHON), "-I", uv.__file__, "group", group]):
        raise Fault(f"side {mark}: {why}")
    plain = [f"{name} {pin.version}" for name, pin in given.packages.items()]
    return Side(mark, tuple(words or each for words, each in zip(said, plain, strict=True)), given, group, below)


def served_by(layer: Layer, side: Side) -> tuple[Layer, list[str]]:
    """A layer as a side serves it, and which flags are left out as its release lacks them.

    It need only answer the User request with the same JSON: whether it does so to the byte is a finding.
    """
    served = msgspec.structs.replace(
        layer, name=f"{layer.name[: LONGEST - 2]}:{side.mark}", group=side.group, env="", answer="json"
    )
    command, missing = lacking(served)
    return msgspec.structs.replace(served, command=command), missing


def install_here(layers: list[Layer], sides: list[Side]) -> None:
    """Install sides, each on the group of the layers that it serves, in this worker's clone.

    Raises BadInput for a wheel that is not on this machine, or Fault where something cannot be installed.
    """
    for side in sides:
        for pin in side.resolution.packages.values():
            path = url2pathname(urlsplit(pin.url).path)
            if pin.url and not Path(path).is_file():
                raise BadInput(
                    f"{socket.gethostname()} has no {path}: a checkout or a wheel can only be counted by workers that"
                    " see the disk it is on"
                )
    if failed := build_groups(layers, lambda _: None):
        raise Fault(f"{socket.gethostname()}: {next(iter(failed.values()))}")
    for side in sides:
        install(side.mark, side.said, side.resolution, side.below, lambda _: None)
