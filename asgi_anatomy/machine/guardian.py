"""The process that starts servers and wrk, and ends them all when the harness is gone, for whatever reason.

`python -m asgi_anatomy.machine.guardian FD`: FD is its end of a Unix socket. The harness sends one request at a time (a
line of JSON, along with the files of a child), and is told the outcome, and of each child that ends. Once the other end
closes, even by SIGKILL, everything that was started is ended, and the folder for temporary files is removed.

A server may get a control group (version 2): a folder in which the kernel counts the CPU time of all it started.

On Linux it is a child subreaper: a double fork or a daemon of a server becomes its child and is found.
Elsewhere such a process belongs to init, and only those that still have their parents are found.
"""

import contextlib
import ctypes
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil

NAME = "asgi-anatomy-"
"""How the names of groups begin; the number of the process that made one follows."""


def enter_group(number: int) -> Path | None:
    """Make a control group below this process's own and enter it, so that a child begins there; None: not possible."""
    if not (parent := own_group()):
        return None
    group = parent / f"{NAME}{os.getpid()}-{number}"
    try:
        group.mkdir()
        (group / "cgroup.procs").write_text("0")
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        return None
    return group


def remove_groups() -> None:
    """Remove the empty groups of this process, and of guardians that are gone."""
    parent = own_group()
    for group in parent.glob(f"{NAME}*-*") if parent else ():
        maker = group.name.removeprefix(NAME).partition("-")[0]
        if maker == str(os.getpid()) or not Path("/proc", maker).exists():
            with contextlib.suppress(OSError):
                group.rmdir()


def own_group(mounts: Path = Path("/proc/self/mounts"), cgroup: Path = Path("/proc/self/cgroup")) -> Path | None:
    """The folder of this process's control group, version 2; None where there is none, as on macOS."""
    with contextlib.suppress(OSError, StopIteration):
        top = next(line.split()[1] for line in mounts.read_text().splitlines() if line.split()[2] == "cgroup2")
        path = next(line for line in cgroup.read_text().splitlines() if line.startswith("0::")).removeprefix("0::")
        return Path(top) / path.strip("/")
    return None


SET_CHILD_SUBREAPER = 36  # prctl(2)
POLITE, FORCED = 2.0, 5.0  # seconds to wait after TERM, and after KILL
POLL = 0.01
MOST_FILES = 16
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD)


class Start(msgspec.Struct, frozen=True, tag=True):
    """Start a process, in a session of its own. It comes with files for standard input, output and error, and one more
    for each of `paths`: environment variables, each of which gets the path of its file.

    Words are bytes, since folder names need not be UTF-8.
    """

    argv: list[bytes]
    env: list[tuple[bytes, bytes]]
    cwd: bytes
    paths: list[bytes]
    cores: list[int]
    """The cores it may run on; empty if cores cannot be set here."""
    files: tuple[int, int]
    """How many files it may open: soft and hard limit."""
    grouped: bool = False
    """Whether to start it in a control group of its own, where one can be made."""


class Sweep(msgspec.Struct, frozen=True, tag=True):
    """End what children left behind, if no requested child is still running."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Its first message: the folder for temporary files."""

    folder: bytes


