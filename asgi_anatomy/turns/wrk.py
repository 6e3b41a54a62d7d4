"""What wrk counted -> whether all of it was answered as the workload says.

wrk tells how many requests were answered and how many bytes it read. scripts/workload.lua adds how many requests of
each kind were sent, and, where some are to be answered by an error, how many answers had each status. So every count
is known but for the requests in flight at the end.

A running server -> windows of wrk. Its summary comes as JSON from scripts/, so nothing parses its text.

scripts/post.lua sends one request again and again, scripts/workload.lua everything else.

The layer `endpoint` -> turns and windows without wrk, since this layer has no socket between it and the work.
"""

import os
import resource
import shutil
import signal
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import asdict, replace

from asgi_anatomy.errors import BadInput, Fault, ServerFault, WrkFault
from asgi_anatomy.machine.children import guard
from asgi_anatomy.machine.counters import bytes_read, clock, switches
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.signals import held
from asgi_anatomy.machine.tools import install
from asgi_anatomy.suite.conformance import receive
from asgi_anatomy.suite.contract import Asked, Workload
from asgi_anatomy.suite.layers import ROOT, Layer
from asgi_anatomy.turns.record import Errors, Load, Summary


def unexpected(summary: Summary, server: Server) -> Errors:
    """Errors by kind, without the statuses that the workload expects."""
    if not summary.statuses:
        return summary.errors
    expected = {str(asked.expected(server.layer)) for asked in server.contract.asked}
    other = sum(count for status, count in summary.statuses.items() if status not in expected and "0" not in expected)
    return replace(summary.errors, status=other)


def fault_of(summary: Summary, server: Server, unanswered: int) -> str | None:
    """Why a window does not count: an error of any kind, or statuses or bytes that are not those of what was sent.

    The last answer on a connection may have come in pieces, of which wrk counts the bytes but not the request. Answers
    whose size varies cannot be verified by bytes, nor those whose status varies by status.
    """
    if counts := {kind: count for kind, count in asdict(unexpected(summary, server)).items() if count}:
        return "wrk counted errors: " + ", ".join(f"{count} {kind}" for kind, count in counts.items())
    if not summary.requests:
        return "not one request was answered"
    sent = summary.sent or [summary.requests + unanswered]
    return _by_status(summary, sent, server, unanswered) or _by_bytes(summary, sent, server.sizes, unanswered)


def _by_status(summary: Summary, sent: list[int], server: Server, unanswered: int) -> str | None:
    expected: Counter[int] = Counter()
    for asked, count in zip(server.contract.asked, sent, strict=True):
        expected[asked.expected(server.layer)] += count
    if not summary.statuses or 0 in expected:
        return None
    for status, count in expected.items():
        found = summary.statuses.get(str(status), 0)
        if not count - unanswered <= found <= count:
            return f"{found} answers had the status {status}, expected {max(0, count - unanswered)} to {count}"
    return None


def _by_bytes(summary: Summary, sent: list[int], sizes: list[int | None], unanswered: int) -> str | None:
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    most = sum(count * size for count, size in zip(sent, known, strict=True))
    least = most - unanswered * max(known)
    if least <= summary.bytes <= most:
        return None
    if len(known) == 1:
        answers = f"{summary.requests} answers of {known[0]} bytes each"
        return f"wrk read {summary.bytes} bytes, expected {least} for {answers}"
    return f"wrk read {summary.bytes} bytes, expected {least} to {most} for {summary.requests} answers"


POLL = 0.02  # seconds between checks of a running wrk
GRACE = 10.0  # seconds past its window after which wrk counts as hung
AGAIN = 0.2  # seconds after which a wrk that was told to end is told so again
LONGEST = 3600  # seconds that a wrk may run which takes turns
TIMEOUT = 20  # seconds that its requests may take, with all pauses
LATE = 0.5  # seconds past its window after which to check whether it was stopped from outside


class ClientCounters(msgspec.Struct, frozen=True):
    """Totals of a client since it started: bytes that it read, CPU time, how often it slept."""

    bytes: int
    cpu_ns: int
    sleeps: int


def require_wrk() -> str:
    """The path of wrk, which is installed if need be; raises BadInput where that is not possible."""
    install("wrk")
    return shutil.which("wrk") or "wrk"


