"""What A and B ask for -> two environments that serve layers with it, under paths of equal length."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from bench.data.errors import BadInput, Fault
from bench.data.files import write_whole
from bench.data.layers import LONGEST, PYTHON, Layer
from bench.data.resolution import Pin, Resolution, wheel_version
from bench.data.sides import Asked, Base, Commit, Folder, Source, Version, Wheel
from bench.data.toml import short
from bench.host import uv
from bench.host.checkouts import Snapshot, of_folder
from bench.host.checkouts import build as build_wheel
from bench.host.environments import build as build_groups
from bench.host.flags import lacking
from bench.host.git import commit, git, git_folder, merge_base
from bench.host.programs import scratch, why_failed
from bench.host.resolve import Resolver
from bench.host.uv import VENVS

SHOWN = 10  # digits of a commit


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


def prepare(asked: Asked, layers: Iterable[Layer], tell: Callable[[str], None]) -> dict[str, tuple[Side, Side]]:
    """The sides, installed, by the group of the layers that they can serve.

    Raises BadInput for what does not exist or cannot be installed together, and Fault for what fails on the way.
    """
    (said_a, pins_a), (said_b, pins_b) = (find(asked.packages, each, tell) for each in (asked.a, asked.b))
    found = {}
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(layer.group, []).append(layer)
    for group, served in groups.items():
        resolver = resolver_for(served, asked.packages, tell)
        a, b = resolver.both(pins_a, pins_b)
        found[group] = install("a", said_a, a, group, tell), install("b", said_b, b, group, tell)
    return found


def resolver_for(layers: list[Layer], packages: Iterable[str], tell: Callable[[str], None]) -> Resolver:
    """What resolves sides for layers of one group, whose environment is made for that."""
    first = layers[0]
    if failed := build_groups([first], tell):
        raise Fault(failed[first.name])
    needs = dict.fromkeys([*packages, *(name for layer in layers for name in layer.versions)])
    return Resolver([*needs], first.python, first.group)


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
    if not (VENVS / f"{PYTHON.parents[1].name}-{group}").exists():
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
        layer, name=f"{layer.name[: LONGEST - 2]}:{side.mark}", group=side.group, answer="json"
    )
    command, missing = lacking(served)
    return msgspec.structs.replace(served, command=command), missing
