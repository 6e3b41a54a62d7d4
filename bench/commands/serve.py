"""`make serve-LAYER`: serve one layer in the foreground."""

import signal

import click

from bench.commands.options import Whole, host_option
from bench.commands.output import say
from bench.data.catalogue import read_catalogue
from bench.data.errors import Fault, ServerFault, Stopped
from bench.data.layers import Layer
from bench.host.environments import build
from bench.host.guards import guard
from bench.host.server import STOP, free_port, require_port
from bench.host.signals import held
from bench.host.variables import clean_environment


@click.command("serve")
@click.argument("layer")
@host_option
@click.option(
    "--port", default=8000, show_default=True, type=Whole(0, 65535), help="Where it listens, 0 for any free port."
)
@click.pass_context
def command(context: click.Context, /, layer: str, host: str, port: int) -> None:
    """Serve one layer in the foreground, as the harness would."""
    chosen = read_catalogue(context.obj).one(layer)
    require_port(host, port)
    if failed := build([chosen], say):
        raise ServerFault(chosen.name, failed[chosen.name])
    port = port or free_port(host)
    say(f"{chosen.name} on http://{host}:{port} (Ctrl-C to stop)")
    try:
        code = _attend(chosen, host, port)
    except Stopped as stopped:
        code = stopped.exit_code
    context.exit(code if code >= 0 else 128 - code)


def _attend(layer: Layer, host: str, port: int) -> int:
    """Serve a layer until it exits or a signal stops it; returns its exit code, negative for a signal.

    It is not attached to this terminal: Ctrl-C stops it with SIGTERM, on which servers exit cleanly.
    """
    argv = layer.argv(host, port)
    try:
        with held():
            server = guard().start(argv, clean_environment(), stdout=1, stderr=2)
    except OSError as error:
        raise Fault(f"{layer.name} cannot be started: {argv[0]}: {error.strerror}") from None
    try:
        while server.wait(3600) is None:
            pass
    finally:
        if server.poll() is None:
            server.kill(signal.SIGTERM)
            server.wait(STOP)
    return server.returncode or 0
