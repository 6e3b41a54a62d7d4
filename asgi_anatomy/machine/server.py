"""Layer -> a running server: started, ready, and always ended, whatever happens in between."""

import contextlib
import errno
import os
import signal
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from asgi_anatomy.errors import BadInput, Broken, ServerFault, ServerKilled
from asgi_anatomy.machine.children import clean_environment, guard
from asgi_anatomy.machine.counters import Meter, descendants
from asgi_anatomy.machine.signals import held
from asgi_anatomy.suite.conformance import TIMEOUT, Answer, check_asked
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer

STOP = 5.0  # seconds that it has to end
POLL = 0.02
LAST_PORT = 65535
BACKGROUND = 10.0  # seconds to look for a server that put itself in the background
PRINTED, TAIL = 16 * 2**20, 8192  # bytes that a server may print before all is dropped except so many at its end
ANSWERS = 3  # to each request of its workload, before a server counts as ready

_given: deque[int] = deque(maxlen=100)
_giving = threading.Lock()


def free_port(host: str) -> int:
    """A port from the kernel that was not handed out recently: a server may not have bound its own yet."""
    while True:
        with socket.create_server((host, 0)) as probe:
            port = int(probe.getsockname()[1])
        with _giving:
            if port not in _given:
                _given.append(port)
                return port


def require_ports(host: str, port: int, count: int = 1) -> None:
    """Raise BadInput unless this many servers can listen there, on this port and those above; 0: on any ports."""
    if not 0 <= port <= LAST_PORT:
        raise BadInput(f"port {port} does not exist: expected 0 to {LAST_PORT}")
    if port and port + count - 1 > LAST_PORT:
        raise BadInput(f"PORT={port} leaves too few ports for {count} layers: expected at most {LAST_PORT + 1 - count}")
    for one in range(port, port + count) if port else [0]:
        try:
            socket.create_server((host, one)).close()
        except OSError as error:
            why = str(error.strerror or error).partition(" (")[0]
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                hint = "expected an IPv4 address of this machine, such as 127.0.0.1"
                raise BadInput(f"HOST={host} is not one that a server can listen on ({why}): {hint}") from None
            several = f"PORT={port} is for {count} layers, one port each: " if one > port else ""
            raise BadInput(f"{several}port {one} on {host} cannot be used ({why}): try another PORT, or 0") from None


def _slowest(tries: Sequence[Sequence[Answer]]) -> float:
    """Seconds that the slowest request took, each at its fastest try."""
    fastest: list[float] = [min(answer.seconds for answer in same) for same in zip(*tries, strict=True)]
    return max(fastest)


def environment_of(layer: Layer) -> dict[str, str]:
    """The variables of a layer's server: cleaned, except for an own layer, whose Python they may set up."""
    return {**(os.environ if layer.own else clean_environment()), **layer.environment}


