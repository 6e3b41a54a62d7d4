"""`make schema`: the JSON Schema of a record."""

import sys

import click

from bench.data.kinds import schema
from bench.data.store import encode


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of a record."""
    sys.stdout.buffer.write(encode(schema()))
