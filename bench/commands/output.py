"""What commands print. Whoever reads it may have left: that ends no command, and loses no record."""

import contextlib
import os
import sys

import click


def show(text: str) -> None:
    """Print a result on standard output."""
    try:
        click.echo(text)
        sys.stdout.flush()
    except OSError:  # a pipe that was closed, a terminal that is gone: what is left in the buffer goes nowhere
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(what: str) -> None:
    """Print a line on standard error."""
    with contextlib.suppress(OSError):
        click.echo(what, err=True)
