"""Environments under .venvs, made by uv, which the Python that runs this installs first, with its hash.

    uv.py main NAME     .venvs/NAME, with requirements.lock, and .venv leads to it (scripts/setup.sh)
    uv.py serving NAME  .venvs/NAME, with requirements.lock, for a Python that serves layers beside that of .venv
    uv.py group NAME    .venvs/KEY-NAME: what groups/NAME.lock adds to the environment whose Python runs this; or
                        .venvs/NAME.lock, which the harness wrote (asgi_anatomy/packages/sides.py)
    uv.py lock          requirements.lock and groups/*.lock, anew (scripts/lock.sh)

An environment is built in a folder of its own, and gets its name, which stands for all that it is made from, when it
is done. So a set-up that fails, is stopped, or is one of two at the same time harms nothing, nor does it disturb what
runs in an older environment; those are kept until `make clean`. Only the standard library is imported here.
"""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports below gives no traceback

import ast
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
VENVS = ROOT / ".venvs"
PYTHON = f"{sys.version.split()[0]} {os.path.realpath(sys.executable)} {sys.version}"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
UNSERVED = ("test", "report", "cluster")
"""Groups of which no server imports anything: their modules are compiled when first imported, and most never are."""
OF_PIP = {
    "index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE", "client-cert": "SSL_CLIENT_CERT", "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY", "default-timeout": "UV_HTTP_TIMEOUT", "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
}  # fmt: skip
"""Where uv reads what pip is configured with."""
OURS = re.compile("PYTHON|PIP_|UV_(SYSTEM_PYTHON|PYTHON|CONSTRAINT|OVERRIDE|EXCLUDE|RESOLUTION|REQUIRE|NO_BINARY|VENV)")
"""What uv must not be told by whoever calls the suite."""


class SetupError(Exception):
    """What went wrong and what to try, in one line."""


def make(name: str, lock: str, sees: tuple[Path, ...] = (), compiled: bool = True, wheels: bool = False) -> Path:
    """The environment of this name, built from the text of a lock unless it is there; it also imports from `sees`."""
    place = VENVS / name
    if os.access(place / "bin" / "python", os.X_OK):
        return place
    if os.pathsep in str(ROOT):
        raise SetupError(f"a virtual environment cannot be in a path with {os.pathsep!r}: rename or move {ROOT}")
    say(f"set-up: .venvs/{name} with Python {sys.version.split()[0]}")
    with fresh(place) as new:
        uv("venv", "--relocatable", "--no-project", "--python", sys.executable, str(new))
        if sees:
            site = new / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
            (site / "zz-venv.pth").write_text("".join(f"{each}\n" for each in sees))
            (new / "main").symlink_to(os.path.relpath(Path(sys.prefix).resolve(), VENVS / name))
        (new / "requirements.lock").write_text(lock)
        how = [*(["--compile-bytecode"] if compiled else []), *(["--only-binary", ":all:"] if wheels else [])]
        if lock.strip():
            python = str(new / "bin" / "python")
            uv("pip", "sync", "--require-hashes", *how, "--python", python, str(new / "requirements.lock"))
    return place


@contextmanager
def fresh(place: Path) -> Iterator[Path]:
    """A folder to fill, which then gets this name; where another set-up was as quick, that one's is kept."""
    VENVS.mkdir(exist_ok=True)
    if place.exists():
        shutil.rmtree(place)  # its Python is gone
    with tempfile.TemporaryDirectory(dir=VENVS, prefix=".new-", ignore_cleanup_errors=True) as folder:
        yield (new := Path(folder) / place.name)
        try:
            new.rename(place)
        except OSError:
            if not place.exists():
                raise


