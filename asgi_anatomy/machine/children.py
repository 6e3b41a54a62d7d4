"""Processes that do not outlive the harness: the guardian of each thread starts them, and reports when they end."""

import atexit
import contextlib
import errno
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

import msgspec
import psutil

from asgi_anatomy.errors import Fault
from asgi_anatomy.machine.guardian import Ended, Failed, Message, Ready, Request, Start, Started, Sweep, Swept
from asgi_anatomy.machine.signals import held
from asgi_anatomy.suite.layers import ROOT

UNWANTED = {
    f"PYTHON{name}"
    for name in (
        *("PATH", "HOME", "SAFEPATH", "STARTUP", "INSPECT", "EXECUTABLE", "PLATLIBDIR", "USERBASE", "NOUSERSITE"),
        *("DEBUG", "DEVMODE", "ASYNCIODEBUG", "TRACEMALLOC", "VERBOSE", "PROFILEIMPORTTIME", "DUMPREFS", "WARNINGS"),
    )
}
"""Variables that make Python import other code, prompt, trace or debug."""


def clean_environment() -> dict[str, str]:
    """The harness's environment without UNWANTED: what servers get."""
    return {name: value for name, value in os.environ.items() if name not in UNWANTED}


ANSWER = 30.0  # seconds that the guardian has to answer
WATCH = 1.0  # seconds between two looks at whether it can
FULL = "cannot start another process: the process limit (`ulimit -u`) is reached"

File = IO[bytes] | int | None
"""Where a child's input comes from or its output goes; None: /dev/null."""


class Child:
    """A process that the guardian started, in a session of its own."""

    def __init__(self, pid: int, guard: "Guard", group: Path | None = None) -> None:
        self.pid = pid
        self.guard = guard
        self.group = group
        """The folder of its control group, if it has one."""
        self.returncode: int | None = None
        self.cpu_ns = 0
        """Its CPU time and that of the children it waited for, known once it has ended."""
        self.sleeps = 0
        """Its voluntary context switches, all threads, known once it has ended."""

    def poll(self) -> int | None:
        """Its exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            self.guard.listen(0)
        return self.returncode

    def wait(self, seconds: float) -> int | None:
        """Wait until it ends, at most this long; returns its exit code, or None if it is still running."""
        deadline = time.monotonic() + seconds
        while self.poll() is None and (left := deadline - time.monotonic()) > 0:
            self.guard.listen(min(left, 1.0))
        return self.returncode

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal its process group, even if the process itself has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    @property
    def stopped(self) -> bool:
        """Whether it was paused from outside (SIGSTOP), so that it neither works nor ends."""
        return is_stopped(self.pid)


def is_stopped(pid: int) -> bool:
    """Whether a process is paused (SIGSTOP)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


