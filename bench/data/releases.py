"""The releases of a package, oldest first -> those that are asked for: the last of each minor, or all."""

import datetime
from collections.abc import Sequence
from difflib import get_close_matches

import msgspec
from packaging.version import InvalidVersion, Version

from bench.data.errors import BadInput
from bench.data.toml import short


class Release(msgspec.Struct, frozen=True):
    """One release, and when its first file was uploaded; None where the index does not tell."""

    version: str
    uploaded: datetime.datetime | None = None


def choose(every: Sequence[Release], which: str = "minors", since: str = "", until: str = "") -> list[Release]:
    """Those from `since` to `until`, both included, which are versions; with `minors` only the last of each minor.

    `0.50` means its last patch. Raises BadInput.
    """
    if which not in ("minors", "all"):
        raise BadInput(f"RELEASES={short(which)} is not possible: expected minors or all")
    first = _place(every, since, "SINCE") if since else 0
    last = _place(every, until, "UNTIL") if until else len(every) - 1
    if first > last:
        raise BadInput(f"SINCE={since} is newer than UNTIL={until}: expected the older one first")
    chosen = every[first : last + 1]
    return [*{_minor(each.version): each for each in chosen}.values()] if which == "minors" else [*chosen]


def _minor(version: str) -> str:
    """The first two numbers of a version."""
    return f"{Version(version).major}.{Version(version).minor}"


def _place(every: Sequence[Release], version: str, variable: str) -> int:
    """Where a version is, or the last patch of a minor."""
    versions = [each.version for each in every]
    try:
        last_of_minor = [place for place, each in enumerate(versions) if _minor(each) == version]
        exact = [place for place, each in enumerate(versions) if Version(each) == Version(version)]
    except InvalidVersion:
        last_of_minor = exact = []
    if found := last_of_minor or exact:
        return found[-1]
    close = ", ".join(get_close_matches(version, versions, 3) or versions[-3:])
    raise BadInput(f"{variable}={short(version)} is no release with a wheel for this Python: the closest are {close}")
