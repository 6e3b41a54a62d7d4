"""Programs that are run to completion, and temporary files; neither outlives the harness."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from asgi_anatomy.machine.children import ANSWER, guard
from asgi_anatomy.machine.signals import held

POLL = 0.02
SETUP_TIMEOUT = 3600.0
"""Seconds that an installation or a compilation has: more than any takes that still makes progress."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for temporary files, deleted at the end or with the harness."""
    with tempfile.TemporaryDirectory(dir=guard().folder) as folder:
        yield Path(folder)


def run(
    argv: Sequence[str],
    seconds: float = 1e9,
    watch: Callable[[], None] = lambda: None,
    environment: Mapping[str, str] | None = None,
) -> tuple[int | None, str]:
    """Run a program to completion, calling `watch` meanwhile, which may raise; returns its exit code and its output.

    It gets this environment, by default the harness's. The code is None if it ran out of time. Raises OSError if it
    cannot be started.
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
        output.seek(0)
        return code, output.read().decode(errors="replace")


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
