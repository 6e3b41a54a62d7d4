"""Which version of each package a side gets: the lock that says so, and what differs between two sides."""

import re

import msgspec

from bench.data.sides import canonical


class Pin(msgspec.Struct, frozen=True):
    """One package in one version, as pip installs it."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    """`sha256:...` of the files that may be installed; none where the index does not tell."""
    url: str = ""
    """Where the file is, for a wheel that does not come from an index."""
    requires: tuple[str, ...] = ()
    """What its metadata require, as they spell it."""

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
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
        every = [*self.packages.values(), *self.others.values()]
        hashed = "" if all(pin.hashes for pin in every) else "  # "  # pip wants them for all packages or for none
        lines = sorted(
            " ".join([f"{pin.requirement}{hashed}", *(f"--hash={each}" for each in pin.hashes)]) for pin in every
        )
        return "\n".join([f"# on: {group or 'main'}", *lines, ""])


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


def bounds(resolution: Resolution) -> list[str]:
    """What the compared packages require of others, as constraints: without extras, and without links."""
    found = []
    for requirement in (each for pin in resolution.packages.values() for each in pin.requires):
        plain = re.sub(r"\[[^]]*\]", "", requirement)
        name = canonical(re.match("[A-Za-z0-9._-]*", plain)[0])  # type: ignore[index]  # it matches always
        if name not in resolution.packages and "@" not in plain and not re.search(r"\bextra\s*==", plain):
            found.append(plain)
    return found


def pins(versions: dict[str, Pin]) -> list[str]:
    """These versions as constraints."""
    return [f"{name}=={pin.version}" for name, pin in versions.items()]


def locked(text: str) -> dict[str, Pin]:
    """The pins of a lock with hashes, by name, as `make lock` writes it."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if pinned := re.match(r"([A-Za-z0-9._-]+)==(\S+)", line):
            name = canonical(pinned[1])
            found[name] = [pinned[2]]
        elif name and (digest := re.search(r"--hash=(\S+)", line)):
            found[name].append(digest[1])
    return {name: Pin(name, version, tuple(hashes)) for name, (version, *hashes) in found.items()}
