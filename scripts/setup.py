"""Makes an environment for the Python that runs this, as scripts/setup.sh and the harness have it done.

    setup.py main STAMP         .venv: requirements.lock
    setup.py interpreter NAME   .venvs/NAME: requirements.lock, for a Python that serves layers beside that of .venv
    setup.py pip-tools STAMP    .venvs/pip-tools: what `make lock` runs
    setup.py group NAME         .venvs/KEY-NAME: what groups/NAME.lock adds to the environment whose Python runs this;
                                or .venvs/NAME.lock, which the harness wrote (bench/host/sides.py)

An environment is built in .venvs, in a folder named after all that it is made from, where it stays, since its scripts
hold its path. A link to it is set when it is done. So a set-up that fails, is stopped, or is one of two at the same
time harms nothing, nor does it disturb what runs in an older environment; those are kept until `make clean`.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports below gives no traceback

import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parents[1]
VENVS = ROOT / ".venvs"
VERSION = " ".join(sys.version.split())
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
UNSERVED = ("test", "report", "cluster")
"""Groups of which no server imports anything: their modules are compiled when first imported, and most never are."""
UNREACHABLE = re.compile(r"Max retries exceeded|connection broken by|Failed to establish a new connection|timed out")
REASON = re.compile(r"\[Errno -?\d+\] [^'\")]+|CERTIFICATE_VERIFY_FAILED|\b\d{3} [A-Z][\w ]+|[Rr]ead timed out")


class SetupError(Exception):
    """What went wrong and what to try, in one line."""


class Environment(NamedTuple):
    """What to make: `sees` are folders of packages of other environments that this one can import as well."""

    folder: Path
    link: Path
    stamp: str
    packages: str
    install: list[str]
    sees: tuple[str, ...] = ()

    def ready(self, place: Path) -> bool:
        """Whether it exists and is complete: the stamp is written last."""
        try:
            return (place / "stamp").read_text().strip() == self.stamp and os.access(place / "bin" / "python", os.X_OK)
        except OSError:
            return False


def main_environment(stamp: str) -> Environment:
    """The one that all commands run in. Its stamp is what scripts/setup.sh looks at."""
    install = ["--require-hashes", "-r", "requirements.lock"]
    return Environment(VENVS / key(stamp), ROOT / ".venv", stamp, "requirements.lock", install)


def interpreter(name: str) -> Environment:
    """One like the main one, for another Python. Only what is built for it is installed: to compile takes an hour."""
    lock = ROOT / "requirements.lock"
    stamp = f"{sys.executable} {VERSION} {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    install = ["--require-hashes", "--only-binary", ":all:", "-r", lock.name]
    return Environment(VENVS / f"{key(stamp)}-serving", VENVS / name, stamp, lock.name, install)


def pip_tools(_stamp: str) -> Environment:
    """What writes the locks. It is in none itself: nothing that is measured depends on it."""
    stamp = f"{sys.executable} {VERSION}"
    return Environment(VENVS / f"pip-tools-{key(stamp)}", VENVS / "pip-tools", stamp, "pip-tools", ["pip-tools"])


def group(name: str) -> Environment:
    """One that sees the main one and leaves it as it is, so that no other layer's figures change."""
    main = Path(sys.prefix).resolve()
    locks = [ROOT / "groups" / f"{name}.lock", VENVS / f"{name}.lock"]
    if not (lock := next(filter(Path.is_file, locks), None)):
        raise SetupError(f"no group {name!r}: there is no groups/{name}.lock")
    install, sees = ["--require-hashes", "-r", str(lock.relative_to(ROOT))], [sysconfig.get_path("purelib")]
    below = ""
    if lock.parent == VENVS:  # written by the harness: its packages go before those of the same name in what it is on
        with lock.open() as lines:
            base = lines.readline().removeprefix("# on:").strip()
        if base != "main":
            below = str((VENVS / f"{main.name}-{base}").resolve())
            sees.insert(0, sees[0].replace(str(sys.prefix), below))
        install = ["--no-deps", "--ignore-installed", *install[1:]]  # an index that tells no hashes will do
    if name in UNSERVED:
        install.insert(0, "--no-compile")
    stamp = " ".join(filter(None, [str(main), VERSION, hashlib.sha256(lock.read_bytes()).hexdigest(), below]))
    link = VENVS / f"{main.name}-{name}"
    folder = link.with_name(f"{link.name}-{digest(stamp)}")
    return Environment(folder, link, stamp, install[-1], install, tuple(sees))


def key(stamp: str) -> str:
    """A folder's name: the Python's version, for those who look, and a digest of the rest."""
    return f"{sys.version.split()[0]}-{digest(stamp)}"


