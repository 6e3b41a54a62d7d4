"""Environments under .venvs, made by uv, which the Python that runs this installs first, with its hash.

    uv.py main NAME     .venvs/NAME, with requirements.lock, and .venv leads to it (scripts/setup.sh)
    uv.py serving NAME  .venvs/NAME, with requirements.lock, for a Python that serves layers beside that of .venv
    uv.py group NAME    .venvs/KEY-NAME: what groups/NAME.lock adds to the environment whose Python runs this; or
                        .venvs/NAME.lock, which the harness wrote (asgi_anatomy/packages/sides.py)
    uv.py lock          requirements.lock and groups/*.lock, anew, with hashes and without the address of an index

An environment is built in a folder of its own, and gets its name, which stands for all that it is made from, when it
is done. So a set-up that fails, is stopped, or is one of two at the same time harms nothing, nor does it disturb what
runs in an older environment; those are kept until `make clean`, which refuses
while one is in use. Only the standard library is imported here.
"""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports below gives no traceback

import ast
import contextlib
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
"""The variable of uv for each option of pip."""
HARMFUL = re.compile(
    "PYTHON|PIP_|UV_(SYSTEM_PYTHON|PYTHON|CONSTRAINT|OVERRIDE|EXCLUDE|RESOLUTION|REQUIRE|NO_BINARY|VENV)"
)
"""The caller's variables that uv must not see."""


class SetupError(Exception):
    """What went wrong and what to try, in one line."""


def use() -> None:
    """Keep `make clean` from removing environments until this process ends. Raises SetupError where that is at it."""
    import fcntl  # not everywhere; what only shows records imports this module as well

    with contextlib.suppress(FileNotFoundError):
        handle = os.open(VENVS, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError("`make clean` is removing the environments: type the same again") from None
        except OSError:  # a file system without locks
            os.close(handle)


def make(name: str, lock: str, sees: tuple[Path, ...] = (), compiled: bool = True, wheels: bool = False) -> Path:
    """The environment of this name, built from the text of a lock unless it is there; it also imports from `sees`."""
    place = VENVS / name
    if os.access(place / "bin" / "python", os.X_OK):
        return place
    if os.pathsep in str(ROOT):
        raise SetupError(f"a virtual environment cannot be in a path with {os.pathsep!r}: rename or move {ROOT}")
    shown = f".venvs/{name}" if (ROOT / "Makefile").is_file() else place
    say(f"set-up: {shown} with Python {sys.version.split()[0]}")
    with fresh(place) as new:
        uv("venv", "--relocatable", "--no-project", "--python", sys.executable, str(new))
        if sees:
            site = new / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
            (site / "zz-venv.pth").write_text("".join(f"{folder}\n" for folder in sees))
            (new / "main").symlink_to(os.path.relpath(Path(sys.prefix).resolve(), place))
        (new / "requirements.lock").write_text(lock)
        if lock.strip():
            how = [*["--compile-bytecode"] * compiled, *["--only-binary", ":all:"] * wheels]
            python = ["--python", str(new / "bin" / "python")]
            uv("pip", "sync", "--require-hashes", *how, *python, str(new / "requirements.lock"))
    return place


@contextmanager
def fresh(place: Path) -> Iterator[Path]:
    """A folder to fill, which then gets this name; where another set-up was as quick, that one's is kept."""
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
    """Make the environment that all commands run in, and have .venv lead to it."""
    lead(ROOT / ".venv", make(name, (ROOT / "requirements.lock").read_text()))


def serving(name: str) -> None:
    """Make one like the main one for another Python, from wheels only: to compile numpy takes an hour."""
    lock = (ROOT / "requirements.lock").read_text()
    lead(VENVS / name, make(f"{sys.version.split()[0]}-{digest(PYTHON, lock)}-serving", lock, wheels=True))


def group(name: str) -> None:
    """Make one that sees the main one and leaves it as it is, so that no other layer's figures change."""
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
    """The pins of a lock, each with its hashes, that the one below does not have."""
    have, pins = (
        {entry.split()[0]: entry for entry in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if entry.strip("# \n")}
        for text in (below, lock)
    )
    return "".join(entry for pin, entry in pins.items() if pin not in have and pin[0] != "#")


def digest(*parts: str) -> str:
    """A short name for long texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def lock() -> None:
    """Pin all locks anew. Versions that still fit stay: delete a lock's line, or the lock, for newer ones."""
    main, how = ROOT / "requirements.lock", ["--generate-hashes", "--no-header", "--no-emit-index-url"]
    how += ["--require-build-hashes", "--build-constraints", str(ROOT / "scripts" / "build.txt")]
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".lock-") as folder:
        for path in (main, *sorted((ROOT / "groups").glob("*.lock"))):  # with the same versions of what both have
            new, extra = Path(folder, path.name), [] if path == main else ["--extra", path.stem]
            new.write_text(main.read_text() + added(path.read_text(), main.read_text()))
            uv("pip", "compile", *how, *extra, "--python", sys.executable, "-o", str(new), "pyproject.toml")
            new.replace(path)


