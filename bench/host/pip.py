"""Requirements -> the packages that pip would install for them, or one line that says why it would not."""

import hashlib
import os
import re
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.data.errors import BadInput, Fault
from bench.data.files import write_whole
from bench.data.layers import ROOT
from bench.data.resolution import Pin
from bench.data.sides import canonical
from bench.data.toml import short
from bench.host.programs import SETUP_TIMEOUT, last_line, run, scratch
from bench.host.variables import clean_environment

ELSEWHERE = dict.fromkeys(("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_QUIET", "PIP_VERBOSE", "PIP_LOG"), "")
OPTIONS = {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off"}
UNREACHABLE = re.compile(
    r"Max retries exceeded|connection broken by|Failed to establish a new connection|timed out|HTTP error \d+ "
)
NOT_POSSIBLE = (
    re.compile(r"^ERROR: (.* is not a supported wheel on this platform\.)", re.MULTILINE),
    re.compile(r"^ERROR: (Package .* requires a different Python: .*)", re.MULTILINE),
    re.compile(r"^ERROR: (.*[Ii]nvalid (?:requirement|wheel).*)", re.MULTILINE),
)
KEPT = ROOT / ".venvs" / "resolved"
FRESH = 24 * 3600.0  # seconds that an answer counts: then there may be newer releases
SHOWN = 5  # of the releases that there are, where the one that is asked for is not among them


class Conflict(BadInput):
    """These requirements exclude one another."""


class Metadata(msgspec.Struct, frozen=True):
    """What a package says of itself."""

    name: str
    version: str
    requires_dist: tuple[str, ...] = ()


class Archive(msgspec.Struct, frozen=True):
    """The digests of a file."""

    hashes: dict[str, str] = {}


class Download(msgspec.Struct, frozen=True):
    """Where a file comes from."""

    url: str
    archive_info: Archive = Archive()


class Install(msgspec.Struct, frozen=True):
    """A package that pip would install."""

    metadata: Metadata
    download_info: Download


class Report(msgspec.Struct, frozen=True):
    """What `pip install --report` writes (pip's installation report, version 1)."""

    install: tuple[Install, ...]


def pip(python: str, arguments: Sequence[str], **environment: str) -> tuple[int, str]:
    """Run pip with the user's own settings, but for those that install elsewhere; returns exit code and output.

    Raises Fault if it runs out of time.
    """
    variables = {**clean_environment(), **ELSEWHERE, **OPTIONS, **environment}
    code, said = run([python, "-I", "-m", "pip", *arguments], SETUP_TIMEOUT, environment=variables)
    if code is None:
        last = short(last_line(said), 200)
        raise Fault(f"pip {arguments[0]} did not end within {SETUP_TIMEOUT:g} s; its last line: {last}")
    return code, said


def resolve(python: str, wanted: Sequence[str], bounds: Sequence[str] = (), options: Sequence[str] = ()) -> list[Pin]:
    """What pip would add to an environment, or change there, for these requirements within these bounds (constraints).

    What is installed stays wherever they allow it. Only wheels count. What pip says is kept for a day. Raises Conflict,
    BadInput for what cannot be installed here, and Fault where the index cannot be reached.
    """
    settings = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("PIP_"))
    asked = [os.path.realpath(Path(python).parents[1]), *wanted, "-c", *bounds, *options, *settings]
    kept = KEPT / f"{hashlib.sha256('\n'.join(asked).encode()).hexdigest()[:16]}.json"
    if kept.is_file() and time.time() - kept.stat().st_mtime < FRESH:
        found = msgspec.json.decode(kept.read_bytes(), type=list[Pin] | str)
    else:
        found = _resolve(python, wanted, bounds, options)
        write_whole(msgspec.json.encode(found), kept)
    if isinstance(found, str):
        raise Conflict(found)
    return found


def _resolve(python: str, wanted: Sequence[str], bounds: Sequence[str], options: Sequence[str]) -> list[Pin] | str:
    """The same from pip itself; a conflict in words."""
    with scratch() as folder:
        report, within = folder / "report.json", folder / "bounds.txt"
        within.write_text("".join(f"{line}\n" for line in bounds))
        how = ["install", "--dry-run", "--only-binary", ":all:", "--report", str(report), "-c", str(within)]
        code, said = pip(python, [*how, *options, *wanted])
        if not code:
            return [_pin(each) for each in msgspec.json.decode(report.read_bytes(), type=Report).install]
    fault = why(said)
    if isinstance(fault, Conflict):
        return fault.message
    raise fault


def _pin(install: Install) -> Pin:
    about, file = install.metadata, install.download_info
    hashes = tuple(f"{kind}:{digest}" for kind, digest in file.archive_info.hashes.items() if kind != "md5")
    return Pin(canonical(about.name), about.version, hashes, requires=about.requires_dist)


def why(said: str) -> Fault:
    """What pip failed on, from its output."""
    if trouble := unreachable(said):
        return Fault(trouble)
    if "ResolutionImpossible" in said or "conflicting dependencies" in said:
        causes = re.search(r"The conflict is caused by:\n((?: +.*\n)+)", said)
        lines = [line.strip() for line in causes[1].splitlines()] if causes else re.findall("^ERROR: (.*)", said, re.M)
        return Conflict(f"conflict: {short('; '.join(dict.fromkeys(lines)), 400)}")
    if missing := re.search(r"that satisfies the requirement (.+?) \(from versions: (.*?)\)", said):
        name, there = short(missing[1]), missing[2].split(", ")
        if there == ["none"]:
            return BadInput(f"the package index has no {name} as a wheel for this Python: is its name right?")
        return BadInput(
            f"{name} has no wheel for this Python: the newest that have one are {', '.join(there[-SHOWN:])}"
        )
    for pattern in NOT_POSSIBLE:
        if found := pattern.search(said):
            return BadInput(short(found[1], 300))
    return Fault(f"pip failed: {short(last_error(said), 300)}")


def unreachable(said: str) -> str:
    """One line if pip could not reach the package index, or an empty string."""
    trouble = next(filter(UNREACHABLE.search, said.splitlines()), "")
    reason = re.search(
        r"\[Errno -?\d+\] [^'\")]+|CERTIFICATE_VERIFY_FAILED|\b\d{3} [A-Z][\w ]+|[Rr]ead timed out", trouble
    )
    hint = "is there a network, or a proxy that pip should know of?"
    return (
        f"the package index cannot be reached ({reason[0].strip() if reason else 'no answer'}): {hint}"
        if trouble
        else ""
    )


def last_error(said: str) -> str:
    """The line of an output that says most: of a program that pip ran the last one, else pip's own last error."""
    if ran := re.findall(r"╰─> \[.*\n((?:.*\n)*?)\s*\[end of output\]", said):
        return last_line(ran[0])
    errors = re.findall(r"^(?:ERROR|error): (.*)", said, re.M)
    return errors[-1] if errors else last_line(said)


def url_of(wheel: Path) -> str:
    """A wheel's address for a requirement."""
    return f"file://{urllib.parse.quote(os.fspath(wheel))}"
