"""`make serve-LAYER`: serve one layer in the foreground."""

import os
from pathlib import Path

import click

from bench.commands.options import host_option
from bench.commands.running import say
from bench.data.catalogue import read_catalogue
from bench.data.errors import Fault, ServerFault
from bench.data.layers import ROOT
from bench.host.environments import build
from bench.host.server import free_port, require_port


@click.command("serve")
@click.argument("layer")
@host_option
@click.option("--port", default=8000, show_default=True, help="0 takes what the kernel gives.")
@click.pass_obj
def command(catalogue_file: Path, /, layer: str, host: str, port: int) -> None:
    """Serve one layer in the foreground, as the harness would."""
    chosen = read_catalogue(catalogue_file).one(layer)
    require_port(host, port)
    if failed := build([chosen], say):
        raise ServerFault(chosen.name, failed[chosen.name])
    port = port or free_port(host)
    say(f"{chosen.name} on http://{host}:{port} (Ctrl-C ends it)")
    os.chdir(ROOT)
    argv = chosen.argv(host, port)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise Fault(f"{chosen.name} cannot be started: {argv[0]}: {error.strerror}") from None
