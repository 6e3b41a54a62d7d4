"""The list of commands, how their words are read, and how each ends: an exit code, and one line that says what failed.

`asgi-anatomy bench LAYERS="uvicorn starlette"` and `--layers "uvicorn starlette"` are the same, and so is
`make bench LAYERS=...`: a Makefile's variables come in the environment, named by MAKE_WORDS.
"""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click

from asgi_anatomy.documents.words import print_anywhere, say
from asgi_anatomy.errors import BadInput, Fault, Stopped, near
from asgi_anatomy.machine.signals import follow_make, followed, stop_on_signals
from asgi_anatomy.suite.layers import PYTHON, ROOT, group_environment

COMMANDS = {
    "measure": {
        "bench": "bench.command",
        "pair": "pair.command",
        "workloads": "bench.workloads",
        "sweep": "sweep.command",
        "clients": "bench.clients",
        "sensitivity": "pair.sensitivity",
    },
    "compare": {
        "versus": "versus.command",
        "history": "history.command",
        "compare": "compare.command",
        "machines": "bench.machines",
        "worker": "machine.worker",
    },
    "explain": {"anatomy": "anatomy.command", "diff": "anatomy.command:diff_command"},
    "show": {
        "table": "bench.command:table_command",
        "ladders": "layers.command",
        "report": "pages.command",
        "charts": "pages.command:charts_command",
        "export": "export.command",
    },
    "serve": {"serve": "layers.command:serve_command", "init": "layers.command:init_command"},
    "upkeep": {
        "build": "layers.command:build_command",
        "check-layer": "layers.command:check_layer_command",
        "walk": "pages.command:walk_command",
        "readme": "pages.command:readme_command",
        "schema": "pages.command:schema_command",
    },
}
"""What each is for, and where it is: a module, imported when first used, and a name other than `command` in it."""
PLACES = {name: place for group in COMMANDS.values() for name, place in group.items()}
OF_A_LAYER = {"bench": "LAYERS=", "anatomy": "LAYERS=", "serve": ""}
"""Commands that may end with a layer, as in `bench-starlette`, and how that layer is passed on."""

VERDICTS = (3, 4)
"""Exit codes of commands that compare: slower, unclear."""


class Commands(click.Group):
    """Finds a command in its module."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click passes it)
        """All of them, in order."""
        return [*PLACES]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """One of them, or None."""
        return load(name) if name in PLACES else None

    def resolve_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed, and its words; raises BadInput."""
        name, words = args[0], args[1:]
        command, _, layer = name.partition("-")
        if layer and command in OF_A_LAYER:
            if twice := [word for word in words if OF_A_LAYER[command] and word.startswith(OF_A_LAYER[command])]:
                raise BadInput(f"{name} names a layer, and so does {twice[0]}: expected one of them")
            name, words = command, [f"{OF_A_LAYER[command]}{layer}", *words]
        if name not in PLACES:
            raise BadInput(f"there is no command {name!r}{near(name, PLACES)}: `make help` lists them")
        return name, load(name), words

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The commands by what they are for, a line each."""
        for title, group in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, load(name).get_short_help_str(64)) for name in group])


def load(name: str) -> click.Command:
    """A command from its module."""
    module, _, what = PLACES[name].partition(":")
    found: click.Command = getattr(import_module(f"asgi_anatomy.{module}"), what or "command")
    return found


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="An option of a command may be written --layers starlette or LAYERS=starlette.",
)
@click.option(
    "--catalogue", type=click.Path(path_type=Path), default=ROOT / "layers.toml", help="Use another layers.toml."
)
@click.pass_context
def main(context: click.Context, catalogue: Path) -> None:
    """What every layer between a socket and FastAPI costs."""
    context.obj = catalogue
    stop_on_signals()
    follow_make()


def run() -> int:
    """Run the command line; returns the exit code, after one line on standard error if something went wrong."""
    print_anywhere()
    words = os.environ.pop("MAKE_WORDS", None)
    sys.argv += [f"{name}={os.environ.get(name, '')}" for name in (words or "").split()]
    try:
        code = main.main(sys.argv[1:], prog_name="asgi-anatomy", standalone_mode=False)
        if code in VERDICTS and words is not None:
            say(f"Nothing went wrong: exit code {code} is the verdict, which make calls an error.")
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
    """What is wrong with an option, by both of its names."""
    message = error.format_message().removesuffix(".")
    if isinstance(error, click.BadParameter) and error.param:
        option = error.param.opts[0]
        about = getattr(error.param, "help", None) or "see --help"
        what = error.message.removesuffix(".") or f"required: {about[:1].lower()}{about[1:]}"
        return f"{option.strip('-').upper()} ({option}): {what.removesuffix('.')}"
    return f"{message}: see `make help{f'-{error.ctx.command.name}' if error.ctx and error.ctx.parent else ''}`"


def _fail(message: str, code: int) -> int:
    say(f"error: {message}")
    return code


def needs_group(name: str) -> None:
    """Return in an environment that has the group; anywhere else, begin the same command anew in that environment.

    To be called before anything of the group is imported. Raises Fault where it cannot be installed.
    """
    python = python_of(name)
    if Path(sys.prefix).resolve() != python.parents[1].resolve():
        sys.stdout.flush()
        sys.stderr.flush()
        os.environ.update(followed)
        os.execv(python, [str(python), "-m", "asgi_anatomy", *sys.argv[1:]])


def run_in_group(name: str, *arguments: str) -> None:
    """Run another command in the group's environment and wait for it; raises Fault if it fails."""
    if subprocess.run([python_of(name), "-m", "asgi_anatomy", *arguments], cwd=ROOT, check=False).returncode:
        raise Fault(f"`asgi-anatomy {' '.join(arguments)}` failed: see above")


def python_of(name: str) -> Path:
    """The Python of the group's environment, which is made if it is not there; raises Fault."""
    setup = [str(PYTHON), "-I", "asgi_anatomy/packages/uv.py", "group", name]
    if subprocess.run(setup, cwd=ROOT, stdout=sys.stderr, check=False).returncode:
        raise Fault(f"the packages of groups/{name}.lock could not be installed: see above")
    return group_environment(name) / "bin" / "python"