class Guard:
    """A connection to a guardian, which it starts. Its methods raise Fault where the guardian does not answer."""

    def __init__(self) -> None:
        self.children: dict[int, Child] = {}
        self.received = b""
        self.lost = ""
        """Why the guardian is lost; empty while it is not."""
        self.closing = False
        self.watched = 0.0
        self._folder: Path | None = None
        self.stream, other = socket.socketpair()
        self.stream.settimeout(ANSWER)
        self.ready = select.poll()
        self.ready.register(self.stream, select.POLLIN)
        try:
            with held(), other:
                self.process = subprocess.Popen(  # it keeps standard error, to notice when a terminal closes
                    [sys.executable, "-m", "asgi_anatomy.machine.guardian", str(other.fileno())],
                    cwd=ROOT, env=clean_environment(), pass_fds=[other.fileno()],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
        except BlockingIOError:
            self.stream.close()
            raise Fault(FULL) from None
        try:
            self._folder = Path(os.fsdecode(self._answer(Ready).folder))
        except OSError as error:
            raise Fault(f"cannot create a folder for temporary files: {error.strerror}: try another TMPDIR") from None
        atexit.register(self.close)

    @property
    def folder(self) -> Path:
        """A folder for temporary files, which is deleted with the guardian. Raises Fault where that is lost."""
        self.listen(0)
        self.require()
        assert self._folder
        return self._folder

    def start(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str] | None = None,
        stdin: File = None,
        stdout: File = None,
        stderr: File = None,
        paths: Mapping[str, int] | None = None,
        grouped: bool = False,
        folder: str = "",
    ) -> Child:
        """Start a process on the cores of this thread; raises OSError as Popen does.

        It runs in `folder`, by default the project's. `paths` are additional files: each environment variable gets the
        path of its file. `grouped`: in a control group of its own, where one can be made.
        """
        paths = paths or {}
        request = Start(
            argv=[os.fsencode(word) for word in argv],
            env=[(os.fsencode(name), os.fsencode(value)) for name, value in (environment or os.environ).items()],
            cwd=os.fsencode(folder or ROOT),
            paths=[name.encode() for name in paths],
            cores=sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
            files=resource.getrlimit(resource.RLIMIT_NOFILE),
            grouped=grouped,
        )
        with held(), open(os.devnull, "r+b") as nothing:  # noqa: PTH123
            files = [nothing if file is None else file for file in (stdin, stdout, stderr)]
            fds = [file if isinstance(file, int) else file.fileno() for file in files]
            self._ask(request, [*fds, *paths.values()])
            started = self._answer(Started)
            group = Path(os.fsdecode(started.group)) if started.group else None
            child = self.children[started.pid] = Child(started.pid, self, group)
        return child

    def strays(self) -> list[psutil.Process]:
        """Processes that children left behind when they ended, and their descendants."""
        with contextlib.suppress(psutil.Error):
            left = [child for child in psutil.Process(self.process.pid).children() if child.pid not in self.children]
            return [kin for child in left for kin in (child, *child.children(recursive=True))]
        return []

    def sweep(self) -> None:
        """End what children left behind, unless one of them is still running."""
        with held(), contextlib.suppress(Fault):  # without a guardian, there is no way to know of any
            self._ask(Sweep())
            self._answer(Swept)

    def listen(self, seconds: float) -> None:
        """Note which children have ended, waiting at most this long for one."""
        silent = not self.closing and not self.received and not self.ready.poll(seconds * 1000)
        with held(), contextlib.suppress(Fault):  # `require` raises it later, when nothing needs cleaning up first
            if silent:
                return self._watch()
            if not self.received:  # the message that a child has ended may have arrived along with an answer
                self._hear()
            for message in self._messages():
                self._note(message)

    def require(self) -> None:
        """Raise Fault if the guardian has ended: its children then count as killed, and are not to blame."""
        if self.lost:
            raise Fault(self.lost)

    def close(self) -> None:
        """End everything that is still running, and wait for it. Another thread may call it: the guard's own is then
        told that the guardian is lost, whatever it waits for.
        """
        self.closing = True
        with contextlib.suppress(OSError):
            self.stream.shutdown(socket.SHUT_RDWR)
        self.process.send_signal(signal.SIGCONT)  # a stopped one would not end
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt, Fault), held():
            self.process.wait(ANSWER)
        self.stream.close()
        atexit.unregister(self.close)

    def abandon(self) -> None:
        """Let go of it, in a copy of the process that started it: the guardian must notice when that one ends."""
        self.stream.close()
        atexit.unregister(self.close)

    def _ask(self, request: Request, files: Sequence[int] = ()) -> None:
        data = msgspec.json.encode(request) + b"\n"
        try:
            sent = socket.send_fds(self.stream, [data], files) if files else 0
            self.stream.sendall(data[sent:])
        except OSError as error:
            self._lose(error)

    def _answer[T](self, kind: type[T]) -> T:
        """Read until the answer arrives; children that end in the meantime are noted."""
        while True:
            for message in self._messages():
                if isinstance(message, kind):
                    return message
                if isinstance(message, Failed):
                    if message.errno == errno.EAGAIN:
                        raise Fault(FULL)
                    raise OSError(message.errno, os.strerror(message.errno))
                self._note(message)
            self._hear()

    def _messages(self) -> Iterator[Message]:
        """What was received: each is a line."""
        while b"\n" in self.received:
            line, _, self.received = self.received.partition(b"\n")
            yield msgspec.json.decode(line, type=Message)

    def _watch(self) -> None:
        """Ask once in WATCH seconds whether the guardian was stopped (SIGSTOP): it would not say anything any more."""
        if time.monotonic() > self.watched + WATCH:
            self.watched = time.monotonic()
            if is_stopped(self.process.pid):
                self._lose(OSError("it was stopped (SIGSTOP)"))

    def _hear(self) -> None:
        deadline = time.monotonic() + ANSWER
        while not self.closing and time.monotonic() < deadline and not self.ready.poll(WATCH * 1000):
            self._watch()
        try:
            data = self.stream.recv(65536)
        except OSError as error:
            self._lose(error)
        if not data:
            self._lose(OSError("its connection is closed"))
        self.received += data

    def _note(self, message: Message) -> None:
        if isinstance(message, Ended) and (child := self.children.pop(message.pid, None)):
            child.returncode, child.cpu_ns, child.sleeps = message.code, message.cpu_ns, message.sleeps

    def _lose(self, why: OSError) -> NoReturn:
        """The guardian is lost, so nothing can be started or waited for: end what is left; raises Fault."""
        if not self.closing:  # else it is ending them itself
            self.process.kill()
        for child in self.children.values():
            if not self.closing:
                child.kill()
            child.returncode = -signal.SIGKILL
        self.children.clear()
        if self._folder and not self.closing:
            shutil.rmtree(self._folder, ignore_errors=True)
        self.lost = self.lost or (
            f"the process that starts servers (asgi_anatomy.machine.guardian) has ended or does not answer: {why}"
        )
        raise Fault(self.lost) from None


_guards: dict[int, Guard] = {}


def guard() -> Guard:
    """The guardian of this thread, started when it is first needed.

    Every thread has its own, so that jobs side by side share neither answers nor what is left behind. It ends with the
    process at the latest, whichever that is: the suite's own, or a worker that somebody else started.
    """
    thread = threading.get_ident()
    if thread not in _guards:
        _guards[thread] = Guard()
    return _guards[thread]


def release(thread: int | None = None) -> None:
    """Close the guardian of a thread (by default this one), if it has one: the next `guard` starts another."""
    if guardian := _guards.pop(thread or threading.get_ident(), None):
        guardian.close()


def renew() -> None:
    """Release this thread's guardian if it is lost."""
    if (guardian := _guards.get(threading.get_ident())) and guardian.lost:
        release()


def interrupt(thread: int) -> None:
    """End what a thread has started, so that whatever it waits for fails immediately."""
    if guardian := _guards.get(thread):
        guardian.close()


def _abandon() -> None:
    """After a fork: the guardians are the parent's."""
    for guardian in _guards.values():
        guardian.abandon()
    _guards.clear()


os.register_at_fork(after_in_child=_abandon)
