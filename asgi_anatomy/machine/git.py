"""git, run on a clone that it must not change."""

import os
import re
import subprocess
from pathlib import Path

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.suite.layers import short

INHERITED = re.compile("GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|PREFIX)")
"""What a hook of git hands down, which would have it look at another clone."""
TIMEOUT = 600.0
"""Seconds that it has: it may have to fetch what a partial clone lacks, or a submodule."""


class GitFault(Fault):
    """git failed: `said` is the line in which it says why."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"git {what} failed: {short(said, 300)}")
        self.said = said


def git(folder: Path, *words: str, **environment: str) -> str:
    """What git prints for this, without line breaks at its end; raises GitFault, or BadInput without a git."""
    what = next(word for word in words if not word.startswith("-") and "=" not in word)  # behind any `-c NAME=VALUE`
    variables = {name: value for name, value in os.environ.items() if not INHERITED.fullmatch(name)}
    variables |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **environment}
    try:
        done = subprocess.run(
            ["git", "-C", os.fspath(folder), *words], env=variables, stdin=subprocess.DEVNULL, capture_output=True,
            encoding="utf-8", errors="surrogateescape", check=False, timeout=TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise GitFault(what, f"it did not end within {TIMEOUT:g} s") from None
    except OSError as error:
        raise BadInput(f"a checkout needs git, which cannot be run here ({error.strerror})") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        first = next(
            (line for line in lines if "fatal: " in line), lines[-1] if lines else f"exit code {done.returncode}"
        )
        raise GitFault(what, first.partition("fatal: ")[2] or first)
    return done.stdout.rstrip("\n")


def commit(repo: Path, ref: str) -> str:
    """The full hash of a commit; raises BadInput that names what there is no commit of."""
    try:
        return git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except GitFault:
        git_folder(repo)
        near = next((each for each in (f"origin/{ref}", f"v{ref}", ref.removeprefix("v")) if exists(repo, each)), "")
        hint = f"did you mean git:{near}?" if near and near != ref else "is it fetched?"
        raise BadInput(f"{repo} has no commit {short(repr(ref))}: {hint}") from None


def exists(repo: Path, ref: str) -> bool:
    """Whether there is a commit of that name."""
    try:
        return bool(git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"))
    except GitFault:
        return False


def git_folder(repo: Path) -> Path:
    """Where git keeps what belongs to a clone; raises BadInput where a folder is not one."""
    if not repo.is_dir():
        raise BadInput(f"no folder {repo}: expected a clone made by git")
    try:
        return Path(git(repo, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    except GitFault as fault:
        raise BadInput(f"{repo} is not a checkout made by git ({short(fault.said)}): give it as a wheel") from None


def merge_base(repo: Path, ref: str, head: str = "HEAD") -> str:
    """The commit at which a head left a branch, by default that of origin's HEAD; raises BadInput."""
    names = [ref] if ref else ["refs/remotes/origin/HEAD"]
    if not ref and not exists(repo, names[0]):  # a clone by a CI system has none
        names = [each for each in ("refs/remotes/origin/main", "refs/remotes/origin/master") if exists(repo, each)]
    if len(names) != 1:
        git_folder(repo)
        raise BadInput(f"{repo} does not say what origin's main branch is: name it, such as A=base:origin/main")
    branch = commit(repo, names[0])
    try:
        return git(repo, "merge-base", commit(repo, head), branch)
    except GitFault:
        shallow = git(repo, "rev-parse", "--is-shallow-repository") == "true"
        hint = "its history is cut off: fetch all of it (git fetch --unshallow)" if shallow else "try A=git:REF"
        short_name = names[0].removeprefix("refs/remotes/")
        raise BadInput(f"{repo} has no commit common to {head} and {short_name}: {hint}") from None


def commits(repo: Path, a: str, b: str) -> list[str]:
    """The commits after A up to B, oldest first, along first parents: each is a state that a branch was in.

    Raises BadInput if B does not follow from A.
    """
    first, last = commit(repo, a), commit(repo, b)
    found = git(repo, "rev-list", "--first-parent", "--reverse", "--ancestry-path", f"{first}..{last}").split()
    if not found:
        raise BadInput(f"no commits lead from {a} to {b} in {repo}: expected A to be the older one, of the same branch")
    return found