def uv(*arguments: str) -> None:
    """Run uv; raises SetupError."""
    done = quietly(command(*arguments), variables())
    if done.returncode:
        raise SetupError(why(done.stderr))


def command(*arguments: str) -> list[str]:
    """The words that run uv."""
    no_index = settings().get("no-index", "0").lower() in ("1", "true", "yes", "on")
    return [str(home() / "bin" / "uv"), *arguments, *["--no-index"] * no_index]


@functools.cache
def home() -> Path:
    """The environment of uv itself, which pip makes, with the hash in scripts/uv.txt. Raises SetupError."""
    pinned = ROOT / "scripts" / "uv.txt"
    place = VENVS / f"uv-{digest(pinned.read_text())}"
    if all(os.access(place / "bin" / name, os.X_OK) for name in ("uv", "python")):
        return place
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    plain |= {"PIP_USER": "0", "PIP_TARGET": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with fresh(place) as new:
        venv = [sys.executable, "-I", "-m", "venv", str(new)]
        install = [str(new / "bin" / "python"), "-I", "-m", "pip", "install", "--require-hashes", "--no-deps", "-r"]
        for argv in (venv, [*install, str(pinned)]):
            done = quietly(argv, plain)
            if done.returncode:
                raise SetupError(f"cannot install uv: {why(done.stdout + done.stderr)}")
    return place


def quietly(argv: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, and keep what it prints."""
    return subprocess.run(
        argv, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def variables() -> dict[str, str]:
    """The environment that uv gets: the caller's, with what pip is configured with unless uv is told otherwise."""
    environment = {name: value for name, value in os.environ.items() if not HARMFUL.match(name)}
    for option, value in settings().items():
        if option in OF_PIP:
            environment.setdefault(OF_PIP[option], ("," if option == "find-links" else " ").join(value.split()))
    if "extra-index-url" in settings():
        environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # the newest of all indexes, as pip has it
    return environment | {"UV_PYTHON_DOWNLOADS": "never"}


def settings() -> dict[str, str]:
    """What pip is configured with, by the names of its options: by its files, and above those by variables."""
    return _settings(tuple(sorted(item for item in os.environ.items() if item[0].startswith("PIP_"))))


@functools.cache
def _settings(_of: tuple[tuple[str, str], ...]) -> dict[str, str]:
    listed = quietly([str(home() / "bin" / "python"), "-I", "-m", "pip", "config", "list"], {**os.environ}).stdout
    options: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for option, value in re.findall(rf"^{section}\.([a-z-]+)=('.*'|\".*\")$", listed, re.MULTILINE):
            options[option] = str(ast.literal_eval(value))
    return {option: value for option, value in options.items() if value}


def why(output: str) -> str:
    """What uv or pip failed on, in one line, and what to try."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("warning: ")]
    lines = [re.sub(r"^(error|ERROR|hint|cause): ", "", line) for line in lines]
    if full := re.search(r"No space left on device|Disk quota exceeded", output):
        return f"{full[0]}: make room, then try again"
    if wrong := re.search(r"Hash mismatch for `(.+)`|DO NOT MATCH THE HASHES.*\n\s*(\S+)", output):
        return (
            f"what came for {wrong[1] or wrong[2]} has another hash than the lock: it was damaged or exchanged on the"
            " way, or the lock is wrong; try once more, then another package index"
        )
    if re.search(r"error sending request|Failed to fetch|Max retries exceeded|connection broken by", output):
        reason = re.search(r"(\[Errno -?\d+\] [^'\")]+|HTTP status \w+ error \([^)]*\))", output)
        hint = "is there a network, or a proxy or an index that pip should know of?"
        return f"the package index cannot be reached ({reason[1] if reason else lines[-1]}): {hint}"
    return re.sub(r"\s+", " ", ": ".join(lines))[:600] or "it printed nothing"


def say(line: str) -> None:
    """Print on standard error."""
    print(line, file=sys.stderr, flush=True)


def stop(number: int, _frame: FrameType | None) -> NoReturn:
    """End on a signal, with what was started; an impatient second one must not interrupt that."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def run(what: str, *names: str) -> int:
    """Make what is asked for; returns the exit code."""
    kinds: dict[str, Callable[..., None]] = {"main": main, "serving": serving, "group": group, "lock": lock}
    try:
        VENVS.mkdir(exist_ok=True)
        use()
        kinds[what](*names)
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
