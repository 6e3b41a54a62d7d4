"""`make ladders`, `check-layer` and `serve-LAYER`: what can be measured, what a layer lacks, and serving one."""

import shutil
from pathlib import Path

import click

from asgi_anatomy.documents.document import Column, Document, Table
from asgi_anatomy.documents.words import plain, say, show, to_type, typed
from asgi_anatomy.errors import BadInput, Fault, ServerFault, Stopped
from asgi_anatomy.machine.programs import attend
from asgi_anatomy.machine.server import Server, environment_of, free_port, require_ports
from asgi_anatomy.machine.versions import read_versions
from asgi_anatomy.options import PATH, Command, Printing, Whole, host_option, layers_file_option
from asgi_anatomy.packages.environments import OHA_BUILD, build, make
from asgi_anatomy.suite.conformance import check as conformance_check
from asgi_anatomy.suite.contract import Contract, contract_of
from asgi_anatomy.suite.layers import ROOT, Catalogue, Layer, read_catalogue, short
from asgi_anatomy.suite.own import of_file

TEMPLATE = Path(__file__).parent / "template"


def layers_table(catalogue: Catalogue, ladder: str = "default") -> Table:
    """The layers of a ladder, what each stands on, and what it adds."""
    layers = catalogue.choose("", ladder)
    on = catalogue.ground(layers, ladder)
    columns = (
        Column("layer", "layer", left=True, tree="on"),
        Column("adds", "what it adds", left=True, wraps=True),
    )
    return Table(columns, [{"layer": each.name, "on": on[each.name], "adds": each.adds} for each in layers])


@click.command("ladders", cls=Command)
@click.option("--ladder", default="", help="Only this one, with what each of its layers adds.")
@click.option("--names", is_flag=True, help="Print names only.")
@layers_file_option
@click.pass_obj
def command(catalogue_file: Path, /, ladder: str, names: bool, layers_file: str) -> None:
    """List the ladders and their layers."""
    catalogue = of_file(read_catalogue(catalogue_file), layers_file)
    if names:
        return show(plain("\n".join(catalogue.ladders)))
    table = layers_table(catalogue, ladder or "default")
    shown: list[str | Table] = [f"{ladder}: {catalogue.ladder(ladder).adds}", table] if ladder else []
    for name, each in catalogue.ladders.items() if not ladder else ():
        shown += [f"{name}: {each.question or each.adds}", f"  {' '.join(each.layers)}", ""]
    shown += [] if ladder else ["make ladders LADDER=stack says what each layer of one adds."]
    show(Printing("text", wide=False).render(Document(shown, table)))


@click.command("init", cls=Command)
@click.option("--folder", type=PATH, default="mine", show_default=True, help="Where to write; made if need be.")
def init_command(folder: Path) -> None:
    """Write a folder with layers of your own, to begin with."""
    folder = folder.expanduser()
    files = sorted(path for path in TEMPLATE.iterdir() if path.is_file())
    if taken := [path.name for path in files if (folder / path.name).exists()]:
        raise BadInput(f"{folder / taken[0]} is there already: expected a folder without it, such as FOLDER=~/another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copy(path, folder)
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}") from None
    show(plain(f"{folder}: {', '.join(path.name for path in files)}"))
    show(plain(typed(f"Next: {to_type('bench', {'LAYERS_FILE': folder})}")))


@click.command("check-layer", cls=Command)
@click.argument("name", metavar="LAYER", default="")
@click.pass_context
def check_layer_command(context: click.Context, /, name: str) -> None:
    """Say what a layer's entry, file and answers lack.

    Exit codes: 0 the layer is complete, 1 something is missing.
    """
    if not name.strip():
        raise BadInput("name a layer, such as LAYER=starlette: `make ladders` lists them all")
    catalogue = read_catalogue(context.obj)
    layer = catalogue.one(name)
    contract = contract_of([layer])
    lacking = [*_entry(layer, contract), *_file(layer), *_answers(layer, contract)]
    for each in lacking:
        show(plain(f"{name}: {each}"))
    if lacking:
        context.exit(1)
    if not any(layer.base in ladder.layers for ladder in catalogue.ladders.values()):
        show(f"note: {name} is in no ladder yet, so it is measured only by name: `layers` of a ladder is the place")
    show(f"{name} is complete: try `make bench LAYERS={name}`, then `make pair A={layer.on or name} B={name}`")


