"""`make help-NAME`: the variables of a command and its exit codes, as they are declared to click."""

import inspect
import re

import click

from bench.commands import cli
from bench.commands.options import in_words
from bench.commands.output import show
from bench.data.errors import BadInput
from bench.data.layers import ROOT

WIDTH = 80
EVERY = ("0 success", "1 a layer or the run failed", "2 bad input", "128 + n ended by signal n")
CODE = re.compile(r"\d.*?(?=, \d|$)", re.DOTALL)
VARIABLE = re.compile(r"^([A-Z]+) *=# (.*?)(?: \(.*)?$", re.MULTILINE)


@click.command("help")
@click.argument("name")
def command(name: str) -> None:
    """Print the variables that `make NAME` takes, and its exit codes."""
    if name not in cli.COMMANDS:
        raise BadInput(f"there is no command {name!r}: `make help ALL=1` lists them all")
    found = cli.load(name)
    known = dict(VARIABLE.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    rows = [(f"{key}=", _say(each, known[key])) for key, each in cli.taken(found).items() if key in known]
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
