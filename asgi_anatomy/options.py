"""The options that commands share: each is declared once, and parsed once into a struct or a value."""

import contextlib
import functools
import inspect
import math
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from asgi_anatomy.documents.document import FORMATS, WIDEST, WIDTH, Document
from asgi_anatomy.documents.store import RESULTS
from asgi_anatomy.documents.words import say
from asgi_anatomy.errors import BadInput, near
from asgi_anatomy.suite.contract import Contract, Workload, contract_of
from asgi_anatomy.suite.layers import Catalogue, Layer, read_catalogue
from asgi_anatomy.suite.own import with_own
from asgi_anatomy.suite.workloads import own_workloads, read_workload
from asgi_anatomy.turns.plan import TURN, Selection, select
from asgi_anatomy.turns.record import Load

Function = Callable[..., Any]
Option = Callable[[Function], Function]
WORD = re.compile(r"([A-Za-z_]+)=(.*)", re.DOTALL)
YES, NO = ("1", "yes"), ("", "0", "no")
EXIT_CODE = re.compile(r"(\d+) (.*?)(?=, \d|\.?$)", re.DOTALL)


TYPED = click.core.ParameterSource.COMMANDLINE
SHOWING = ("form", "wide", "split", "out", "folder", "results")
"""The parameters that may stand beside a record that is only shown."""


class Shown(click.Option):
    """Names a record to be shown, instead of measuring."""


class Command(click.Command):
    """A command that takes LAYERS=starlette for --layers starlette, and whose help says what each option may be."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read each NAME=value as the option of that name; raises BadInput if there is none such.

        An empty value is none, and `0` and `no` are none for an option that takes no value.
        """
        known = {name_of(parameter): parameter for parameter in self.params}
        flags = {option.opts[0] for option in self.params if isinstance(option, click.Option) and option.is_flag}
        words: list[str] = []
        for before, word in zip(["", *args], args, strict=False):
            is_value = before.startswith("--") and "=" not in before and before not in flags
            match = None if is_value else WORD.fullmatch(word)
            if not match:
                words.append(word)
                continue
            key, value = match[1], match[2].strip()
            if not (parameter := known.get(key)):
                help_ = f"`make help-{self.name}` lists what it takes"
                raise BadInput(f"{self.name} takes no {key}={near(key.upper(), known)}: {help_}")
            if isinstance(parameter, click.Argument):
                words.append(value)
            elif parameter.opts[0] in flags:
                if value not in YES + NO:
                    raise BadInput(f"{key}={value}: expected 1, or 0 to leave it out")
                words += [parameter.opts[0]] if value in YES else []
            elif value:
                words.append(f"{parameter.opts[0]}={value}")
            elif isinstance(parameter.type, Number | Whole):
                say(f"note: {key}= is empty, so its default holds")
        return super().parse_args(ctx, words)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; raises BadInput where RECORD= is shown and another option says what to measure."""
        given = [each for each in self.params if ctx.get_parameter_source(each.name or "") is TYPED]
        extra = [name_of(each) for each in given if not (isinstance(each, Shown) or each.name in SHOWING)]
        if extra and any(isinstance(each, Shown) for each in given):
            raise BadInput(f"RECORD= shows what there is, for which {extra[0]}= has no effect: leave out one of them")
        return super().invoke(ctx)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """What the command does; its exit codes come last."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(inspect.cleandoc(self.help or "").partition("Exit codes: ")[0].strip())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """A row for each option: what it is, what it may be, and its default."""
        if rows := [(name_of(each), _about(each)) for each in self.params if isinstance(each, click.Option)]:
            with formatter.section("Options, as --name VALUE or NAME=VALUE"):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The exit codes of every command, and those of this one."""
        own = inspect.cleandoc(self.help or "").partition("Exit codes: ")[2]
        codes = {0: "success", 1: "a layer or the run failed", 2: "bad input"}
        codes |= {int(code): " ".join(text.split()) for code, text in EXIT_CODE.findall(own)}
        listed = ", ".join(f"{code} {codes[code]}" for code in sorted(codes))
        formatter.write_paragraph()
        formatter.write_text(f"Exit codes: {listed}, 128 + n ended by signal n. make itself ends with 2 for all but 0.")


def name_of(parameter: click.Parameter) -> str:
    """What a parameter is called where it is written NAME=value."""
    return (parameter.metavar or parameter.opts[0].strip("-")).upper()