def _entry(layer: Layer, contract: Contract) -> list[str]:
    """What is missing or wrong in its entry in layers.toml."""
    found = []
    if not layer.adds:
        found.append("`adds` is empty: say in one sentence what it adds to the layer it stands on")
    for case, status in layer.differs.items():
        if case in contract.cases and contract.cases[case].status == status and not contract.cases[case].refused:
            found.append(f"`differs` lists {case!r}, but {status} is what every layer answers there: remove it")
    return found


def _file(layer: Layer) -> list[str]:
    """What is missing in its file in servers/, if it has one of its own."""
    module = (layer.app or "").partition(":")[0]
    path = ROOT / (module.replace(".", "/") + ".py")
    if not module:
        return []
    if not path.is_file():
        return [f"{path.relative_to(ROOT)} does not exist, but its `app` is {layer.app!r}"]
    head = path.read_text(encoding="utf-8")[:400]
    if not head.startswith('"""'):
        return [f"{path.relative_to(ROOT)} must start with a docstring that says what it adds and what it leaves out"]
    return []


def _answers(layer: Layer, contract: Contract) -> list[str]:
    """Where its answers are not what the contract and its `differs` say."""
    if failed := build([layer], say):
        return [failed[layer.name]]
    known = read_versions([layer])
    wanted = [*layer.versions, *(layer.build.versions if layer.build else ())]
    lacking = [f"`versions` lists {each!r}, which is not there where it runs" for each in wanted if each not in known]
    try:
        with Server(layer, contract) as server:
            return lacking + conformance_check(contract, layer, server.host, server.port)
    except ServerFault as fault:
        return [*lacking, fault.what]


@click.command("build", cls=Command)
@click.option("--only", default="", help="Only this: oha, or a layer that is compiled.")
@click.pass_obj
def build_command(catalogue_file: Path, /, only: str) -> None:
    """Compile what RATE= and some layers need, which takes minutes.

    A run compiles it by itself if its BUDGET is long enough.
    """
    layers = read_catalogue(catalogue_file).layers.values()
    builds = {"oha": OHA_BUILD, **{layer.name: layer.build for layer in layers if layer.build}}
    if only and only not in builds:
        raise BadInput(f"{short(repr(only))} is not compiled: expected one of {', '.join(builds)}")
    chosen = {builds[name]: name for name in ([only] if only else reversed(builds))}
    if failed := [f"{name}: {why}" for build, name in chosen.items() if (why := make(build, name, say))]:
        raise Fault("; ".join(failed))


@click.command("serve", cls=Command)
@click.argument("layer", default="")
@layers_file_option
@host_option
@click.option(
    "--port", default=8000, show_default=True, type=Whole(0, 65535), help="Where it listens, 0 for any free port."
)
@click.pass_context
def serve_command(context: click.Context, /, layer: str, layers_file: str, host: str, port: int) -> None:
    """Serve one layer in the foreground, as the harness would."""
    if not layer.strip():
        raise BadInput("name a layer: `make serve-starlette` serves starlette, `make ladders` lists them all")
    chosen = of_file(read_catalogue(context.obj), layers_file).one(layer)
    require_ports(host, port)
    if failed := build([chosen], say):
        raise ServerFault(chosen.name, failed[chosen.name])
    port = port or free_port(host)
    say(f"{chosen.name} on http://{host}:{port} (Ctrl-C to stop)")
    argv = chosen.argv(host, port)
    try:
        code = attend(argv, environment_of(chosen), chosen.runs_in)
    except OSError as error:
        raise Fault(f"{chosen.name} cannot be started: {argv[0]}: {error.strerror}") from None
    except Stopped as stopped:
        code = stopped.exit_code
    context.exit(code if code >= 0 else 128 - code)
