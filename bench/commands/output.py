"""What commands print. A reader that is gone (a closed pipe or terminal) must not end a command or lose a record."""

import contextlib
import os
import sys

import click

from bench.report.escape import plain


def show(text: str) -> None:
    """Print a result on standard output."""
    try:
        click.echo(text)
        sys.stdout.flush()
    except OSError:  # a closed pipe or terminal: discard what is left in the buffer
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(what: str) -> None:
    """Print a line on standard error, escaped: it may quote a server, pip or another machine."""
    with contextlib.suppress(OSError):
        click.echo(plain(what), err=True)
