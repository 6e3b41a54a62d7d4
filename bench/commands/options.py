"""The options that commands share, each declared once, and parsed once into a struct or a value."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from bench.data.contract import Contract
from bench.data.custom import Custom, read_custom
from bench.data.errors import BadInput
from bench.data.layers import Catalogue
from bench.data.load import Load
from bench.data.plan import Selection, select
from bench.data.store import RESULTS
from bench.report.document import FORMATS

Command = Callable[..., Any]
Option = Callable[[Command], Command]


class Choice(msgspec.Struct, frozen=True):
    """Which layers: those of a ladder, or those named, also with so many processes each."""

    layers: str
    ladder: str
    workers: str

    def counts(self) -> list[int]:
        """The numbers of processes; raises BadInput."""
        found = self.workers.replace(",", " ").split()
        if not all(each.isdecimal() and len(each) < 5 for each in found):
            raise BadInput(f"WORKERS must be numbers of processes, such as '2 4', not {self.workers!r}")
        return [int(each) for each in found]

    def select(self, catalogue: Catalogue, contract: Contract, custom: Custom | None) -> Selection:
        """What is chosen, with the custom server; raises BadInput."""
        if self.layers and not self.layers.replace(",", " ").strip():
            raise BadInput(f"LAYERS={self.layers} names no layer: leave it out for the whole ladder")
        return select(catalogue, contract, names=self.layers, ladder=self.ladder, workers=self.counts(), custom=custom)


class Bring(msgspec.Struct, frozen=True):
    """A server that is not in layers.toml, as the user says it."""

    app: str
    serve: str
    env: str
    on: str
    request: str
    name: str

    def read(self, catalogue: Catalogue, contract: Contract) -> Custom | None:
        """The custom server, or None where there is none; raises BadInput."""
        return read_custom(catalogue, contract, **msgspec.structs.asdict(self))


class Driving(msgspec.Struct, frozen=True):
    """How wrk drives servers, and where these listen."""

    seconds: int
    connections: int
    threads: int
    host: str
    port: int

    def load(self) -> Load:
        """What wrk is told; raises BadInput."""
        if self.connections < self.threads:
            raise BadInput(
                f"{self.threads} threads need as many connections, not {self.connections}: try CONNECTIONS=64"
            )
        return Load(self.seconds, self.connections, self.threads)


class Printing(msgspec.Struct, frozen=True):
    """In which format a command prints, and how much."""

    form: str
    wide: bool


class Number(click.FloatRange):
    """A number within a range: neither `nan` nor infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click has it, but for what is no number."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a number.", param, ctx)
        return found


def gathered(name: str, make: type[msgspec.Struct], *options: Option) -> Option:
    """Hand a command one struct, under this name, in place of the options of which it is made."""
    fields = make.__struct_fields__

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def call(*args: Any, **values: Any) -> Any:
            made = make(**{field: values.pop(field) for field in fields})
            return command(*args, **{name: made}, **values)

        for option in reversed(options):
            option(call)
        return call

    return decorate


PATH = click.Path(path_type=Path)
host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Where the servers listen.")
budget_option = click.option(
    "--budget",
    default=90.0,
    show_default=True,
    type=Number(1, 1e6),
    help="Seconds; the first round is finished.",
)
threshold_option = click.option(
    "--threshold", default=1.0, show_default=True, type=Number(0.01, 50), help="Percent: what is less is the same."
)
results_option = click.option("--results", type=PATH, default=RESULTS, help="The folder for the record.")
record_option = click.option("--record", "path", type=PATH, help="A record; the newest one if not given.")
choice_options = gathered(
    "choice",
    Choice,
    click.option("--layers", default="", help="Only these layers, with commas or spaces between."),
    click.option("--ladder", default="default", show_default=True, help="A ladder of layers.toml."),
    click.option("--workers", default="", help="Each layer also with so many processes: numbers, with spaces between."),
)
printing_options = gathered(
    "printing",
    Printing,
    click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True),
    click.option("--wide", is_flag=True, help="Every column, and every line below the table."),
)
driving_options = gathered(
    "driving",
    Driving,
    click.option("--seconds", default=2, show_default=True, type=click.IntRange(1, 3600), help="A window's length."),
    click.option("--connections", default=64, show_default=True, type=click.IntRange(1, 50000), help="Of wrk."),
    click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="Of wrk."),
    host_option,
    click.option("--port", default=0, show_default=True, help="The first server's port; 0: what the kernel gives."),
)
bring_options = gathered(
    "bring",
    Bring,
    click.option("--app", default="", help="Your ASGI app: package.module:app, or folder/module:app."),
    click.option("--serve", default="", help="Your server: a command with {port}, in any language."),
    click.option("--env", default="", help="The Python, or the virtual environment, that runs it."),
    click.option("--on", default="", help="The layer that it stands on.  [APP: uvicorn]"),
    click.option("--request", default="", help="A TOML file: the request that it gets, and its answer."),
    click.option("--name", default="", help="What the row of your server is called."),
)
