"""A checkout or one of its commits -> a wheel, built from a copy: the checkout itself is never written to."""

import contextlib
import hashlib
import os
import re
import shutil
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.machine.git import GitFault, commit, exists, git, git_folder
from asgi_anatomy.machine.programs import last_line, scratch
from asgi_anatomy.packages.environments import run_uv
from asgi_anatomy.packages.uv import why
from asgi_anatomy.suite.layers import PYTHON, ROOT, short

WHEELS = ROOT / ".venvs" / "wheels"
AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "versus"), ("EMAIL", "versus@localhost"), ("DATE", "2000-01-01T00:00:00Z"))
}
"""Of the commit that holds uncommitted changes: the same changes make the same commit."""
SETTINGS = (
    "SETUPTOOLS_SCM_",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "CC",
    "CXX",
    "CYTHON",
    "RUSTFLAGS",
    "CARGO_",
)
"""The start of variables on which a built wheel depends."""

ALLOWED = re.compile(
    "PATH|HOME|USER|LOGNAME|TZ|TMPDIR|LANG|LANGUAGE|LC_.*|(HTTP|HTTPS|ALL|NO)_PROXY|SSL_.*|UV_.*", re.IGNORECASE
)
"""The other variables that a build sees: uv hands its own to the code that it runs."""
SECRET = re.compile("TOKEN|PASSW|SECRET|CREDENTIAL|API_?KEY|USERNAME", re.IGNORECASE)
TOOLS = ROOT / "scripts" / "build.txt"


def visible(name: str) -> bool:
    """Whether a build sees this variable."""
    return bool(ALLOWED.fullmatch(name) or name.startswith(SETTINGS)) and not SECRET.search(name)


class Snapshot(msgspec.Struct, frozen=True):
    """A state of a clone: a commit, and the states of its submodules where they are not what the commit says."""

    repo: Path
    commit: str
    objects: Path | None = None
    """Where git finds what is not committed."""
    changes: bool = False
    """Whether there is anything uncommitted in it."""
    inner: dict[str, "Snapshot"] = {}
    """Submodules, by path."""

    def identity(self) -> list[str]:
        """What it consists of."""
        return [self.commit, *(f"{path} {each}" for path, inner in self.inner.items() for each in inner.identity())]


def of_folder(folder: Path, place: Path) -> tuple[Snapshot, str]:
    """The state of a checkout with its uncommitted changes, and the path of the folder in it.

    git puts what is not committed into `place`, together with a copy of its index.
    """
    git_folder(folder)
    try:
        top = Path(git(folder, "rev-parse", "--show-toplevel"))
    except GitFault:
        raise BadInput(f"{folder} has no files checked out: name a commit of it, such as git:HEAD") from None
    return _snapshot(top, place), git(folder, "rev-parse", "--show-prefix")


def _snapshot(top: Path, place: Path) -> Snapshot:
    head = commit(top, "HEAD")
    (place / "objects" / "info").mkdir(parents=True)
    (place / "objects" / "info" / "alternates").write_text(f"{git_folder(top) / 'objects'}\n")
    index = Path(git(top, "rev-parse", "--path-format=absolute", "--git-path", "index"))
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(index, place / "index")
    elsewhere = {"GIT_INDEX_FILE": str(place / "index"), "GIT_OBJECT_DIRECTORY": str(place / "objects")}
    git(top, "-c", "core.fsmonitor=false", "-c", "advice.addEmbeddedRepo=false", "add", "--all", **elsewhere)
    tree = git(top, "write-tree", **elsewhere)
    inner: dict[str, Snapshot] = {}
    for path in _submodules(top, tree, elsewhere):
        if (top / path / ".git").exists():
            inner[path] = _snapshot(top / path, place / f"{len(inner)}")
    changes = tree != git(top, "rev-parse", "HEAD^{tree}")
    if changes:
        head = git(top, "commit-tree", tree, "-p", head, "-m", "uncommitted changes", **elsewhere, **AUTHOR)
    return Snapshot(top, head, place / "objects", changes or any(each.changes for each in inner.values()), inner)


def _submodules(repo: Path, tree: str, environment: dict[str, str] | None = None) -> list[str]:
    """The paths of the submodules in a tree."""
    entries = git(repo, "ls-tree", "-r", "-z", "--full-tree", tree, **(environment or {})).split("\0")
    return [path for mode, _, path in (each.partition("\t") for each in entries) if mode.startswith("160000 ")]