class Started(msgspec.Struct, frozen=True, tag=True):
    """A process was started; the folder of its control group, if it has one."""

    pid: int
    group: bytes = b""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A request failed: the number of an OSError."""

    errno: int


class Swept(msgspec.Struct, frozen=True, tag=True):
    """Nothing is left behind, or a requested child is still running."""


class Ended(msgspec.Struct, frozen=True, tag=True):
    """A child has ended: its exit code, negative for a signal, its CPU time, and how often it slept.

    Both are with the children it waited for.
    """

    pid: int
    code: int
    cpu_ns: int
    sleeps: int


Request = Start | Sweep
Message = Ready | Started | Failed | Swept | Ended


class Guardian:
    """Starts, reaps and ends the children."""

    def __init__(self, harness: socket.socket, wake: int) -> None:
        self.harness = harness
        self.wake = wake
        self.parent = os.getppid()
        self.children: dict[int, subprocess.Popen[bytes]] = {}
        self.grouped = 0
        self.poll = select.poll()
        for fd in (harness.fileno(), wake):
            self.poll.register(fd, select.POLLIN)
        if terminal := os.isatty(2):
            self.poll.register(2, 0)  # only for hang-ups
        self.terminal = terminal

    def serve(self) -> None:
        """Handle the harness's requests until it is gone."""
        while True:
            ready = dict(self.poll.poll())
            if self.wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, 4096)
                self.reap()
            if self.terminal and 2 in ready:
                self.hang_up()
            if self.harness.fileno() in ready and not self.answer():
                return

    def hang_up(self) -> None:
        """Tell the harness that its terminal has closed: if it is not the session's terminal, nobody else does."""
        self.poll.unregister(2)
        if os.getppid() == self.parent:
            os.kill(self.parent, signal.SIGHUP)

    def answer(self) -> bool:
        """Handle one request; False if the harness is gone."""
        line, fds = receive(self.harness)
        try:
            if not line:
                return False
            match msgspec.json.decode(line, type=Request):
                case Start() as request:
                    self.say(self.start(request, fds))
                case Sweep():
                    self.sweep()
                    self.say(Swept())
        finally:
            for fd in fds:
                os.close(fd)
        return True

    def say(self, message: Message) -> None:
        """Send the harness a message; if it is gone, the next poll will show that."""
        with contextlib.suppress(OSError):
            self.harness.sendall(msgspec.json.encode(message) + b"\n")

    def start(self, request: Start, fds: list[int]) -> Started | Failed:
        """Start a process. It inherits cores and limits from this one, which keeps those of the last start."""
        stdin, stdout, stderr, *more = fds
        paths = {name: f"/dev/fd/{fd}".encode() for name, fd in zip(request.paths, more, strict=True)}
        group = None
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, request.files)
            if request.cores:
                os.sched_setaffinity(0, request.cores)
            if request.grouped:
                self.grouped += 1
                group = enter_group(self.grouped)
            child = subprocess.Popen(
                request.argv, cwd=request.cwd, env={**dict(request.env), **paths}, stdin=stdin, stdout=stdout,
                stderr=stderr, pass_fds=more, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return Failed(error.errno or 0)
        finally:
            if group:
                with contextlib.suppress(OSError):
                    (group.parent / "cgroup.procs").write_text("0")
        self.children[child.pid] = child
        return Started(child.pid, os.fsencode(group or ""))

    def reap(self) -> bool:
        """Reap ended children, and report the requested ones; False if no child is left."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, used = os.wait4(-1, os.WNOHANG)
                if not pid:
                    return True
                if child := self.children.pop(pid, None):
                    child.returncode = os.waitstatus_to_exitcode(status)
                    cpu_ns = round((used.ru_utime + used.ru_stime) * 1e9)
                    self.say(Ended(pid, child.returncode, cpu_ns, used.ru_nvcsw))
        return False

    def sweep(self) -> None:
        """End what was left behind, unless it may belong to a child that is still running."""
        if self.reap() and not self.children:
            self.end_all()
        remove_groups()

    def end_all(self) -> None:
        """End all descendants of this process, including any that they start meanwhile."""
        signalled: set[psutil.Process] = set()
        for number, seconds in ((signal.SIGTERM, POLITE), (signal.SIGKILL, FORCED)):
            deadline = time.monotonic() + seconds
            while self.reap() and time.monotonic() < deadline:
                for process in psutil.Process().children(recursive=True):
                    if number == signal.SIGKILL or process not in signalled:
                        signalled.add(process)
                        with contextlib.suppress(psutil.Error):
                            process.send_signal(number)
                            process.send_signal(signal.SIGCONT)  # a stopped process would not react
                time.sleep(POLL)
        remove_groups()


def receive(stream: socket.socket) -> tuple[bytes, list[int]]:
    """One line, and the files that came with it; an empty line if the other end is closed."""
    line, fds = b"", list[int]()
    while not line.endswith(b"\n"):
        try:
            data, more, _, _ = socket.recv_fds(stream, 65536, MOST_FILES)
        except ConnectionError:  # the other end closed with data unread
            data, more = b"", []
        fds += more
        if not data:
            return b"", fds
        line += data
    return line, fds


def main(fd: int) -> None:
    """Serve the harness at the other end of a socket."""
    wake, alarm = os.pipe()
    for end in (wake, alarm):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)  # not SIG_IGN: children would inherit it
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    guardian = Guardian(socket.socket(fileno=fd), wake)
    try:
        folder = tempfile.mkdtemp(prefix="asgi-anatomy-")
    except OSError as error:
        return guardian.say(Failed(error.errno or 0))
    try:
        guardian.say(Ready(os.fsencode(folder)))
        guardian.serve()
    finally:
        guardian.end_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
