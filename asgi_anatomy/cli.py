"""The list of commands, and how each ends: an exit code, and one line that says what went wrong.

`make help-NAME`: the variables of a command and its exit codes, as they are declared to click.

Commands that need a group of packages: it is installed when the first of them is called, and they run in it.
"""

import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click

from asgi_anatomy.documents.words import say, show
from asgi_anatomy.errors import BadInput, Fault, Stopped
from asgi_anatomy.machine.signals import stop_on_signals
from asgi_anatomy.options import in_words
from asgi_anatomy.suite.layers import PYTHON, ROOT

COMMANDS = {
    "bench": "bench.command",
    "pair": "pair.command",
    "versus": "versus.command",
    "compare": "compare.command",
    "anatomy": "anatomy.command",
    "diff": "anatomy.command:diff_command",
    "table": "bench.command:table_command",
    "serve": "layers.command:serve_command",
    "ladders": "layers.command",
    "workloads": "bench.workloads",
    "sweep": "sweep.command",
    "clients": "bench.clients",
    "machines": "bench.machines",
    "history": "history.command",
    "worker": "pages.command:worker_command",
    "report": "pages.command",
    "charts": "pages.command:charts_command",
    "export": "export.command",
    "sensitivity": "pair.sensitivity",
    "walk": "pages.command:walk_command",
    "readme": "pages.command:readme_command",
    "schema": "pages.command:schema_command",
    "check-layer": "layers.command:check_layer_command",
    "help": "cli",
}
"""Where each is, imported when it is first used: a module, and a name that is `command` where none is given."""


class Commands(click.Group):
    """Finds a command in the module that has it."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """All of them, in order."""
        return [*COMMANDS]

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """One of them, or None."""
        return load(name) if name in COMMANDS else None


def load(name: str) -> click.Command:
    """One of COMMANDS, from its module."""
    module, _, what = COMMANDS[name].partition(":")
    found: click.Command = getattr(import_module(f"asgi_anatomy.{module}"), what or "command")
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
        code = main.main(prog_name="python -m asgi_anatomy", standalone_mode=False)
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
    return f"{message}: see `{error.ctx.command_path if error.ctx else 'python -m asgi_anatomy'} --help`"


def _fail(message: str, code: int) -> int:
    say(f"error: {message}")
    return code


WIDTH = 80
EVERY = ("0 success", "1 a layer or the run failed", "2 bad input", "128 + n ended by signal n")
CODE = re.compile(r"\d.*?(?=, \d|$)", re.DOTALL)
VARIABLE = re.compile(r"^([A-Z]+) *=# (.*?)(?: \(.*)?$", re.MULTILINE)


@click.command("help")
@click.argument("name")
def command(name: str) -> None:
    """Print the variables that `make NAME` takes, and its exit codes."""
    if name not in COMMANDS:
        raise BadInput(f"there is no command {name!r}: `make help ALL=1` lists them all")
    found = load(name)
    known = dict(VARIABLE.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    rows = [(f"{key}=", _say(each, known[key])) for key, each in taken(found).items() if key in known]
    what, _, codes = inspect.cleandoc(found.help or "").partition("Exit codes: ")
    ends = {int(each.split()[0]): each for each in (*EVERY, *CODE.findall(codes.strip().removesuffix(".")))}
    paper = click.HelpFormatter(width=WIDTH)
    paper.write(f"make {'serve-LAYER' if name == 'serve' else name}{' [VARIABLE=value ...]' if rows else ''}\n\n")
    paper.write_text(what.strip())
    paper.write("\n")
    if rows:
        paper.write_dl(rows)
        paper.write("\n")
    paper.write_text(
        f"Exit codes: {', '.join(ends[code] for code in sorted(ends))}. make itself ends with 2 for all but 0."
    )
    show(paper.getvalue().rstrip())


def _say(parameter: click.Parameter, otherwise: str) -> str:
    """What a variable is, the values it may have, and its default."""
    if not isinstance(parameter, click.Option):
        return otherwise
    said = (parameter.help or otherwise).removesuffix(".")
    if parameter.is_flag:
        return f"1: {said[:1].lower()}{said[1:]}"
    values = in_words(parameter.type)
    default = f"{parameter.default:g}" if isinstance(parameter.default, int | float) else parameter.default
    return f"{said}{f' ({values})' if values else ''}{f'  [{default}]' if parameter.show_default else ''}"


def needs_group(name: str) -> None:
    """Return in an environment that has the group; anywhere else, begin the same command anew in that environment.

    To be called before anything of the group is imported. Raises Fault where it cannot be installed.
    """
    python = python_of(name)
    if Path(sys.prefix).resolve() != python.parents[1].resolve():
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(python, [str(python), "-m", "asgi_anatomy", *sys.argv[1:]])


def run_in_group(name: str, *arguments: str) -> None:
    """Run another command in the group's environment and wait for it; raises Fault if it fails."""
    if subprocess.run([python_of(name), "-m", "asgi_anatomy", *arguments], cwd=ROOT, check=False).returncode:
        raise Fault(f"`python -m asgi_anatomy {' '.join(arguments)}` failed: see above")


def python_of(name: str) -> Path:
    """The Python of the group's environment, which is made if it is not there; raises Fault."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    setup = [str(PYTHON), "-I", "asgi_anatomy/packages/uv.py", "group", name]
    if subprocess.run(setup, cwd=ROOT, env=environment, stdout=sys.stderr, check=False).returncode:
        raise Fault(f"the packages of groups/{name}.lock could not be installed: see above")
    return ROOT / ".venvs" / f"{PYTHON.parents[1].name}-{name}" / "bin" / "python"
