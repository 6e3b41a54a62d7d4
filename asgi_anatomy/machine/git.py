"""git, run on a clone that it must not change."""

import contextlib
import os
import re
import subprocess
from pathlib import Path

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.suite.layers import short

INHERITED = re.compile("GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|PREFIX)")
"""What a hook of git hands down, and what would make git look at another clone."""
TIMEOUT = 600.0
"""Seconds that it has: it may have to fetch what a partial clone lacks, or a submodule."""


class GitFault(Fault):
    """A command of git failed, and why, in git's own line."""

    def __init__(self, command: str, why: str) -> None:
        super().__init__(f"git {command} failed: {short(why, 300)}")
        self.why = why


def git(folder: Path, *words: str, **environment: str) -> str:
    """What git prints for this, without line breaks at its end; raises GitFault, or BadInput without a git."""
    command = next(word for word in words if not word.startswith("-") and "=" not in word)  # behind any `-c NAME=VALUE`
    variables = {name: value for name, value in os.environ.items() if not INHERITED.fullmatch(name)}
    variables |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **environment}
    try:
        done = subprocess.run(
            ["git", "-C", os.fspath(folder), *words], env=variables, stdin=subprocess.DEVNULL, capture_output=True,
            encoding="utf-8", errors="surrogateescape", check=False, timeout=TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise GitFault(command, f"it did not end within {TIMEOUT:g} s") from None
    except OSError as error:
        raise BadInput(f"a checkout needs git, which cannot be run here ({error.strerror})") from None
    if done.returncode:
        lines = [f"exit code {done.returncode}", *filter(str.strip, done.stderr.splitlines())]
        line = next((line for line in lines if "fatal: " in line), lines[-1])
        raise GitFault(command, line.partition("fatal: ")[2] or line)
    return done.stdout.rstrip("\n")


def commit(repo: Path, ref: str) -> str:
    """The full hash of a commit; raises BadInput that names what there is no commit of."""
    if full := _commit(repo, ref):
        return full
    git_folder(repo)
    near = next((name for name in (f"origin/{ref}", f"v{ref}", ref.removeprefix("v")) if exists(repo, name)), "")
    hint = f"did you mean git:{near}?" if near else "is it fetched?"
    raise BadInput(f"{repo} has no commit {short(repr(ref))}: {hint}")


def exists(repo: Path, ref: str) -> bool:
    """Whether there is a commit of that name."""
    return bool(_commit(repo, ref))


def _commit(repo: Path, ref: str) -> str:
    with contextlib.suppress(GitFault):
        return git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return ""


def git_folder(repo: Path) -> Path:
    """Where git keeps what belongs to a clone; raises BadInput where a folder is not one."""
    if not repo.is_dir():
        raise BadInput(f"no folder {repo}: expected a clone made by git")
    try:
        return Path(git(repo, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    except GitFault as fault:
        raise BadInput(f"{repo} is not a checkout made by git ({short(fault.why)}): give it as a wheel") from None


def merge_base(repo: Path, ref: str, head: str = "HEAD") -> str:
    """The commit at which a head left a branch, by default that of origin's HEAD; raises BadInput."""
    names = [ref] if ref else ["refs/remotes/origin/HEAD"]
    if not ref and not exists(repo, names[0]):  # a clone by a CI system has none
        names = [name for name in ("refs/remotes/origin/main", "refs/remotes/origin/master") if exists(repo, name)]
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
    hashes = git(repo, "rev-list", "--first-parent", "--reverse", "--ancestry-path", f"{first}..{last}").split()
    if not hashes:
        raise BadInput(f"no commits lead from {a} to {b} in {repo}: expected A to be the older one, of the same branch")
    return hashes
