"""What can go wrong, as one clear line each.

Fault                 the exit code 1: something failed while it ran
├── BadInput          2: what was asked for makes no sense, or cannot be had here
├── Broken            an answer is not what the contract says
├── ServerFault       a layer did not start, died, or answered wrongly
└── Stopped           128 + the signal's number: Ctrl-C, or a TERM signal
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click


class Fault(click.ClickException):
    """One line that names the thing, what was expected, and what to try."""

    def show(self, file: object = None) -> None:  # noqa: ARG002 (click's signature)
        """Print the line on standard error."""
        click.echo(f"error: {self.message}", err=True)


class BadInput(Fault):
    """What was asked for makes no sense, or cannot be had on this machine."""

    exit_code = 2


class Broken(Fault):
    """An answer is not what the contract says."""


class ServerFault(Fault):
    """A layer's server did not start, died, or answered something else: its name, and `what` it did."""

    def __init__(self, layer: str, what: str) -> None:
        super().__init__(f"{layer} {what}")
        self.layer = layer
        self.what = what


class Stopped(Fault):
    """A signal ended the run."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number  # type: ignore[misc]  # click has it on the class


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_held = 0
_pending: list[int] = []


def stop_on_signals() -> None:
    """Turn Ctrl-C, TERM and HUP into `Stopped`, so that everything that was started is ended on the way out.

    A signal that is ignored, as HUP is under nohup, stays so.
    """
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # an impatient second Ctrl-C must not interrupt the clean-up
    if _held:
        _pending.append(number)
    else:
        raise Stopped(number)


@contextmanager
def held() -> Iterator[None]:
    """Let no signal interrupt this: one that comes is `Stopped` at the end. For starting and ending processes."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1
    if _pending and not _held:
        raise Stopped(_pending.pop())
