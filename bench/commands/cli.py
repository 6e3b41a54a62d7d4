"""The list of commands, and how each ends: an exit code, and one line that says what went wrong."""

import os
from importlib import import_module
from pathlib import Path

import click

from bench.commands.output import say
from bench.data.errors import Fault, Stopped
from bench.data.layers import ROOT
from bench.host.signals import stop_on_signals

COMMANDS = (
    *("bench", "pair", "versus", "compare", "anatomy", "diff", "table", "serve", "ladders"),
    *("workloads", "sweep", "clients", "machines", "history", "worker", "report", "charts", "export", "sensitivity"),
    *("walk", "readme", "schema", "check-layer", "help"),
)
"""Each is bench/commands/NAME.py, imported when it is first used."""


class Commands(click.Group):
    """Finds a command in the file named after it."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """All of them, in order."""
        return [*COMMANDS]

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """One of them, or None."""
        return load(name) if name in COMMANDS else None


def load(name: str) -> click.Command:
    """One of COMMANDS, from its file."""
    found: click.Command = import_module(f"bench.commands.{name.replace('-', '_')}").command
    return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option(
    "--catalogue", type=click.Path(path_type=Path), default=ROOT / "layers.toml", help="Use another layers.toml."
)
@click.pass_context
def main(context: click.Context, catalogue: Path) -> None:
    """What every layer between a socket and FastAPI costs."""
    context.obj = catalogue
    stop_on_signals()
    given = os.environ.pop("GIVEN", "").split()
    name = context.invoked_subcommand
    if name in COMMANDS and (idle := [each for each in given if each not in {*taken(load(name)), "PYTHON"}]):
        say(f"warning: {' '.join(idle)} has no effect on `make {name}`: `make help-{name}` lists those that do")


def taken(command: click.Command) -> dict[str, click.Parameter]:
    """What a command takes, by make's variables: its options, and an argument that is called like one."""
    names = [(each.metavar or each.opts[0].upper(), each) for each in command.params]
    return {name.removeprefix("--"): each for name, each in names if isinstance(each, click.Option) or each.metavar}


def run() -> int:
    """Run the command line; returns the exit code, after one line on standard error if something went wrong."""
    try:
        code = main.main(prog_name="python -m bench", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (Fault, Stopped) as problem:
        return _fail(problem.message, problem.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.ctx.get_help() if error.ctx else error.message)
        return 2
    except click.UsageError as error:
        return _fail(_in_words(error), 2)
    except OSError as error:  # such as a full disk under a temporary file: rare, but still one line
        return _fail(str(error), 1)
    except MemoryError:
        return _fail("out of memory (is there a limit? see `ulimit -v`)", 1)


def _in_words(error: click.UsageError) -> str:
    """What is wrong with an option, naming both make's variable and the option."""
    message = error.format_message().removesuffix(".")
    if isinstance(error, click.BadParameter) and error.param:
        option = error.param.opts[0]
        about = getattr(error.param, "help", None) or "see --help"
        what = error.message.removesuffix(".") or f"required: {about[:1].lower()}{about[1:]}"
        return f"{option.strip('-').upper()} ({option}): {what.removesuffix('.')}"
    return f"{message}: see `{error.ctx.command_path if error.ctx else 'python -m bench'} --help`"


def _fail(message: str, code: int) -> int:
    say(f"error: {message}")
    return code
