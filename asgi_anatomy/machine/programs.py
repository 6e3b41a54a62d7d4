"""Programs that are run to completion, and temporary files; neither outlives the harness."""

import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from asgi_anatomy.machine.children import ANSWER, guard
from asgi_anatomy.machine.signals import held

POLL = 0.02
STOP = 5.0
"""Seconds that a program has to end when it is told to."""
SETUP_TIMEOUT = 3600.0
"""Seconds that an installation or a compilation has: more than any takes that still makes progress."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for temporary files, deleted at the end or with the harness.

    Raises Fault where an OSError comes of that it went with a lost guardian.
    """
    own = guard()
    with tempfile.TemporaryDirectory(dir=own.folder) as folder:
        try:
            yield Path(folder)
        except OSError:
            own.listen(0)
            own.require()
            raise


def run(
    argv: Sequence[str],
    seconds: float = 1e9,
    watch: Callable[[], None] = lambda: None,
    environment: Mapping[str, str] | None = None,
) -> tuple[int | None, str]:
    """Run a program to completion, calling `watch` meanwhile, which may raise; returns its exit code and its output.

    It gets this environment, by default the harness's. The code is None if it ran out of time. Raises OSError if it
    cannot be started, and Fault if its guardian is lost meanwhile.
    """
    with tempfile.TemporaryFile(dir=guard().folder) as output:
        with held():
            child = guard().start(argv, environment, stdout=output, stderr=output)
        deadline = time.monotonic() + seconds
        try:
            while child.wait(POLL) is None and time.monotonic() < deadline:
                watch()
            code = child.returncode
        finally:
            if child.poll() is None:
                child.kill()
                child.wait(ANSWER)
        child.guard.require()
        output.seek(0)
        return code, output.read().decode(errors="replace")


def attend(argv: Sequence[str], environment: Mapping[str, str], folder: str = "") -> int:
    """Run a program that prints here until it ends, or a signal stops it; returns its exit code, negative for a signal.

    It is not attached to this terminal: on whichever signal, it is sent SIGTERM, on which servers exit cleanly. Raises
    OSError if it cannot be started, Stopped, and Fault if its guardian is lost.
    """
    with held():
        child = guard().start(argv, environment, stdout=1, stderr=2, folder=folder)
    try:
        while child.wait(3600) is None:
            pass
    finally:
        if child.poll() is None:
            child.kill(signal.SIGTERM)
            child.wait(STOP)
    child.guard.require()
    return child.returncode or 0


def why_failed(argv: Sequence[str]) -> str:
    """Run a set-up to completion; returns why it failed, its last line for instance, or an empty string.

    Raises OSError if it cannot be started.
    """
    code, output = run(argv, SETUP_TIMEOUT)
    if code is None:
        return f"it did not end within {SETUP_TIMEOUT:g} s"
    return last_line(output).removeprefix("error: ") if code else ""


def last_line(output: str) -> str:
    """The last line of an output that is not blank."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it printed nothing")