def _about(option: click.Option) -> str:
    """An option's help, the values it may have, and its default."""
    text = (option.help or "").removesuffix(".")
    if option.is_flag:
        return f"1: {text[:1].lower()}{text[1:]}"
    values = in_words(option.type)
    default = f"{option.default:g}" if isinstance(option.default, int | float) else option.default
    return f"{text}{f' ({values})' if values else ''}{f'  [{default}]' if option.show_default else ''}"


class Choice(msgspec.Struct, frozen=True):
    """Which layers: those of a ladder or those named, and which process counts to add."""

    layers: str
    ladder: str
    workers: str

    def counts(self) -> list[int]:
        """The process counts; raises BadInput."""
        found = self.workers.replace(",", " ").split()
        if not all(each.isdecimal() and len(each) < 5 for each in found):
            raise BadInput(f"WORKERS must be process counts, such as '2 4', not {self.workers!r}")
        return [int(each) for each in found]

    def named(self, catalogue: Catalogue) -> list[Layer]:
        """The layers chosen, as they are in the catalogue; raises BadInput."""
        return catalogue.choose(self.layers, self.ladder)

    def select(self, catalogue: Catalogue, contract: Contract) -> Selection:
        """The layers chosen, with those of APP= and SERVE=; raises BadInput."""
        if self.layers and not self.layers.replace(",", " ").strip():
            raise BadInput(f"LAYERS={self.layers} names no layer: omit it to measure the whole ladder")
        return select(catalogue, contract, names=self.layers, ladder=self.ladder, workers=self.counts())


class Bring(msgspec.Struct, frozen=True):
    """Layers of the user's own, as options describe them."""

    app: str
    serve: str
    env: str
    on: str
    request: str
    name: str
    requirements: str
    cgroup: str
    start_timeout: float | None
    layers_file: str

    def catalogue(self, path: Path) -> Catalogue:
        """layers.toml with these layers; raises BadInput."""
        return with_own(read_catalogue(path), **msgspec.structs.asdict(self))


class Driving(msgspec.Struct, frozen=True):
    """How wrk drives servers, and where they listen."""

    turn: float
    connections: int | None
    threads: int
    host: str
    port: int

    def load(self, workload: Workload) -> Load:
        """How wrk loads the servers: as typed, or else as the workload says; raises BadInput."""
        usual = Load()
        connections = self.connections or workload.connections or usual.connections
        if connections < self.threads:
            raise BadInput(
                f"{self.threads} threads need at least as many connections, not {connections}: try CONNECTIONS=64"
            )
        return Load(
            connections=connections,
            threads=self.threads,
            pipelining=workload.pipelining,
            requests_per_connection=workload.requests_per_connection,
        )


class Printing(msgspec.Struct, frozen=True):
    """In which format a command prints, and how much."""

    form: str
    wide: bool

    def render(self, document: Document) -> str:
        """A document, in text as wide as the terminal, or else in 80 columns."""
        return document.render(self.form, self.wide, min(WIDEST, shutil.get_terminal_size((WIDTH, 24)).columns))


class Drawn(msgspec.Struct, frozen=True):
    """Which records to draw, and where to."""

    paths: str
    out: Path | None
    reference: bool


class Number(click.FloatRange):
    """A finite number within a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Like click's, but refuses `nan` and infinity, in plain words."""
        with contextlib.suppress(click.BadParameter):
            if math.isfinite(found := super().convert(value, param, ctx)):
                return found
        self.fail(f"expected a number from {in_words(self)}, not {value}", param, ctx)


class Whole(click.IntRange):
    """A whole number within a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Like click's, in plain words."""
        with contextlib.suppress(click.BadParameter):
            return super().convert(value, param, ctx)
        self.fail(f"expected a whole number from {in_words(self)}, not {value}", param, ctx)


def in_words(kind: click.ParamType[Any]) -> str:
    """A range, or the words to choose from."""
    match kind:
        case click.FloatRange() | click.IntRange():
            return f"{kind.min:,.10g} to {kind.max:,.10g}"
        case click.Choice():
            return f"{', '.join(kind.choices[:-1])} or {kind.choices[-1]}"
    return ""


def contract_for(workload: str, layers: Sequence[Layer], layers_file: Path | None = None) -> Contract:
    """The contract of these layers, with the workload of that name, or its default; raises BadInput.

    The workloads beside a LAYERS_FILE go before those of the suite.
    """
    contract = contract_of(layers)
    return msgspec.structs.replace(contract, workload=read_workload(workload, contract, own=own_workloads(layers_file)))