def require_files(connections: int) -> None:
    """Raise the limit of open files to what the connections need; raises BadInput if that is not allowed."""
    needed = connections + 64
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BadInput(f"{connections} connections need {needed} open files, {hard} are allowed: see `ulimit -Hn`")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def written(asked: Sequence[Asked], workload: Workload, layer: Layer, file: IO[bytes]) -> dict[str, str]:
    """Write requests to a file as scripts/workload.lua reads them; returns the variables that it reads."""
    for each in asked:
        text = each.wire()
        file.write(b"%d %d\n%b" % (each.share, len(text), text))
    file.flush()
    variables = {"WRK_REQUESTS": file.name, "WRK_PIPELINING": str(workload.pipelining)}
    statuses = {each.expected(layer) for each in asked}
    by_status = len(statuses) > 1 or any(not 200 <= status < 400 for status in statuses)
    return variables | ({"WRK_STATUSES": "1"} if by_status else {})


class Wrk:
    """One wrk process against a server: for a plain window, of which `finish` waits for the end and returns the
    summary; or for turns, between which it is paused, until `end` has it say what it counted.

    `preload` is a library that it loads first. It runs on the cores of the thread that starts it. `cpu_ns` is its CPU
    time, known once it has ended, and so is `unanswered`: how many requests are in flight at the end, which wrk does
    not count. scripts/workload.lua counts what it sends; otherwise that is one per connection.
    """

    def __init__(self, server: Server, load: Load, turns: bool = False, preload: Path | None = None) -> None:
        if turns:
            load = replace(load, seconds=LONGEST, timeout=max(load.timeout, TIMEOUT))
        self.server = server
        self.load = load
        self.unanswered = load.connections
        self.ending = False
        argv = [require_wrk(), f"-t{load.threads}", f"-c{load.connections}", f"-d{load.seconds}s"]
        user = server.contract.user
        script = "post.lua" if server.contract.workload.plain else "workload.lua"
        argv += ["--timeout", f"{load.timeout}s", "-s", str(ROOT / "scripts" / script), server.url + user.path]
        asked = {
            "WRK_METHOD": user.method,
            "WRK_HEADERS": "\n".join(f"{name}: {value}" for name, value in user.headers),
            "WRK_BODY": user.body,
        }
        self.requests: IO[bytes] | None = None
        if not server.contract.workload.plain:
            self.requests = tempfile.NamedTemporaryFile(dir=guard().folder)  # noqa: SIM115 (`stop` closes it)
            asked = written(server.contract.asked, server.contract.workload, server.layer, self.requests)
        reader, writer = os.pipe()
        heard, said = os.pipe()
        self.pipe, self.errors = os.fdopen(reader, "rb"), os.fdopen(heard, "rb")
        try:
            environment = {**os.environ, **asked, **({"LD_PRELOAD": str(preload)} if preload else {})}
            self.process = guard().start(argv, environment, stderr=said, paths={"WRK_SUMMARY": writer})
        except BaseException:
            self.pipe.close()
            self.errors.close()
            if self.requests:
                self.requests.close()
            raise
        finally:
            os.close(writer)
            os.close(said)

    @property
    def cpu_ns(self) -> int:
        """Its CPU time."""
        return self.process.cpu_ns

    @property
    def sleeps(self) -> int:
        """How often it slept until something came."""
        return self.process.sleeps

    def pause(self) -> None:
        """Stop it until `resume`: its turn is over."""
        self.process.kill(signal.SIGSTOP)

    def resume(self, seconds: float) -> None:  # noqa: ARG002 (a loop must know how long)
        """Let it go on: its turn begins."""
        self.process.kill(signal.SIGCONT)

    def read(self) -> ClientCounters:
        """What it counted until now; raises WrkFault if it has ended."""
        try:
            pid = self.process.pid
            return ClientCounters(bytes_read(pid), time.clock_gettime_ns(clock(pid)), switches(pid)[0])
        except (OSError, IndexError):
            self.process.wait(GRACE)
            self.server.require_alive("died under load")
            raise WrkFault(f"wrk, which loaded {self.server.layer.name}, has ended{self._complaint()}") from None

    def end(self) -> None:
        """Have it say what it counted, as Ctrl-C does; `finish` returns that."""
        self.process.kill(signal.SIGCONT)
        self.process.kill(signal.SIGINT)
        self.load, self.ending = replace(self.load, seconds=0), True

    def _complaint(self) -> str:
        if (self.process.returncode or 0) < 0:
            return ""
        said = self.errors.read().decode(errors="replace").strip()
        return f": {said}" if said else ""

    def finish(self) -> Summary:
        """Wait for the end of the window; raises ServerFault as soon as the server dies or refuses wrk, WrkFault if wrk
        was killed or stopped from outside, or Fault.
        """
        name = self.server.layer.name
        end = time.monotonic() + self.load.seconds
        try:
            while self.process.wait(AGAIN if self.ending else POLL) is None:
                if self.ending:  # the signal went to a thread of its that does not wait for the end
                    self.process.kill(signal.SIGINT)
                self.server.require_alive("died under load")
                late = time.monotonic() - end
                if late > LATE and self.process.stopped:
                    raise WrkFault(f"wrk, which loaded {name}, was stopped (SIGSTOP) from outside")
                if late > GRACE:
                    raise ServerFault(name, f"kept wrk for {GRACE:.0f} s after its window")
            self.server.require_alive("died under load")
            self.process.guard.require()
            if (code := self.process.returncode or 0) < 0:
                raise WrkFault(f"wrk, which loaded {name}, was ended by {signal.Signals(-code).name} from outside")
            if code:
                said = self.errors.read().decode(errors="replace").strip() or f"exit code {code}"
                raise ServerFault(name, f"could not be loaded, wrk said: {said}")
            summary = msgspec.json.decode(self.pipe.read(), type=Summary)
            if summary.sent:
                self.unanswered = max(0, sum(summary.sent) - summary.requests)
            return summary
        except msgspec.DecodeError as error:
            raise Fault(f"wrk gave no summary of {name} ({error}): are its scripts in scripts/ intact?") from None
        finally:
            self.stop()

    def stop(self) -> None:
        """End wrk, if it is still running."""
        with held():
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(GRACE)
            self.errors.close()
            self.pipe.close()
            if self.requests:
                self.requests.close()