def build(package: str, snapshot: Snapshot, prefix: str, name: str) -> Path:
    """The wheel of a package from the folder `prefix` of a snapshot, built once; `name` is what messages call it.

    Raises Fault if it cannot be built, and BadInput if it is another package.
    """
    settings = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(SETTINGS)]
    # The variable that lets git find what is not committed.
    objects = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(snapshot.objects)} if snapshot.objects else {}
    try:
        tag = git(snapshot.repo, "describe", "--tags", "--long", "--always", snapshot.commit, **objects)
    except GitFault:
        tag = ""
    parts = [*snapshot.identity(), TOOLS.read_text(), tag, prefix, PYTHON.parents[1].name, *settings]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    if not (wheel := next((WHEELS / key).glob("*.whl"), None)):
        with scratch() as folder:
            wheel = _build(snapshot, prefix, folder, WHEELS / key, name)
    if (built := canonicalize_name(wheel.name.partition("-")[0])) != package:
        raise BadInput(f"{name} is {built}, not {package}: expected a checkout of PACKAGE")
    return wheel


def _build(snapshot: Snapshot, prefix: str, folder: Path, place: Path, name: str) -> Path:
    source, wheels, log = folder / "source", folder / "wheels", place.with_suffix(".log")
    try:
        _copy(snapshot, source)
    except GitFault as fault:
        raise Fault(f"cannot copy {name}: {fault.message}") from None
    if not any((source / prefix / file).is_file() for file in ("pyproject.toml", "setup.py")):
        raise BadInput(f"{name} has neither pyproject.toml nor setup.py: expected the folder of a Python package")
    how = ["--wheel", "--python", str(PYTHON), "--out-dir", str(wheels), str(source / prefix)]
    code, output = run_uv("build", "--build-constraints", str(TOOLS), *how, passes=visible)
    if code and "No solution found" in output:  # it asks for another version of a tool than ours
        code, output = run_uv("build", *how, passes=visible)
    built = sorted(wheels.glob("*.whl"))
    place.parent.mkdir(parents=True, exist_ok=True)
    if code or len(built) != 1:
        log.write_text(output)
        raise Fault(f"cannot build {name}: {short(_why(output), 300)} (all of it: {log.relative_to(ROOT)})")
    new = place.with_name(f"{place.name}-new{os.getpid()}")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(wheels, new)
    with contextlib.suppress(OSError):  # another one may have been as quick
        new.rename(place)
    shutil.rmtree(new, ignore_errors=True)
    return next(place.glob("*.whl"))


def _why(output: str) -> str:
    """What a build failed on: the last line of its backend's output, or what uv reports."""
    printed, failed, reason = output.partition("error: Failed to build")
    return last_line(printed) if failed and "build backend returned an error" in reason else why(output)


def _copy(snapshot: Snapshot, place: Path) -> None:
    """Check a snapshot out elsewhere, as a clone with its tags: a package may take its version from these."""
    repo = snapshot.repo
    clone = ["clone", "--quiet", "--shared", "--no-checkout", "--", str(repo), str(place)]
    git(place.parent, "-c", "protocol.file.allow=always", *clone)
    if snapshot.objects:
        alternates = place / ".git" / "objects" / "info" / "alternates"
        alternates.write_text(f"{git_folder(repo) / 'objects'}\n{snapshot.objects}\n")
    if origin := _origin(repo):  # where git gets what a partial clone lacks
        git(place, "remote", "set-url", "origin", origin)
        for key in ("promisor", "partialclonefilter"):
            if value := _config(repo, f"remote.origin.{key}"):
                git(place, "config", f"remote.origin.{key}", value)
    checkout = ["checkout", "--quiet", "--detach", snapshot.commit]
    git(place, "-c", "advice.detachedHead=false", "-c", "core.hooksPath=/dev/null", *checkout)
    for path in _submodules(place, "HEAD"):
        if inner := snapshot.inner.get(path) or _inner(repo, place, path):
            shutil.rmtree(place / path, ignore_errors=True)
            _copy(inner, place / path)
        else:
            git(place, "submodule", "--quiet", "update", "--init", "--recursive", "--", path)


def _inner(repo: Path, place: Path, path: str) -> Snapshot | None:
    """A submodule at the commit that its parent says, where the clone or its checkout has that; None otherwise."""
    wanted = git(place, "rev-parse", f"HEAD:{path}")
    try:
        name = next(
            line.split(" ")[0].removeprefix("submodule.").removesuffix(".path")
            for line in git(place, "config", "--file", ".gitmodules", "--get-regexp", r"\.path$").splitlines()
            if line.partition(" ")[2] == path
        )
    except (StopIteration, GitFault):
        raise Fault(f"{repo}: .gitmodules does not say what the submodule {path} is") from None
    for clone in (repo / path, git_folder(repo) / "modules" / name):
        own = clone.is_dir() and git_folder(clone) != git_folder(repo)
        if own and exists(clone, wanted):
            return Snapshot(clone, wanted)
    return None


def _origin(repo: Path) -> str:
    """The address that a clone was made from; one that is relative to the clone is given in full."""
    url = _config(repo, "remote.origin.url")
    return str((repo / url).resolve()) if url.startswith(("./", "../")) else url


def _config(repo: Path, key: str) -> str:
    try:
        return git(repo, "config", "--get", key)
    except GitFault:
        return ""
