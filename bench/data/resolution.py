"""Which version of each package a side gets: the lock that says so, and what differs between two sides."""

import re
import urllib.parse
from collections.abc import Iterable

import msgspec
from packaging.utils import canonicalize_name, parse_wheel_filename


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
    found: dict[str, Pin] = {}
    for name, what, rest in re.findall(r"^([A-Za-z0-9._-]+)(?:==| @ )(\S+)((?:.|\n(?=\s))*)", text, re.MULTILINE):
        url = what if "://" in what else ""
        version = wheel_version(urllib.parse.unquote(url).rpartition("/")[2])[1] if url else what
        hashes = tuple(re.findall(r"--hash=(\S+)", rest))
        found[canonicalize_name(name)] = Pin(canonicalize_name(name), version, hashes, url)
    return found


def wheel_version(name: str) -> tuple[str, str]:
    """The package and the version of a wheel, from its file name; raises ValueError."""
    package, version, _, _ = parse_wheel_filename(name)
    return package, str(version)
