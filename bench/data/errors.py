"""What can go wrong, as one clear line each.

Fault                 the exit code 1: something failed while it ran
├── BadInput          2: what was asked for makes no sense, or cannot be had here
├── Broken            an answer is not what the contract says
├── ServerFault       a layer did not start, died, or answered wrongly
├── WrkFault          wrk was killed or stopped, by none of us
└── Stopped           128 + the signal's number: Ctrl-C, or a TERM, HUP or QUIT signal
"""

import signal

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


class WrkFault(Fault):
    """Somebody ended or stopped wrk: the window is nothing, and the server is not to blame."""


class Stopped(Fault):
    """A signal ended the run."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number  # type: ignore[misc]  # click has it on the class
