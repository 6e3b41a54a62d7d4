"""The releases of a package, oldest first -> those that are asked for: the last of each minor, or all.

The releases of a package on the index that uv uses: in order, with the time each was uploaded.
"""

import base64
import datetime
import functools
import netrc
import platform
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from difflib import get_close_matches

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.packages.environments import run_uv
from asgi_anatomy.packages.uv import variables, why
from asgi_anatomy.suite.layers import short


class Release(msgspec.Struct, frozen=True):
    """One release, and when its first file was uploaded; None where the index does not tell."""

    version: str
    uploaded: datetime.datetime | None = None


def choose(
    every: Sequence[Release],
    which: str = "minors",
    since: str = "",
    until: str = "",
    options: tuple[str, str] = ("SINCE", "UNTIL"),
) -> list[Release]:
    """Those from `since` to `until`, both included, which are versions; with `minors` only the last of each minor.

    `0.50` means its last patch. Raises BadInput, which calls the two what the `options` are called.
    """
    if which not in ("minors", "all"):
        raise BadInput(f"RELEASES={short(which)} is not possible: expected minors or all")
    first = _place(every, since, options[0]) if since else 0
    last = _place(every, until, options[1]) if until else len(every) - 1
    if first > last:
        raise BadInput(f"{options[0]}={since} is newer than {options[1]}={until}: expected the older one first")
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


JSON = "application/vnd.pypi.simple.v1+json"
WAIT = 30.0  # seconds that the index has to answer


class File(msgspec.Struct, frozen=True, rename="kebab"):
    """A file of a project, as an index lists it (PEP 691, PEP 700)."""

    filename: str
    yanked: bool | str = False
    upload_time: datetime.datetime | None = None
    requires_python: str | None = None


class Project(msgspec.Struct, frozen=True):
    """A project's page."""

    files: tuple[File, ...] = ()


@functools.cache
def releases(package: str) -> tuple[Release, ...]:
    """The releases that have a wheel for this Python, oldest version first, without pre-releases and yanked ones.

    Raises BadInput for a package that has none, and Fault if the index cannot be read.
    """
    found: dict[Version, list[datetime.datetime]] = {}
    tags = {*sys_tags()}
    for file in _files(canonicalize_name(package)):
        try:
            _, version, _, offered = parse_wheel_filename(file.filename)
            fits = tags & offered and platform.python_version() in SpecifierSet(file.requires_python or "")
        except (ValueError, InvalidSpecifier):  # an archive of sources, or of another age
            continue
        if fits and not file.yanked and not version.is_prerelease:
            found.setdefault(version, []).extend(filter(None, [file.upload_time]))
    if not found:
        raise BadInput(f"the package index has no {short(package)} as a wheel for this Python: is its name right?")
    return tuple(Release(str(version), min(found[version], default=None)) for version in sorted(found))


def _files(package: str) -> tuple[File, ...]:
    """The files of a package; an index that answers in HTML tells no times."""
    parts = urllib.parse.urlsplit(f"{_index().rstrip('/')}/{package}/")
    request = urllib.request.Request(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    request.add_header("Accept", f"{JSON}, text/html;q=0.1")
    if who := _login(parts):
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(who.encode()).decode()}")
    try:
        context = ssl.create_default_context(cafile=variables().get("SSL_CERT_FILE"))
        with urllib.request.urlopen(request, timeout=WAIT, context=context) as answer:
            said = answer.read()
            if JSON in answer.headers.get("Content-Type", ""):
                return msgspec.json.decode(said, type=Project).files
            names = re.findall(rb"<a(?![^>]*data-yanked)[^>]*>\s*([^<\s]+\.whl)\s*</a>", said)
            return tuple(File(name.decode()) for name in names)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return ()
        raise Fault(f"the package index answers {error.code} {error.reason} for {short(package)}") from None
    except (OSError, msgspec.DecodeError) as error:
        raise Fault(f"the package index cannot be read for {short(package)}: {short(str(error), 200)}") from None


def _login(index: urllib.parse.SplitResult) -> str:
    """`user:password` for an index, from its address or ~/.netrc as uv and pip have it; or an empty string."""
    if index.username:
        return urllib.parse.unquote(f"{index.username}:{index.password or ''}")
    try:
        found = netrc.netrc().authenticators(index.hostname or "")
    except (OSError, netrc.NetrcParseError):
        return ""
    return f"{found[0]}:{found[2]}" if found else ""


def _index() -> str:
    """The address of the index: that which uv is told, or has by itself, which a lock with nothing in it names."""
    if given := variables().get("UV_DEFAULT_INDEX"):
        return given
    _, said = run_uv("pip", "compile", "--emit-index-url", "--no-header", "/dev/null")
    found = re.search(r"^--index-url (\S+)", said, re.MULTILINE)
    if not found:
        raise Fault(f"uv has no package index: {why(said)}")
    return found[1]
