"""Which version of every package a side gets, resolved by uv: the compared ones as asked, all others as in the lock.

Where a side does not allow a version of the lock, both get the newest that both allow, if there is one.
"""

import datetime
import re
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from packaging.utils import canonicalize_name, parse_wheel_filename

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.programs import SETUP_TIMEOUT, run, scratch
from asgi_anatomy.machine.versions import read_packages
from asgi_anatomy.packages.uv import SetupError, variables, why
from asgi_anatomy.packages.uv import command as uv_command
from asgi_anatomy.suite.layers import PYTHON, ROOT


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


HOW = ("pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--only-binary", ":all:")


class Resolver:
    """Resolves sides on top of one environment, whose packages they keep wherever they can.

    `needs` are the packages that the layers serve with. `python` is that of the environment, `group` its group.
    """

    def __init__(self, needs: Sequence[str], python: str = str(PYTHON), group: str = "") -> None:
        self.python = python
        self.held: dict[str, str] = {canonicalize_name(name): it for name, it in read_packages(python, ["*"]).items()}
        self.needs = [name for name in map(canonicalize_name, needs) if name in self.held]
        self.locked = read_lock((ROOT / (f"groups/{group}.lock" if group else "requirements.lock")).read_text())

    def one(self, wanted: Sequence[Pin], like: Mapping[str, Pin] | None = None, within: str = "") -> Resolution:
        """What a side of these packages gets: of others the versions that it is `like`, or those of the lock, wherever
        that is possible; always those `within` a lock. Raises BadInput or Fault.
        """
        names = [pin.name for pin in wanted]
        asked = [*(pin.requirement for pin in wanted), *(name for name in self.needs if name not in names)]
        found = self._resolve(asked, {**self.locked, **(like or {})}, within)
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

    def _resolve(self, asked: Sequence[str], like: Mapping[str, Pin], within: str, *options: str) -> dict[str, Pin]:
        with scratch() as folder:
            lock, bounds, wanted = folder / "lock", folder / "bounds.txt", folder / "wanted.in"
            for path, text in ((lock, locked(like.values())), (bounds, within), (wanted, "\n".join(asked))):
                path.write_text(text)
            where = ["--python", self.python, "--constraints", str(bounds), "--output-file", str(lock), str(wanted)]
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


def run_uv(*arguments: str) -> tuple[int, str]:
    """Run uv with what pip is configured with; returns its exit code and its output. Raises Fault."""
    try:
        command, environment = uv_command(*arguments), variables()
    except SetupError as error:
        raise Fault(str(error)) from None
    code, output = run(command, SETUP_TIMEOUT, environment=environment)
    if code is None:
        raise Fault(f"uv {arguments[0]} did not end within {SETUP_TIMEOUT:g} s")
    return code, output
