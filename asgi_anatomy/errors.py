"""What can go wrong, as one clear line each.

Fault                 exit code 1: something failed during the run
├── BadInput          2: the input makes no sense, or is not possible on this machine
├── Broken            an answer is not what the contract says
├── WorkersGone       a Dask scheduler is gone, or has no workers any more
├── ServerFault       a layer did not start, died, or gave a wrong answer
│   └── ServerKilled  ... by a signal, perhaps from outside
└── WrkFault          wrk was killed or stopped from outside

Stopped               128 + the signal's number: Ctrl-C, or a TERM, HUP or QUIT signal
"""

import signal
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import click


def near(word: str, words: Iterable[str]) -> str:
    """Which of these words was probably meant, in brackets, or nothing."""
    closest = get_close_matches(word, [*words], 1)
    return f" (did you mean {closest[0]}?)" if closest else ""


class Fault(click.ClickException):
    """One line that says what is wrong, what was expected, and what to try."""

    def show(self, file: object = None) -> None:  # noqa: ARG002 (click's signature)
        """Print the line on standard error."""
        click.echo(f"error: {self.message}", err=True)


class BadInput(Fault):
    """The input makes no sense, or is not possible on this machine."""

    exit_code = 2


class Broken(Fault):
    """An answer is not what the contract says."""


class WorkersGone(Fault):
    """A Dask scheduler is gone, or has no workers any more: no job can be done there."""


class ServerFault(Fault):
    """A layer's server did not start, died, or gave a wrong answer: its name, `why`, and the last lines it printed.

    `what` is all of that except the name; `brief` is one line.
    """

    def __init__(self, layer: str, why: str, printed: Sequence[str] = ()) -> None:
        self.layer, self.why, self.printed = layer, why, printed
        self.what = "\n    ".join([f"{why}; its last lines:", *printed]) if printed else why
        self.brief = ": ".join([f"{layer} {why}", *(line.strip() for line in printed[-1:])])
        super().__init__(f"{layer} {self.what}")

    def __reduce__(self) -> tuple[type["ServerFault"], tuple[str, str, Sequence[str]]]:
        """How it is pickled: it may come from another process."""
        return type(self), (self.layer, self.why, self.printed)


class ServerKilled(ServerFault):
    """A layer's server was ended by a signal."""


class WrkFault(Fault):
    """wrk was killed or stopped from outside: the window is void, and the server is not to blame."""


class Stopped(BaseException):
    """A signal ends the run. Like KeyboardInterrupt it is no Exception, so that whatever survives a fault ends too."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.message = f"stopped by {signal.Signals(number).name}"
        self.exit_code = 128 + number
        super().__init__(self.message)


Problem = Fault | Stopped
"""What ends a run before its time."""
