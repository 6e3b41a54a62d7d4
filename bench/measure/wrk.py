"""A running server -> windows of wrk, whose summary comes as JSON from scripts/post.lua: nothing parses its text."""

import os
import resource
import shutil
import subprocess
import time

import msgspec

from bench.data.errors import BadInput, Fault, ServerFault
from bench.data.layers import ROOT
from bench.data.load import Load, Summary
from bench.host.server import Server

POLL = 0.02  # seconds between looks at a wrk that runs
GRACE = 10.0  # seconds past its window after which wrk is taken to hang


def require_wrk() -> str:
    """The path of wrk; raises BadInput with the command that installs it."""
    if found := shutil.which("wrk"):
        return found
    raise BadInput("wrk is not installed: type `make setup`, or install it with the system's package manager")


def require_files(connections: int) -> None:
    """Raise the limit of open files to what the connections need; raises BadInput where it may not be raised."""
    needed = connections + 64
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BadInput(f"{connections} connections need {needed} open files, {hard} are allowed: see `ulimit -Hn`")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class Wrk:
    """One wrk process against a server. `finish` waits for its window and returns the summary.

    It runs on the cores of the thread that starts it. `cpu_ns` is its CPU time, known once it has ended; `unanswered`
    is how many requests the server has at the end that wrk does not count, one a connection.
    """

    def __init__(self, server: Server, load: Load) -> None:
        self.server = server
        self.load = load
        self.cpu_ns = 0
        self.unanswered = load.connections
        reader, writer = os.pipe()
        self.pipe = os.fdopen(reader, "rb")
        argv = [require_wrk(), f"-t{load.threads}", f"-c{load.connections}", f"-d{load.seconds}s"]
        user = server.contract.user
        argv += ["--timeout", "2s", "-s", str(ROOT / "scripts" / "post.lua"), server.url + user.path]
        asked = {
            "WRK_METHOD": user.method,
            "WRK_HEADERS": "\n".join(f"{name}: {value}" for name, value in user.headers),
            "WRK_BODY": user.body,
        }
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **asked, "WRK_SUMMARY": f"/dev/fd/{writer}"},
            pass_fds=[writer],
            start_new_session=True,
        )
        os.close(writer)

    def finish(self) -> Summary:
        """Wait for the window's end; raises ServerFault as soon as the server dies or refuses wrk, or Fault."""
        deadline = time.monotonic() + self.load.seconds + GRACE
        try:
            while not self._ended():
                self.server.require_alive("died under load")
                if time.monotonic() > deadline:
                    raise ServerFault(self.server.layer.name, f"kept wrk for {GRACE:.0f} s after its window")
                time.sleep(POLL)
            self.server.require_alive("died under load")
            said = self.process.communicate()[1].decode(errors="replace").strip()
            if self.process.returncode:
                said = said or f"exit code {self.process.returncode}"
                raise ServerFault(self.server.layer.name, f"could not be loaded, wrk said: {said}")
            return msgspec.json.decode(self.pipe.read(), type=Summary)
        except msgspec.DecodeError as error:
            raise Fault(
                f"wrk gave no summary of {self.server.layer.name} ({error}): is scripts/post.lua whole?"
            ) from None
        finally:
            self.stop()

    def _ended(self) -> bool:
        """Collect wrk if it has ended, and what it used of the CPU."""
        if self.process.returncode is None:
            pid, status, used = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_ns = round((used.ru_utime + used.ru_stime) * 1e9)
        return self.process.returncode is not None

    def stop(self) -> None:
        """End wrk, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()
        self.pipe.close()
