"""`make check-layer LAYER=x`: what a layer is missing."""

import click

from bench.commands.output import say, show
from bench.data.catalogue import read_catalogue
from bench.data.contract import Contract, contract_of
from bench.data.errors import BadInput, ServerFault
from bench.data.layers import ROOT, Layer
from bench.host import conformance
from bench.host.environments import build
from bench.host.server import Server
from bench.host.versions import read_versions
from bench.report.escape import plain


@click.command("check-layer")
@click.argument("name", metavar="LAYER")
@click.pass_context
def command(context: click.Context, /, name: str) -> None:
    """Say what is missing or wrong in a layer's entry, file and answers.

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
            return lacking + conformance.check(contract, layer, server.host, server.port)
    except ServerFault as fault:
        return [*lacking, fault.what]