def lead(link: Path, folder: Path) -> None:
    """Have a link lead to a folder, atomically."""
    if link.is_dir() and not link.is_symlink():
        raise SetupError(f"{link} is a folder, and would be a link to one: move it away")
    new = link.with_name(f"{link.name}-new{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(folder, link.parent))
    new.replace(link)


def main(name: str) -> None:
    """The one that all commands run in."""
    lead(ROOT / ".venv", make(name, (ROOT / "requirements.lock").read_text()))


def serving(name: str) -> None:
    """One like the main one, for another Python. Only what is built for it is installed: to compile takes an hour."""
    lock = (ROOT / "requirements.lock").read_text()
    lead(VENVS / name, make(f"{sys.version.split()[0]}-{digest(PYTHON, lock)}-serving", lock, wheels=True))


def group(name: str) -> None:
    """One that sees the main one and leaves it as it is, so that no other layer's figures change."""
    above, purelib = Path(sys.prefix).resolve(), Path(sysconfig.get_path("purelib"))
    sees = [purelib.resolve()]
    if (lock := ROOT / "groups" / f"{name}.lock").is_file():
        text = added(lock.read_text(), (ROOT / "requirements.lock").read_text())
    elif (lock := VENVS / f"{name}.lock").is_file():  # its packages go before those of the same name in what it is on
        text = lock.read_text()
        if (base := text.partition("\n")[0].removeprefix("# on: ")) != "main":
            below = (VENVS / f"{above.name}-{base}").resolve()
            sees.insert(0, below / purelib.relative_to(sys.prefix))
    else:
        raise SetupError(f"no group {name!r}: there is no groups/{name}.lock")
    folder = f"{above.name}-{name}-{digest(PYTHON, text, *map(str, sees))}"
    lead(VENVS / f"{above.name}-{name}", make(folder, text, tuple(sees), compiled=name not in UNSERVED))


def added(lock: str, below: str) -> str:
    """The pins of a lock that the one below does not have."""
    have = {each.split()[0] for each in pins(below)}
    return "".join(each for each in pins(lock) if each.split()[0] not in have)


def pins(lock: str) -> list[str]:
    """The entries of a lock, each with its hashes."""
    return [each for each in re.split(r"^(?=\S)", lock, flags=re.MULTILINE) if each.strip() and each[0] != "#"]


def digest(*parts: str) -> str:
    """A short name for long texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def lock() -> None:
    """Pin all locks anew. Versions that still fit stay: delete a lock's line, or the lock, for newer ones."""
    below, how = ROOT / "requirements.lock", ["--generate-hashes", "--no-header", "--no-emit-index-url"]
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".lock-") as folder:
        for each in (below, *sorted((ROOT / "groups").glob("*.lock"))):  # with the same versions of what both have
            new, more = Path(folder, each.name), [] if each == below else ["--extra", each.stem]
            new.write_text(below.read_text() + added(each.read_text(), below.read_text()))
            uv("pip", "compile", *how, *more, "--python", sys.executable, "-o", str(new), "pyproject.toml")
            new.replace(each)


