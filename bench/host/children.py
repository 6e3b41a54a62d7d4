"""Processes that do not survive the harness: the guardian starts them, and tells when they end."""

import atexit
import contextlib
import errno
import functools
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

import msgspec
import psutil

from bench.data.errors import Fault
from bench.data.layers import ROOT
from bench.host.guardian import Ended, Failed, Message, Ready, Request, Start, Started, Sweep, Swept
from bench.host.signals import held
from bench.host.variables import clean_environment

ANSWER = 30.0  # seconds that the guardian has for one thing
FULL = "cannot start another process: the limit of processes (`ulimit -u`) is reached"

File = IO[bytes] | int | None
"""What is at the end of a child's input or output; None is nothing."""


class Child:
    """A process that the guardian started, in a session of its own."""

    def __init__(self, pid: int, guard: "Guard") -> None:
        self.pid = pid
        self.guard = guard
        self.returncode: int | None = None
        self.cpu_ns = 0
        """The CPU time of it and of what it waited for, known once it has ended."""

    def poll(self) -> int | None:
        """Its exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            self.guard.listen(0)
        return self.returncode

    def wait(self, seconds: float) -> int | None:
        """Wait until it ends, so long at most; returns its exit code, or None where it runs on."""
        deadline = time.monotonic() + seconds
        while self.poll() is None and (left := deadline - time.monotonic()) > 0:
            self.guard.listen(min(left, 1.0))
        return self.returncode

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal it and all of its group, also what is left of that when it has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    @property
    def stopped(self) -> bool:
        """Whether somebody halted it (SIGSTOP), so that it neither works nor ends."""
        try:
            return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        except psutil.Error:
            return False


class Guard:
    """The harness's end of the guardian; raises Fault where that does not answer. There is one: see `guard`.

    `folder` is for temporary files: it goes when the harness does.
    """

    def __init__(self) -> None:
        self.children: dict[int, Child] = {}
        self.said = b""
        self.lost = ""
        self.folder: Path | None = None
        self.stream, other = socket.socketpair()
        self.stream.settimeout(ANSWER)
        self.ready = select.poll()
        self.ready.register(self.stream, select.POLLIN)
        try:
            with held(), other:
                self.process = _popen(other.fileno())
        except Fault:
            self.stream.close()
            raise
        try:
            self.folder = Path(os.fsdecode(self._answer(Ready).folder))
        except OSError as error:
            raise Fault(f"no folder for temporary files can be made: {error.strerror}: try another TMPDIR") from None
        atexit.register(self.close)

    def start(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str] | None = None,
        stdin: File = None,
        stdout: File = None,
        stderr: File = None,
        paths: Mapping[str, int] | None = None,
    ) -> Child:
        """Start a process in the project's folder, on the cores of this thread; raises OSError as Popen does.

        `paths` are more files that it gets, each by a path in a variable of its environment.
        """
        more = paths or {}
        request = Start(
            argv=[os.fsencode(word) for word in argv],
            env=[(os.fsencode(name), os.fsencode(value)) for name, value in (environment or os.environ).items()],
            cwd=os.fsencode(ROOT),
            paths=[name.encode() for name in more],
            cores=sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
            files=resource.getrlimit(resource.RLIMIT_NOFILE),
        )
        with held(), open(os.devnull, "r+b") as nothing:  # noqa: PTH123
            files: list[IO[bytes] | int] = [nothing if each is None else each for each in (stdin, stdout, stderr)]
            self._ask(request, [each if isinstance(each, int) else each.fileno() for each in (*files, *more.values())])
            pid = self._answer(Started).pid
            child = self.children[pid] = Child(pid, self)
        return child

    def strays(self) -> list[psutil.Process]:
        """What children left behind when they ended, and all that it started."""
        with contextlib.suppress(psutil.Error):
            left = [each for each in psutil.Process(self.process.pid).children() if each.pid not in self.children]
            return [kin for each in left for kin in (each, *each.children(recursive=True))]
        return []

    def sweep(self) -> None:
        """End what children left behind, unless one of them still runs."""
        with held(), contextlib.suppress(Fault):  # without a guardian, no one knows of any
            self._ask(Sweep())
            self._answer(Swept)

    def listen(self, seconds: float) -> None:
        """Hear which children have ended; wait so long for one that does."""
        if not self.said and not self.ready.poll(seconds * 1000):
            return
        with held(), contextlib.suppress(Fault):  # `require` says it, where nothing has to be cleaned up first
            if not self.said:  # with an answer may have come that the child has ended
                self._hear()
            for line in self._lines():
                self._note(msgspec.json.decode(line, type=Message))

    def require(self) -> None:
        """Raise Fault where the guardian has ended: its children count as killed then, and are not to blame."""
        if self.lost:
            raise Fault(self.lost)

    def close(self) -> None:
        """End all that still runs, and wait until that is done."""
        self.stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt, Fault), held():
            self.process.wait(ANSWER)
        atexit.unregister(self.close)

    def _ask(self, request: Request, files: Sequence[int] = ()) -> None:
        data = msgspec.json.encode(request) + b"\n"
        try:
            sent = socket.send_fds(self.stream, [data], files) if files else 0
            self.stream.sendall(data[sent:])
        except OSError as error:
            self._lose(error)

    def _answer[T](self, kind: type[T]) -> T:
        """Read until what was asked for is answered; children that end meanwhile are noted."""
        while True:
            for line in self._lines():
                message = msgspec.json.decode(line, type=Message)
                if isinstance(message, kind):
                    return message
                if isinstance(message, Failed):
                    if message.errno == errno.EAGAIN:
                        raise Fault(FULL)
                    raise OSError(message.errno, os.strerror(message.errno))
                self._note(message)
            self._hear()

    def _lines(self) -> Iterator[bytes]:
        """Take what was heard apart."""
        while b"\n" in self.said:
            line, _, self.said = self.said.partition(b"\n")
            yield line

    def _hear(self) -> None:
        try:
            data = self.stream.recv(65536)
        except OSError as error:
            self._lose(error)
        if not data:
            self._lose(OSError("its connection is closed"))
        self.said += data

    def _note(self, message: Message) -> None:
        if isinstance(message, Ended) and (child := self.children.pop(message.pid, None)):
            child.returncode, child.cpu_ns = message.code, message.cpu_ns

    def _lose(self, why: OSError) -> NoReturn:
        """Without the guardian nothing can be started or waited for: end what is left; raises Fault."""
        self.process.kill()
        for child in self.children.values():
            child.kill()
            child.returncode = -signal.SIGKILL
        self.children.clear()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.lost = f"the process that starts servers (bench.host.guardian) was ended or does not answer: {why}"
        raise Fault(self.lost) from None


def _popen(fd: int) -> "subprocess.Popen[bytes]":
    """The guardian, at the other end of a socket. It keeps standard error, by which it sees a terminal close."""
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "bench.host.guardian", str(fd)], cwd=ROOT, env=clean_environment(), pass_fds=[fd],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except BlockingIOError:
        raise Fault(FULL) from None


@functools.cache
def guard() -> Guard:
    """The guardian of this process, started when it is first needed."""
    return Guard()