def digest(text: str) -> str:
    """A short name for a long text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def make(wanted: Environment) -> None:
    """Build it, unless it is there, and have the link lead to it; raises SetupError or OSError."""
    if wanted.ready(wanted.link):
        return
    if os.pathsep in str(ROOT):
        raise SetupError(f"a virtual environment cannot be in a path with {os.pathsep!r}: rename or move {ROOT}")
    VENVS.mkdir(exist_ok=True)
    with alone() as lock:
        if not wanted.ready(wanted.folder):
            build(wanted, lock)
        lead(wanted.link, wanted.folder)


@contextmanager
def alone() -> Iterator[int]:
    """Hold the lock of this checkout, which ends with the last process that has it open; waits for another set-up."""
    lock = os.open(VENVS / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("set-up: waiting for another one in this folder to end")
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield lock
    finally:
        os.close(lock)


def build(wanted: Environment, lock: int) -> None:
    """Make the folder anew: whatever it contains is left over from a set-up that did not finish."""
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        debian = f"apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise SetupError(f"{sys.executable} came without venv or ensurepip: on Debian and Ubuntu, try: {debian}")
    say(f"set-up: {wanted.folder.relative_to(ROOT)} with Python {sys.version.split()[0]} and {wanted.packages}")
    if wanted.folder.exists():
        shutil.rmtree(wanted.folder)
    python = wanted.folder / "bin" / "python"
    log = wanted.folder.with_name(f"{wanted.folder.name}.log")
    pip = ["--without-pip"] if wanted.sees else []  # it sees the one of the main environment
    if run([sys.executable, "-I", "-m", "venv", *pip, str(wanted.folder)], log, lock):
        raise SetupError(f"cannot make {wanted.folder.relative_to(ROOT)}: {last_line(log)}")
    if wanted.sees:
        purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site = subprocess.run([python, "-I", "-c", purelib], capture_output=True, text=True, check=True).stdout.strip()
        Path(site, "zz-venv.pth").write_text("".join(f"{each}\n" for each in wanted.sees))
        (wanted.folder / "main").symlink_to(os.path.relpath(Path(sys.prefix).resolve(), wanted.folder))
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    if run([str(python), "-I", "-m", "pip", "install", *options, *wanted.install], log, lock):
        raise SetupError(f"cannot install {wanted.packages}: {why(log)} (all of it: {log.relative_to(ROOT)})")
    (wanted.folder / "stamp").write_text(f"{wanted.stamp}\n")
    log.unlink()


def run(command: list[str], log: Path, lock: int) -> int:
    """Run this with its words in the log; it keeps the lock, should it outlive us. Returns its exit code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for elsewhere in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
        environment.pop(elsewhere, None)
    environment["PIP_USER"] = "0"
    with log.open("w") as said:
        return subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=[lock],
            check=False,
        ).returncode  # fmt: skip


def lead(link: Path, folder: Path) -> None:
    """Have the link lead to the folder, at once; what is in its place and no link, as of old, is moved aside."""
    if link.exists() and not link.is_symlink():
        places = (link.with_name(f"{link.name}-old{number}") for number in ("", *range(2, 1000)))
        aside = next(place for place in places if not place.exists())
        link.rename(aside)
        say(f"set-up: {link.name} is a link from now on; what stood there is {aside.name}, and can be deleted")
    new = link.with_name(f"{link.name}-new{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(folder, link.parent))
    new.replace(link)


def why(log: Path) -> str:
    """What pip failed on, and what to try."""
    said = log.read_text(errors="replace")
    errors = re.findall(r"^ERROR: (.*)", said, re.MULTILINE)
    last = errors[-1] if errors else last_line(log)
    if "DO NOT MATCH THE HASHES" in said:
        package = re.search(r"DO NOT MATCH THE HASHES.*\n\s*(\S+)", said)
        return (
            f"what came for {package[1] if package else 'a package'} has another hash than the lock: it was damaged or"
            " exchanged on the way, or the lock is wrong; try once more, then another package index"
        )
    if full := re.search(r"No space left on device|Disk quota exceeded", said):
        return f"{full[0]}: make room, then try again"
    if "No matching distribution found" in last or "Could not find a version" in last or UNREACHABLE.search(last):
        if trouble := next(filter(UNREACHABLE.search, said.splitlines()), ""):
            reason = REASON.search(trouble)
            hint = "is there a network, or a proxy that pip should know of?"
            return f"the package index cannot be reached ({reason[0].strip() if reason else last}): {hint}"
        return f"{last}: can the package index be reached, and has it one for Python {sys.version.split()[0]}?"
    return last


def last_line(log: Path) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it ended without a word"


def denied(error: OSError) -> str:
    """An OSError in one line; it says so where a folder belongs to another user."""
    place = Path(os.fsdecode(error.filename)) if error.filename else VENVS
    line = f"cannot set up in {ROOT}: {error.strerror} ({place})"
    if not isinstance(error, PermissionError):
        return line
    for each in (place, *place.parents):
        if each.exists() and not os.access(each, os.W_OK) and (owner := each.stat().st_uid) != os.geteuid():
            cure = f"sudo chown -R {name_of(os.geteuid())} {each}"
            return f"{line}: {each} belongs to {name_of(owner)}, not to {name_of(os.geteuid())}: try: {cure}"
    return line


def name_of(user: int) -> str:
    """Whose number that is."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def say(line: str) -> None:
    """Tell, on standard error."""
    print(line, file=sys.stderr, flush=True)


def stop(number: int, _frame: FrameType | None) -> NoReturn:
    """End on a signal, with what was started; an impatient second one must not interrupt that."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main(what: str, given: str) -> int:
    """Make one environment; returns the exit code."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        kinds = {"main": main_environment, "interpreter": interpreter, "pip-tools": pip_tools, "group": group}
        make(kinds[what](given))
    except SetupError as error:
        say(f"error: {error}")
    except OSError as error:
        say(f"error: {denied(error)}")
    except SystemExit as end:
        say("error: the set-up was stopped: what was there before is as it was")
        return int(str(end.code))
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
