"""The command line: `python -m bench --help`. `make help` lists the same without typing."""

import signal
import sys
from pathlib import Path

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C in the midst of the imports below is no traceback

import click

from bench.commands import measure, show
from bench.data.layers import ROOT
from bench.host.signals import stop_on_signals


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--catalogue", type=click.Path(path_type=Path), default=ROOT / "layers.toml", help="Another layers.toml.")
@click.pass_context
def main(context: click.Context, catalogue: Path) -> None:
    """What every layer between a socket and FastAPI costs."""
    context.obj = catalogue
    stop_on_signals()


for command in (
    *(measure.bench, measure.pair, measure.power, measure.anatomy, measure.serve),
    *(show.table, show.compare, show.diff, show.ladders, show.schema, show.readme),
):
    main.add_command(command)

if __name__ == "__main__":
    try:
        main(prog_name="python -m bench")
    except OSError as error:  # such as a full disk under a temporary file: no case of its own, but still one line
        sys.exit(f"error: {error}")