CLOSING = 0.5  # seconds


class Loop:
    """Loops in a server, each as long as a turn or a window. It has what a Wrk has."""

    cpu_ns = 0  # there is no client to spend any
    sleeps = 0
    unanswered = 0

    def __init__(self, server: Server, load: Load, turns: bool = False) -> None:
        self.server = server
        self.turns = turns
        self.user = server.contract.asked[0].request
        self.answer = server.answer_bytes or 0
        self.calls = 0
        self.seconds = 0.0
        try:
            self.stream = socket.create_connection((server.host, server.port), GRACE)
        except OSError as error:
            raise ServerFault(server.layer.name, f"cannot be reached: {error}") from None
        if not turns:
            self.resume(load.seconds)

    def resume(self, seconds: float) -> None:
        """Begin a loop of so many seconds; raises ServerFault if the server is gone."""
        self.began = time.monotonic()
        try:
            self.stream.settimeout(seconds + GRACE)
            request = msgspec.structs.replace(self.user, body=f"loop {seconds} {self.user.body}")
            self.stream.sendall(request.wire())
        except OSError as error:
            raise ServerFault(self.server.layer.name, f"cannot be reached: {error}") from None

    def pause(self) -> None:
        """Wait until the loop has ended; raises ServerFault if the server dies or does not return a count."""
        try:
            calls = receive(self.stream).body
            self.seconds += time.monotonic() - self.began
        except OSError as error:
            calls = str(error).encode()
        if not calls.isdigit():
            self.server.process.wait(CLOSING)  # a server that closes the connection may be about to exit
        self.server.require_alive("died in its loop")
        if not calls.isdigit():
            raise ServerFault(self.server.layer.name, f"ended its loop with {calls!r}, expected a number")
        self.calls += int(calls)

    def read(self) -> ClientCounters:
        """What it counted until now: calls, in bytes of their answers."""
        return ClientCounters(self.calls * self.answer, 0, 0)

    def end(self) -> None:
        """Do nothing: between two loops there is nothing to end."""

    def finish(self) -> Summary:
        """Wait for the end of the window, if there is one, and return the summary; raises ServerFault."""
        try:
            if not self.turns:
                self.pause()
        finally:
            self.stop()
        return Summary(self.calls, round(self.seconds * 1e6), self.calls * self.answer, Errors(0, 0, 0, 0, 0))

    def stop(self) -> None:
        """End it, if it is still running."""
        self.stream.close()
