"""A running server -> windows of wrk. Its summary comes as JSON from scripts/, so nothing parses its text.

scripts/post.lua sends one request again and again, scripts/workload.lua everything else.
"""

import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from bench.data.contract import Asked, Workload
from bench.data.errors import BadInput, Fault, ServerFault, WrkFault
from bench.data.layers import ROOT, Layer
from bench.data.load import Load, Summary
from bench.host.counters import bytes_read, clock, switches
from bench.host.guards import guard
from bench.host.server import Server
from bench.host.signals import held

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
    """The path of wrk; raises BadInput with the command that installs it."""
    if found := shutil.which("wrk"):
        return found
    raise BadInput("wrk is not installed: type `make setup`, or install it with the system's package manager")


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
