"""A running server -> windows of wrk. Its summary comes as JSON from scripts/post.lua, so nothing parses its text."""

import os
import resource
import shutil
import signal
import time

import msgspec

from bench.data.errors import BadInput, Fault, ServerFault, WrkFault
from bench.data.layers import ROOT
from bench.data.load import Load, Summary
from bench.host.guards import guard
from bench.host.server import Server
from bench.host.signals import held

POLL = 0.02  # seconds between checks of a running wrk
GRACE = 10.0  # seconds past its window after which wrk counts as hung
LATE = 0.5  # seconds past its window after which to check whether it was stopped from outside


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


class Wrk:
    """One wrk process against a server. `finish` waits for its window and returns the summary.

    It runs on the cores of the thread that starts it. `cpu_ns` is its CPU time, known once it has ended; `unanswered`
    is how many requests are in flight at the end, which wrk does not count: one per connection.
    """

    def __init__(self, server: Server, load: Load) -> None:
        self.server = server
        self.load = load
        self.unanswered = load.connections
        argv = [require_wrk(), f"-t{load.threads}", f"-c{load.connections}", f"-d{load.seconds}s"]
        user = server.contract.user
        argv += ["--timeout", "2s", "-s", str(ROOT / "scripts" / "post.lua"), server.url + user.path]
        asked = {
            "WRK_METHOD": user.method,
            "WRK_HEADERS": "\n".join(f"{name}: {value}" for name, value in user.headers),
            "WRK_BODY": user.body,
        }
        reader, writer = os.pipe()
        heard, said = os.pipe()
        self.pipe, self.errors = os.fdopen(reader, "rb"), os.fdopen(heard, "rb")
        try:
            environment = {**os.environ, **asked}
            self.process = guard().start(argv, environment, stderr=said, paths={"WRK_SUMMARY": writer})
        except BaseException:
            self.pipe.close()
            self.errors.close()
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

    def finish(self) -> Summary:
        """Wait for the end of the window; raises ServerFault as soon as the server dies or refuses wrk, WrkFault if wrk
        was killed or stopped from outside, or Fault.
        """
        name = self.server.layer.name
        end = time.monotonic() + self.load.seconds
        try:
            while self.process.wait(POLL) is None:
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
            return msgspec.json.decode(self.pipe.read(), type=Summary)
        except msgspec.DecodeError as error:
            raise Fault(f"wrk gave no summary of {name} ({error}): is scripts/post.lua intact?") from None
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