class Server:
    """A layer's process, as a context manager. On leaving, the process and all its descendants have ended.

    `environment` is added to the harness's own, which is cleaned first for a layer of this suite; `wrap` is a command
    that runs the layer's command, such as a tracer; `patience` is the number of seconds it has to start answering, by
    default its layer's.

    Raises BadInput if the port is taken, and ServerFault, with the server's own last lines, if the layer does not start
    or does not answer the requests of its workload as the contract says.
    """

    def __init__(
        self,
        layer: Layer,
        contract: Contract,
        host: str = "127.0.0.1",
        port: int = 0,
        environment: Mapping[str, str] | None = None,
        wrap: Sequence[str] = (),
        patience: float | None = None,
    ) -> None:
        self.layer = layer
        self.contract = contract
        self.host = host
        self.port = port
        self.environment = {**environment_of(layer), **(environment or {})}
        self.wrap = wrap
        self.patience = patience or layer.start_timeout
        self.sizes: list[int | None] = []
        """The sizes of its answers to the requests of its workload, known once it is ready; None: it varies, or may."""
        self.seen: list[int | None] = []
        """The sizes of its first answers."""
        self.start_bytes: int | None = None
        """Resident memory once it had started, where that is known."""
        self.slowest = 0.0
        """Seconds that its slowest request took, each at its fastest of ANSWERS tries; known once it is ready."""
        self.marked = 0

    @property
    def answer_bytes(self) -> int | None:
        """The size of its answer to the only request of its workload; None if it varies, or there are more."""
        return self.seen[0] if len(self.seen) == 1 else None

    @property
    def url(self) -> str:
        """Where wrk finds it."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> Self:
        """Start the process without waiting for it, so that several can start together."""
        requests = self.contract.workload.asked
        if self.layer.loop and any(request.status != 200 or len(requests) > 1 for request in requests):
            why = f"cannot run the workload {self.contract.workload.name}: it calls the endpoint with one body"
            raise ServerFault(self.layer.name, why)
        if self.port:
            require_ports(self.host, self.port)
        self.port = self.port or free_port(self.host)
        argv = [*self.wrap, *self.layer.argv(self.host, self.port)]
        self.output = tempfile.TemporaryFile(dir=guard().folder)  # noqa: SIM115 (stop_all closes it)
        import fcntl  # not on every machine that shows records

        # the server shares this file's position, which reading it moves
        fcntl.fcntl(self.output, fcntl.F_SETFL, os.O_APPEND)
        try:
            self.process = guard().start(
                argv, self.environment, stdout=self.output, stderr=self.output, grouped=True, folder=self.layer.runs_in
            )
        except OSError as error:
            self.output.close()
            raise ServerFault(self.layer.name, f"cannot be started: {argv[0]}: {error.strerror}") from None
        self.meter = Meter(self.process.pid, Path(self.layer.cgroup) if self.layer.cgroup else self.process.group)
        return self

    def limit(self, queued: int = 0) -> float:
        """Seconds that an answer may take while so many other requests wait, if they are done one after another."""
        return TIMEOUT + (1 + queued) * self.slowest

    def ask(self, seconds: float) -> list[Answer]:
        """Check its answer to each request of its workload; raises Broken, OSError, or TimeoutError."""
        return check_asked(self.contract, self.layer, self.host, self.port, seconds)

    def time_again(self) -> None:
        """Ask anew how long its slowest request takes, now that no other server starts. A fault will show by itself."""
        with contextlib.suppress(Broken, OSError):
            tries = [self.ask(self.limit()) for _ in range(ANSWERS)]
            self.slowest = min(self.slowest, _slowest(tries))

    def wait(self) -> Self:
        """Poll the contract until the server answers."""
        deadline = time.monotonic() + self.patience
        while True:
            self.require_alive("did not start")
            try:
                tries = [self.ask(self.patience) for _ in range(ANSWERS)]
                sizes = [{len(answer.raw) for answer in same} for same in zip(*tries, strict=True)]
                self.seen = [size.pop() if len(size) == 1 else None for size in sizes]
                exact = self.layer.answer == "bytes"  # else a header may vary: bodies are verified, by samples
                self.sizes = [size if exact else None for size in self.seen]
                self.slowest = _slowest(tries)
                break
            except Broken as broken:
                why = f"breaks the contract: {broken.message}"
                if self.layer.own and not self.layer.workload:
                    why += "; if it is for other requests, describe one: REQUEST= (docs/YOURS.md#another-request)"
                raise ServerFault(self.layer.name, why, self.printed()) from None
            except OSError as error:
                if time.monotonic() > deadline:
                    longer = ": START_TIMEOUT= (`start-timeout` in a file) gives it longer" if self.layer.own else ""
                    why = f"did not answer within {self.patience:.0f} s ({error}){longer}"
                    raise ServerFault(self.layer.name, why, self.printed()) from None
            time.sleep(POLL)
        if self.layer.cgroup and not (self.meter.group and self.meter.family()):
            why = f"has no process in the control group {self.layer.cgroup}: are its processes there?"
            raise ServerFault(self.layer.name, why)
        return self

    def require_alive(self, what: str) -> None:
        """Raise ServerFault, with its last lines, if the server has ended."""
        self._drop_printed()
        if (code := self.process.poll()) is not None:
            self.process.guard.require()
            how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            if code == 0 and (pid := self._in_background()):
                what = f"put itself in the background, where process {pid} is serving"
                how = "it must stay in the foreground: try an option such as `--no-daemon` or `daemon off;`"
            kind = ServerKilled if code < 0 else ServerFault
            raise kind(self.layer.name, f"{what} ({how})", self.printed())

    def _drop_printed(self) -> None:
        """Keep the end of what it printed, where that has become large."""
        if (end := self.output.seek(0, os.SEEK_END)) > PRINTED:
            self.output.seek(max(self.marked, end - TAIL))
            last = self.output.read()[-TAIL:]
            self.output.truncate(0)  # it appends, so that it goes on from there
            self.output.write(last)
            self.output.flush()
            self.marked = 0

    def _in_background(self) -> int | None:
        """The process that keeps serving after the one that was started has ended, or None."""
        deadline = time.monotonic() + BACKGROUND
        while (left := guard().strays()) and time.monotonic() < deadline:
            for process in left:
                with contextlib.suppress(psutil.Error):
                    sockets = process.net_connections()
                    if any(
                        listener.status == psutil.CONN_LISTEN and listener.laddr.port == self.port
                        for listener in sockets
                    ):
                        return process.pid
            time.sleep(POLL)
        return None

    def mark(self) -> None:
        """Exclude what it has printed so far from its last lines: the contract's bad input provoked that."""
        self.marked = self.output.seek(0, os.SEEK_END)

    def printed(self, count: int = 5) -> list[str]:
        """The last lines that the server printed."""
        end = self.output.seek(0, os.SEEK_END)
        self.output.seek(max(self.marked, end - TAIL))
        return self.output.read().decode(errors="replace").strip().splitlines()[-count:]

    def stop(self) -> None:
        """End the process and its whole group."""
        stop_all([self])

    def __enter__(self) -> Self:
        """Start, and wait until the layer answers."""
        with held():
            self.start()
        try:
            return self.wait()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def stop_all(servers: Sequence[Server]) -> None:
    """End all of them together, with their descendants, and wait for that."""
    with held():
        kin = [child for server in servers for child in descendants(server.process.pid)]
        for number in (signal.SIGTERM, signal.SIGKILL):
            for server in servers:
                server.process.kill(number)
            for server in servers:
                server.process.wait(STOP)
        for child in kin:  # including those that left the group
            with contextlib.suppress(psutil.Error):
                child.kill()
        psutil.wait_procs(kin, STOP)
        guard().sweep()  # including those that left their parents
        for server in servers:
            server.output.close()
