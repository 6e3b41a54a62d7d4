"""A running server -> what its client counted, and whether all of it was answered as the workload says.

The client is wrk: scripts/post.lua has it send one request again and again, scripts/workload.lua everything else; both
give a summary as JSON, so nothing parses wrk's text. wrk tells how many requests were answered and how many bytes it
read. scripts/workload.lua adds how many requests of each kind were sent, and, where some are to be answered by an
error, how many answers had each status. So every count is known except for the requests in flight at the end.

The layer `endpoint` has no socket between it and the work: its client is a Loop.
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
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import asdict, replace

from asgi_anatomy.errors import BadInput, Broken, Fault, ServerFault, WrkFault
from asgi_anatomy.machine.children import guard
from asgi_anatomy.machine.counters import bytes_read, clock, switches
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.signals import held
from asgi_anatomy.machine.tools import install
from asgi_anatomy.suite.conformance import receive
from asgi_anatomy.suite.contract import Asked, Workload
from asgi_anatomy.suite.layers import ROOT, Layer
from asgi_anatomy.turns.record import Errors, Latency, Load

POLL = 0.02  # seconds between checks of a running wrk
GRACE = 10.0  # seconds past its window after which wrk counts as hung
AGAIN = 0.2  # seconds until a wrk that is to end is signalled again
LONGEST = 3600  # seconds that a wrk may run which takes turns
TIMEOUT = 20  # seconds that its requests may take, with all pauses
LATE = 0.5  # seconds past its window after which to check whether it was stopped from outside
CLOSING = 0.5  # seconds that a server has to exit once it has closed its connection


class Summary(msgspec.Struct, frozen=True):
    """What a client reports about one window; `bytes` are those read, heads included."""

    requests: int
    duration_us: int
    bytes: int
    errors: Errors
    latency_us: Latency | None = None
    sent: list[int] = []
    """By scripts/workload.lua: how many requests of each kind were sent, answered or not."""
    statuses: dict[str, int] = {}
    """By scripts/workload.lua, where the workload expects errors: how many answers had each status."""


class ClientCounters(msgspec.Struct, frozen=True):
    """Totals of a client since it started: bytes that it read, CPU time, how often it slept."""

    bytes: int
    cpu_ns: int
    sleeps: int


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
        return f"not one of {unanswered:,} requests was answered within {summary.duration_us / 1e6:.0f} s"
    sent = summary.sent or [summary.requests + unanswered]
    return _by_status(summary, sent, server, unanswered) or _by_bytes(summary, sent, server.sizes, unanswered)


def _by_status(summary: Summary, sent: list[int], server: Server, unanswered: int) -> str | None:
    expected: Counter[int] = Counter()
    for asked, count in zip(server.contract.asked, sent, strict=True):
        expected[asked.expected(server.layer)] += count
    if not summary.statuses or 0 in expected:
        return None
    for status, most in expected.items():
        answers, least = summary.statuses.get(str(status), 0), max(0, most - unanswered)
        if not least <= answers <= most:
            return f"{answers} answers had the status {status}, expected {least} to {most}"
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


def _written(requests: Sequence[Asked], workload: Workload, layer: Layer, file: IO[bytes]) -> dict[str, str]:
    """Write requests to a file as scripts/workload.lua reads them; returns the variables that it reads."""
    for asked in requests:
        text = asked.wire()
        file.write(b"%d %d\n%b" % (asked.share, len(text), text))
    file.flush()
    statuses = {asked.expected(layer) for asked in requests}
    by_status = len(statuses) > 1 or any(not 200 <= status < 400 for status in statuses)
    variables = {"WRK_REQUESTS": file.name, "WRK_PIPELINING": str(workload.pipelining)}
    return variables | ({"WRK_STATUSES": "1"} if by_status else {})


class Wrk:
    """One wrk process against a server: for a plain window, of which `finish` waits for the end and returns the
    summary; or for turns, between which it is paused, until `end` has it say what it counted.

    `preload` is a library that it loads first. It runs on the cores of the thread that starts it. `unanswered` is how
    many requests are in flight at the end, which wrk does not count: known once it has ended where
    scripts/workload.lua counts what it sends, otherwise one per connection.
    """

    def __init__(self, server: Server, load: Load, turns: bool = False, preload: Path | None = None) -> None:
        if turns:
            load = replace(load, seconds=LONGEST, timeout=max(load.timeout, TIMEOUT))
        self.server = server
        self.seconds = load.seconds
        self.unanswered = load.connections
        self.ending = False
        user, workload = server.contract.user, server.contract.workload
        script = ROOT / "scripts" / ("post.lua" if workload.plain else "workload.lua")
        argv = [require_wrk(), f"-t{load.threads}", f"-c{load.connections}", f"-d{load.seconds}s"]
        argv += ["--timeout", f"{load.timeout}s", "-s", str(script), server.url + user.path]
        environment = {**os.environ, **({"LD_PRELOAD": str(preload)} if preload else {})}
        self.files = ExitStack()
        try:
            if workload.plain:
                headers = "\n".join(f"{name}: {value}" for name, value in user.headers)
                environment |= {"WRK_METHOD": user.method, "WRK_HEADERS": headers, "WRK_BODY": user.body}
            else:
                file = self.files.enter_context(tempfile.NamedTemporaryFile(dir=guard().folder))  # noqa: SIM115
                environment |= _written(server.contract.asked, workload, server.layer, file)
            with ExitStack() as written:  # by wrk alone, once it has started
                (self.summary, to_summary), (self.errors, to_errors) = self._pipe(written), self._pipe(written)
                self.process = guard().start(argv, environment, stderr=to_errors, paths={"WRK_SUMMARY": to_summary})
        except BaseException:
            self.files.close()
            raise

    def _pipe(self, written: ExitStack) -> tuple[IO[bytes], int]:
        reader, writer = os.pipe()
        written.callback(os.close, writer)
        return self.files.enter_context(os.fdopen(reader, "rb")), writer

    @property
    def pids(self) -> list[int]:
        """Its process."""
        return [self.process.pid]

    @property
    def cpu_ns(self) -> int:
        """Its CPU time, known once it has ended."""
        return self.process.cpu_ns

    @property
    def sleeps(self) -> int:
        """How often it slept until something came, known once it has ended."""
        return self.process.sleeps

    def pause(self) -> None:
        """Stop it until `run`: its turn is over."""
        self.process.kill(signal.SIGSTOP)

    def run(self, seconds: float) -> None:
        """Let it go on for so long."""
        self.process.kill(signal.SIGCONT)
        time.sleep(seconds)

    def read(self) -> ClientCounters:
        """What it counted until now; raises WrkFault if it has ended."""
        try:
            pid = self.process.pid
            return ClientCounters(bytes_read(pid), time.clock_gettime_ns(clock(pid)), switches(pid)[0])
        except (OSError, IndexError):
            self.process.wait(GRACE)
            self.server.require_alive("died under load")
            complaint = "" if (self.process.returncode or 0) < 0 else self._complaint()
            why = f"wrk, which loaded {self.server.layer.name}, has ended{complaint and f': {complaint}'}"
            raise WrkFault(why) from None

    def end(self) -> None:
        """Have it say what it counted, as Ctrl-C does; `finish` returns that."""
        self.process.kill(signal.SIGCONT)
        self.process.kill(signal.SIGINT)
        self.seconds, self.ending = 0, True

    def _complaint(self) -> str:
        return self.errors.read().decode(errors="replace").strip()

    def finish(self) -> Summary:
        """Wait for the end of the window; raises ServerFault as soon as the server dies or refuses wrk, WrkFault if wrk
        was killed or stopped from outside, or Fault.
        """
        name = self.server.layer.name
        end = time.monotonic() + self.seconds
        try:
            while self.process.wait(AGAIN if self.ending else POLL) is None:
                if self.ending:  # the signal may have gone to a thread of wrk that does not wait for the end
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
                raise ServerFault(name, f"could not be loaded, wrk said: {self._complaint() or f'exit code {code}'}")
            summary = msgspec.json.decode(self.summary.read(), type=Summary)
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
            self.files.close()


class Loop:
    """Loops in a server, each as long as a turn or a window: the client of a layer without a socket. It has what a Wrk
    has.
    """

    cpu_ns = sleeps = unanswered = 0  # there is no process to spend any
    pids: Sequence[int] = ()

    def __init__(self, server: Server, load: Load, turns: bool = False) -> None:
        self.server = server
        self.request = server.contract.asked[0].request
        self.answer = server.answer_bytes or 0
        self.calls = 0
        self.seconds = 0.0
        self.began: float | None = None
        try:
            self.stream = socket.create_connection((server.host, server.port), GRACE)
        except OSError as error:
            raise ServerFault(server.layer.name, f"cannot be reached: {error}") from None
        if not turns:
            self.run(load.seconds)

    def run(self, seconds: float) -> None:
        """Begin a loop of so many seconds, which `pause` waits for; raises ServerFault if the server is gone."""
        self.began = time.monotonic()
        try:
            self.stream.settimeout(seconds + GRACE)
            self.stream.sendall(replace(self.request, body=f"loop {seconds} {self.request.body}").wire())
        except OSError as error:
            raise ServerFault(self.server.layer.name, f"cannot be reached: {error}") from None

    def pause(self) -> None:
        """Wait for the end of a loop that was begun; raises ServerFault if the server dies or returns no count."""
        if self.began is None:
            return
        try:
            calls = receive(self.stream).body
            self.seconds += time.monotonic() - self.began
        except (Broken, OSError) as error:
            calls = str(error).encode()
        self.began = None
        if not calls.isdigit():
            self.server.process.wait(CLOSING)
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
            self.pause()
        finally:
            self.stop()
        return Summary(self.calls, round(self.seconds * 1e6), self.calls * self.answer, Errors(0, 0, 0, 0, 0))

    def stop(self) -> None:
        """Close its connection."""
        self.stream.close()


Client = Wrk | Loop


def client_of(server: Server, load: Load, turns: bool = False, preload: Path | None = None) -> Client:
    """A client for a server, which has started: for one plain window, or for turns."""
    return Loop(server, load, turns) if server.layer.loop else Wrk(server, load, turns, preload)