def gathered(name: str, make: type[msgspec.Struct], *options: Option) -> Option:
    """Pass a command one struct, under this name, instead of the separate options."""
    fields = make.__struct_fields__

    def decorate(command: Function) -> Function:
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


def budget_option(default: float, about: str = "Time limit in seconds; the first round always finishes.") -> Option:
    """The option BUDGET, in seconds."""
    return click.option("--budget", default=default, show_default=True, type=Number(1, 1e6), help=about)


precision_option = click.option(
    "--precision",
    default=0.5,
    show_default=True,
    type=Number(0, 100),
    help="Stop once decays are known to ± this many points.",
)
threshold_option = click.option(
    "--threshold",
    default=1.0,
    show_default=True,
    type=Number(0.01, 50),
    help="Smaller differences are the same, in percent.",
)
results_option = click.option("--results", type=PATH, default=RESULTS, help="The folder for records.")
records_option = click.option("--record", "paths", default="", help="Records, or folders of them, with spaces between.")
record_option = click.option(
    "--record", "path", type=PATH, help="A record, or a folder: its newest. By default the newest."
)
shown_option = click.option(
    "--record",
    "path",
    cls=Shown,
    type=PATH,
    help="Show this record, or the newest of this folder, instead of making one.",
)
pythons_option = click.option("--pythons", default="", help="Serve with each of these Pythons: '3.12 3.13 3.14t'.")
scheduler_option = click.option(
    "--scheduler", default="", help="A Dask scheduler, such as tcp://head:8786.  [work here]"
)
layers_file_option = click.option(
    "--layers-file", metavar="LAYERS_FILE", default="", help="Your own layers: a TOML file, or its folder."
)
layers_option = click.option("--layers", default="", help="Only these layers, separated by commas or spaces.")
ladder_option = click.option("--ladder", default="default", show_default=True, help="A ladder of layers.toml.")
threads_option = click.option("--threads", default=1, show_default=True, type=Whole(1, 64), help="wrk's threads.")
workload_option = click.option(
    "--workload",
    default="",
    help="What wrk sends: a workload of workloads.toml.  [user; for LADDER=arena arena-baseline]",
)
choice_options = gathered(
    "choice",
    Choice,
    layers_option,
    ladder_option,
    click.option("--workers", default="", help="Process counts to measure each layer with as well."),
)
printing_options = gathered(
    "printing",
    Printing,
    click.option(
        "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How it is printed."
    ),
    click.option("--wide", is_flag=True, help="Every column and every line below the table."),
)
driving_options = gathered(
    "driving",
    Driving,
    click.option(
        "--turn",
        default=1000 * TURN,
        show_default=True,
        type=Number(5, 10_000),
        help="Length of a turn in milliseconds.",
    ),
    click.option("--connections", type=Whole(1, 50000), help="wrk's connections, by default 64 or the workload's."),
    threads_option,
    host_option,
    click.option(
        "--port",
        default=0,
        show_default=True,
        type=Whole(0, 65535),
        help="The first server's port, 0 for any free one.",
    ),
)
bring_options = gathered(
    "bring",
    Bring,
    click.option("--app", default="", help="Your ASGI app: folder/module:app, or several: 'old=~/a:app new=~/b:app'."),
    click.option("--serve", default="", help="Your server: a command with {port}, in any language."),
    click.option("--env", default="", help="Its virtual environment, or several: 'old=~/v1 new=~/v2'."),
    click.option("--on", default="", help="The layer it stands on, by default uvicorn for APP."),
    click.option("--request", default="", help="A TOML file with its request and answer."),
    click.option("--name", default="", help="The name of its row."),
    click.option("--requirements", default="", help="In versus and history: a file that lists the packages it needs."),
    click.option("--cgroup", default="", help="The cgroup of its processes, if another program starts them."),
    click.option(
        "--start-timeout",
        metavar="START_TIMEOUT",
        type=Number(1, 3600),
        help="Seconds until its first answers, by default 20.",
    ),
    layers_file_option,
)
drawn_options = gathered(
    "drawn",
    Drawn,
    click.option("--record", "paths", default="", help="Records, or folders of them; by default the newest bench."),
    click.option("--out", type=PATH, help="Where to write; by default beside the record."),
    click.option("--reference", is_flag=True, help="The reference records, into docs/."),
)