def uv(*arguments: str) -> None:
    """Run uv; raises SetupError."""
    done = subprocess.run(
        command(*arguments), cwd=ROOT, env=variables(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SetupError(why(done.stderr))


def command(*arguments: str) -> list[str]:
    """The words that run uv."""
    no_index = settings().get("no-index", "0").lower() in ("1", "true", "yes", "on")
    return [str(home() / "bin" / "uv"), *arguments, *(["--no-index"] if no_index else [])]


@functools.cache
def home() -> Path:
    """The environment of uv itself, which pip makes, with the hash in scripts/uv.txt."""
    pinned = Path("scripts", "uv.txt")
    place = VENVS / f"uv-{digest((ROOT / pinned).read_text())}"
    if all(os.access(place / "bin" / each, os.X_OK) for each in ("uv", "python")):
        return place
    plain = {name: it for name, it in os.environ.items() if not name.startswith("PYTHON")} | {
        "PIP_USER": "0",
        "PIP_TARGET": "",
    }
    with fresh(place) as new:
        install = ["install", "--disable-pip-version-check", "--require-hashes", "--no-deps", "-r", str(pinned)]
        for python, *words in ([sys.executable, "venv", str(new)], [str(new / "bin" / "python"), "pip", *install]):
            done = subprocess.run(
                [python, "-I", "-m", *words], cwd=ROOT, env=plain, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise SetupError(f"cannot install uv: {why(done.stdout)}")
    return place


def variables() -> dict[str, str]:
    """The environment that uv gets: the caller's, with what pip is configured with unless uv is told otherwise."""
    found = {name: value for name, value in os.environ.items() if not OURS.match(name)}
    for name, value in settings().items():
        if name in OF_PIP:
            found.setdefault(OF_PIP[name], ("," if name == "find-links" else " ").join(value.split()))
    if "extra-index-url" in settings():
        found.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # the newest of all indexes, as pip has it
    return found | {"UV_PYTHON_DOWNLOADS": "never"}


def settings() -> dict[str, str]:
    """What pip is configured with, by the names of its options: by its files, and above those by variables."""
    own = {name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name[:4] == "PIP_"}
    return {name: value for name, value in (_files(own.get("config-file", "")) | own).items() if value}


@functools.cache
def _files(named: str) -> dict[str, str]:
    """What pip's files say; os.devnull as the name of one stands for none at all."""
    if named == os.devnull:
        return {}
    pip = [str(home() / "bin" / "python"), "-I", "-m", "pip", "config", "list"]
    said = subprocess.run(pip, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^(global|install)\.([a-z-]+)=('.*'|\".*\")$", said, re.MULTILINE)
    return {name: str(ast.literal_eval(value)) for _, name, value in sorted(found)}


def why(said: str) -> str:
    """What uv or pip failed on, in one line, and what to try."""
    told = [each.strip() for each in said.splitlines() if each.strip() and not each.startswith("warning: ")]
    lines = [re.sub(r"^(error|ERROR|hint|cause): ", "", each) for each in told]
    if full := re.search(r"No space left on device|Disk quota exceeded", said):
        return f"{full[0]}: make room, then try again"
    if wrong := re.search(r"Hash mismatch for `(.+)`|DO NOT MATCH THE HASHES.*\n\s*(\S+)", said):
        return (
            f"what came for {wrong[1] or wrong[2]} has another hash than the lock: it was damaged or exchanged on the"
            " way, or the lock is wrong; try once more, then another package index"
        )
    if re.search(r"error sending request|Failed to fetch|Max retries exceeded|connection broken by", said):
        reason = re.search(r"(\[Errno -?\d+\] [^'\")]+|HTTP status \w+ error \([^)]*\))", said)
        hint = "is there a network, or a proxy or an index that pip should know of?"
        return f"the package index cannot be reached ({reason[1] if reason else lines[-1]}): {hint}"
    return re.sub(r"\s+", " ", ": ".join(lines))[:600] or "it ended without a word"


def say(line: str) -> None:
    """Tell, on standard error."""
    print(line, file=sys.stderr, flush=True)


def stop(number: int, _frame: FrameType | None) -> NoReturn:
    """End on a signal, with what was started; an impatient second one must not interrupt that."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def run(what: str, *given: str) -> int:
    """Make what is asked for; returns the exit code."""
    try:
        kinds: dict[str, Callable[..., None]] = {"main": main, "serving": serving, "group": group, "lock": lock}
        kinds[what](*given)
    except SetupError as error:
        say(f"error: {error}")
    except OSError as error:
        say(f"error: cannot set up in {ROOT}: {error.strerror} ({error.filename or VENVS})")
    except SystemExit as end:
        say("error: the set-up was stopped: what was there before is as it was")
        return int(str(end.code))
    else:
        return 0
    return 1


if __name__ == "__main__":
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, stop)
    sys.exit(run(*sys.argv[1:]))
