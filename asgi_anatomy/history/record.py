"""One release of a package, counted in one layer, and the files that keep such counts."""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from asgi_anatomy.documents.store import RESULTS, encode, read_file, write_whole
from asgi_anatomy.documents.words import say
from asgi_anatomy.errors import BadInput
from asgi_anatomy.turns.record import Amount, Counts

HISTORY = RESULTS / "history"
Deps = Literal["held", "newest", "dated"]
KEY = re.compile("[0-9a-f]{16}")
"""The name of a file that has the counts of one release."""
COUNTED = 1
"""How releases are counted; a change that moves counts is a new number, and all are counted anew."""


class ReleaseSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to count: everything that the counts depend on, except the host."""

    package: str
    version: str
    layer: str
    deps: Deps
    python: str
    lock: str
    """SHA-256 of the lock that the other packages come from, 16 digits; so are the next two."""
    served: str
    """Of the layer's command, its application and share.py."""
    contract: str
    """Of requests and answers."""
    when: str = ""
    """The month (newest) or the time (dated) as of which dependencies are resolved; empty: held."""
    copy: int = 0
    """1: the same once more, for A against A."""
    counted: int = COUNTED

    @property
    def key(self) -> str:
        """The name of the file that has its counts."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]

    @property
    def name(self) -> str:
        """As progress shows it."""
        return f"{self.package} {self.version} in {self.layer}{' once more' if self.copy else ''}"

    def at_any_time(self) -> "ReleaseSpec":
        """What to count, in whichever month the newest dependencies are resolved."""
        return msgspec.structs.replace(self, when="") if self.deps == "newest" else self


class Host(msgspec.Struct, frozen=True):
    """Where it was counted. Counts depend on the build of the interpreter and on libc: the anchor shows that."""

    name: str
    cpu: str
    system: str
    build: str
    """The interpreter's."""
    libc: str
    anchor: Amount
    """Instructions per request of the layer `uvicorn` as locked."""


class CountedRelease(msgspec.Struct, kw_only=True):
    """One release, counted, or the reason why it could not be: one file."""

    wanted: ReleaseSpec
    made: datetime
    host: Host
    revision: str | None = None
    uploaded: datetime | None = None
    """When the release was."""
    gap: str = ""
    """Why there are no counts."""
    versions: dict[str, str] = {}
    """Of all packages that the layer serves with, and of what differs from the lock."""
    left_out: list[str] = []
    """Flags of the layer that the release lacks."""
    counts: Counts
    """The tree has one level: a frame for each function."""
    seconds: Amount = 0.0


def keep(release: CountedRelease, folder: Path = HISTORY) -> Path:
    """Write its file, atomically; raises OSError."""
    path = folder / f"{release.wanted.key}.json"
    write_whole(encode(release), path)
    return path


def kept(folder: Path = HISTORY) -> list[CountedRelease]:
    """All that is kept in a folder; what else is there is passed over, with a note if it has the name of a count."""
    releases = []
    for path in sorted(folder.glob("*.json")):
        if KEY.fullmatch(path.stem):
            try:
                releases += read_all(path)
            except BadInput as error:
                say(f"note: passed over: {error.message}")
    return releases


def matching(wanted: ReleaseSpec, releases: Iterable[CountedRelease]) -> list[CountedRelease]:
    """What was counted of this already: in the same month, or else in the last one before it.

    There are several where hosts count differently.
    """
    same = [each for each in releases if each.wanted.at_any_time() == wanted.at_any_time()]
    last = max((each.wanted.when for each in same if each.wanted.when <= wanted.when), default="")
    return [each for each in same if each.wanted.when == last]


def write_all(releases: Iterable[CountedRelease], path: Path) -> None:
    """Many of them as one file, a line each; raises OSError."""
    write_whole(b"".join(msgspec.json.encode(each) + b"\n" for each in releases), path)


def is_counted(path: Path) -> bool:
    """Whether a file has counted releases, rather than a record."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return bool(re.match(rb'\s*\{\s*"wanted"', file.read(100)))
    except OSError:
        return False


def read_all(path: Path) -> list[CountedRelease]:
    """What `write_all` wrote, or `keep`; raises BadInput."""
    data = read_file(path, "a file of counted releases")
    try:
        lines = data if data.startswith(b'{"') else msgspec.json.format(data, indent=-1)
        releases = msgspec.json.Decoder(CountedRelease).decode_lines(lines)
    except RecursionError:
        raise BadInput(f"{path} is not a file of counted releases: it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not a file of counted releases: {error}") from None
    if not releases:
        raise BadInput(f"{path} has no counted release in it")
    return releases
