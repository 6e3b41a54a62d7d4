"""Layer -> a running server: started, ready, and ended, whatever happens in between."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import psutil

from bench.data.contract import Contract
from bench.data.errors import BadInput, Broken, ServerFault, held
from bench.data.layers import ROOT, Layer
from bench.host.conformance import check_user
from bench.host.counters import descendants

START = 20.0  # seconds that a server has until it answers
STOP = 5.0  # seconds that it has to end
POLL = 0.02
ANSWERS = 3  # to the User request, until a server is taken to be ready

_given: deque[int] = deque(maxlen=100)


def free_port(host: str) -> int:
    """A port that the kernel gives, and that was not given lately: a server may not have bound its own yet."""
    while True:
        with socket.create_server((host, 0)) as probe:
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.append(port)
            return port


def require_port(host: str, port: int) -> None:
    """Raise BadInput unless a server can listen there."""
    try:
        socket.create_server((host, port)).close()
    except OverflowError:
        raise BadInput(f"port {port} does not exist: expected 0 to 65535") from None
    except OSError as error:
        raise BadInput(f"port {port} on {host} cannot be used ({error.strerror}): try another PORT, or 0") from None


class Server:
    """A layer's process: use it as a context. On leaving, the process and all that it started have ended.

    `wrap` is a command that runs the layer's own, such as a tracer; `patience` the seconds it has until it answers.

    Raises BadInput where the port is taken, ServerFault where the layer does not start or does not answer the User
    request to the byte (with the server's own last lines).
    """

    def __init__(
        self,
        layer: Layer,
        contract: Contract,
        host: str = "127.0.0.1",
        port: int = 0,
        environment: Mapping[str, str] | None = None,
        wrap: Sequence[str] = (),
        patience: float = START,
    ) -> None:
        self.layer = layer
        self.contract = contract
        self.host = host
        self.port = port
        self.environment = environment
        self.wrap = wrap
        self.patience = patience
        self.answer_bytes: int | None = None
        """The size of its answer to the User request, known once it is ready; None where sizes vary."""

    @property
    def url(self) -> str:
        """Where wrk finds it."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> Self:
        """Start the process, without waiting for it: several may start at once."""
        if self.port:
            require_port(self.host, self.port)
        self.port = self.port or free_port(self.host)
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 (it has no name, and closes in __exit__)
        argv = [*self.wrap, *self.layer.argv(self.host, self.port)]
        try:
            self.process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=self.output,
                start_new_session=True,  # so that Ctrl-C reaches the harness alone, and the group can be ended as one
            )
        except OSError as error:
            self.output.close()
            raise ServerFault(self.layer.name, f"cannot be started: {argv[0]}: {error.strerror}") from None
        return self

    def wait(self) -> Self:
        """Poll the contract until the server answers."""
        deadline = time.monotonic() + self.patience
        while True:
            self.require_alive("did not start")
            try:
                sizes = {len(check_user(self.contract, self.layer, self.host, self.port).raw) for _ in range(ANSWERS)}
                self.answer_bytes = sizes.pop() if len(sizes) == 1 else None
                break
            except Broken as broken:
                raise ServerFault(
                    self.layer.name, f"breaks the contract: {broken.message}{self.last_lines()}"
                ) from None
            except OSError as error:
                if time.monotonic() > deadline:
                    why = f"did not answer within {self.patience:.0f} s ({error})"
                    raise ServerFault(self.layer.name, why + self.last_lines()) from None
            time.sleep(POLL)
        return self

    def require_alive(self, what: str) -> None:
        """Raise ServerFault, with its last lines, if the server has ended."""
        if (code := self.process.poll()) is not None:
            how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise ServerFault(self.layer.name, f"{what} ({how}){self.last_lines()}")

    def last_lines(self, count: int = 5) -> str:
        """What the server printed last, a line each, or nothing."""
        end = self.output.seek(0, os.SEEK_END)
        self.output.seek(max(0, end - 8192))
        lines = self.output.read().decode(errors="replace").strip().splitlines()[-count:]
        return "".join(["; its last lines:", *(f"\n    {line}" for line in lines)]) if lines else ""

    def end(self, number: signal.Signals) -> None:
        """Signal the process and all of its group, which is the one that `start` made."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def stop(self) -> None:
        """End the process and all of its group."""
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
    """End all of them at once, and wait until they have ended."""
    with held():
        kin = [child for server in servers for child in descendants(server.process.pid)]
        for number in (signal.SIGTERM, signal.SIGKILL):
            for server in servers:
                server.end(number)
            for server in servers:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.process.wait(STOP)
        for child in kin:  # also those that left the group
            with contextlib.suppress(psutil.Error):
                child.kill()
        psutil.wait_procs(kin, STOP)
        for server in servers:
            server.output.close()
