"""The releases of a package on the index that pip is set up for: in order, with the time each was uploaded."""

import base64
import datetime
import functools
import netrc
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

import msgspec

from bench.data.errors import BadInput, Fault
from bench.data.layers import PYTHON
from bench.data.releases import Release
from bench.data.sides import canonical
from bench.data.toml import short
from bench.host.pip import pip, unreachable, why

JSON = "application/vnd.pypi.simple.v1+json"
WAIT = 30.0  # seconds that the index has to answer


class File(msgspec.Struct, frozen=True, rename="kebab"):
    """A file of a project, as an index lists it (PEP 691, PEP 700)."""

    filename: str
    yanked: bool | str = False
    upload_time: datetime.datetime | None = None


class Project(msgspec.Struct, frozen=True):
    """A project's page."""

    files: tuple[File, ...] = ()


@functools.cache
def releases(package: str, python: str = str(PYTHON)) -> tuple[Release, ...]:
    """The releases that have a wheel for a Python, oldest version first, without pre-releases and yanked ones.

    Raises BadInput for a package that has none, and Fault if the index cannot be reached. Versions, their order, and
    which of them a Python can install are pip's.
    """
    code, said = pip(python, ["index", "versions", "--only-binary", ":all:", package])
    found = re.search(r"^Available versions: (.*)", said, re.MULTILINE)
    if not found:
        if code and not unreachable(said) and "No matching distribution" in said:
            raise BadInput(f"the package index has no {short(package)} as a wheel for this Python: is its name right?")
        raise why(said)
    times: dict[str, list[File]] = {}
    for file in _files(python, package):
        times.setdefault(_version(file.filename, package), []).append(file)
    every = []
    for version in reversed(found[1].split(", ")):
        files = times.get(version, [])
        if not files or not all(file.yanked for file in files):
            uploaded = [file.upload_time for file in files if file.upload_time]
            every.append(Release(version, min(uploaded) if uploaded else None))
    return tuple(every)


def before(package: str, day: datetime.datetime, python: str = str(PYTHON)) -> str:
    """The constraint that holds a package to what was on the index at a time: to nothing, where it was not there yet.

    Raises BadInput if the index tells no times.
    """
    known = [each for each in releases(package, python) if each.uploaded]
    if not known:
        raise BadInput(f"DEPS=dated: the package index does not tell when {package} was uploaded: try DEPS=newest")
    there = [each.version for each in known if each.uploaded and each.uploaded <= day]
    return f"{package}<={there[-1]}" if there else f"{package}<0"


def _version(filename: str, package: str) -> str:
    """The version in the name of a wheel or of an archive of sources."""
    if filename.endswith(".whl"):
        return filename.split("-")[1]
    stem = re.sub(r"\.(tar\.gz|tar\.bz2|zip|tgz)$", "", filename)
    return stem[len(package) + 1 :] if canonical(stem).startswith(canonical(package)) else ""


def _files(python: str, package: str) -> Sequence[File]:
    """The files of a package; none where the index is a folder, or answers in HTML only, which tells no times."""
    index = _setting(python, "index-url")
    url = f"{index.rstrip('/')}/{canonical(package)}/"
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return ()
    host = parts.hostname or ""
    request = urllib.request.Request(urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
    request.add_header("Accept", JSON)
    if who := _login(parts.username, parts.password, host):
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(who.encode()).decode()}")
    certificates = _setting(python, "cert") or None
    try:
        context = ssl.create_default_context(cafile=certificates)
        with urllib.request.urlopen(request, timeout=WAIT, context=context) as answer:
            if JSON not in answer.headers.get("Content-Type", ""):
                return ()
            return msgspec.json.decode(answer.read(), type=Project).files
    except urllib.error.HTTPError as error:
        if error.code in (404, 406):  # pip has it from elsewhere, such as a folder; or this index speaks HTML only
            return ()
        raise Fault(f"the package index answers {error.code} {error.reason} for {short(package)}") from None
    except (OSError, msgspec.DecodeError) as error:
        raise Fault(f"the package index cannot be read for {short(package)}: {short(str(error), 200)}") from None


def _login(user: str | None, password: str | None, host: str) -> str:
    """`user:password` for an index, from its address or ~/.netrc as pip does; or an empty string."""
    if user:
        return f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password or '')}"
    try:
        found = netrc.netrc().authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return ""
    return f"{found[0]}:{found[2]}" if found else ""


@functools.cache
def _setting(python: str, name: str) -> str:
    """A setting of pip's: from the environment, its files, or its default, which only its help tells."""
    said = pip(python, ["config", "list"])[1]
    found = dict(re.findall(rf"^(\S+)\.{name}='(.*)'", said, re.MULTILINE))
    for section in (":env:", "install", "global"):
        if section in found:
            return str(found[section])
    said = pip(python, ["install", "--help"], COLUMNS="1000")[1]
    default = re.search(rf"--{name} <\w+>.*\(default (\S+?)\)", said)
    return default[1] if default else ""
