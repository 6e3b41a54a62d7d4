"""`make check-layer LAYER=x`: what a layer still lacks."""

import click

from bench.commands.output import say, show
from bench.data.catalogue import read_catalogue
from bench.data.contract import Contract, read_contract
from bench.data.errors import ServerFault
from bench.data.layers import ROOT, Catalogue, Layer
from bench.host import conformance
from bench.host.environments import build
from bench.host.server import Server
from bench.report.escape import plain


@click.command("check-layer")
@click.argument("name", metavar="LAYER")
@click.pass_context
def command(context: click.Context, /, name: str) -> None:
    """Say what a layer lacks: its entry, its file, its answers.

    Exit codes: 0 it is sound, 1 it is not, 2 there is no such layer.
    """
    catalogue, contract = read_catalogue(context.obj), read_contract()
    layer = catalogue.one(name)
    lacking = [*_entry(catalogue, layer, contract), *_file(layer), *_answers(layer, contract)]
    for each in lacking:
        show(plain(f"{name}: {each}"))
    if lacking:
        context.exit(1)
    show(f"{name} is sound: try `make bench LAYERS={name}`, then `make pair A={layer.on or name} B={name}`")


def _entry(catalogue: Catalogue, layer: Layer, contract: Contract) -> list[str]:
    """What its entry in layers.toml lacks."""
    found = []
    if not layer.adds:
        found.append("`adds` is empty: say in one sentence what it adds over the layer it stands on")
    if not any(layer.base in ladder.layers for ladder in catalogue.ladders.values()):
        found.append("it is in no ladder: add it to `layers` of one in layers.toml")
    for case, status in layer.differs.items():
        if case in contract.cases and contract.cases[case].status == status and not contract.cases[case].refused:
            found.append(f"`differs` names {case!r}, in which it answers {status} as every layer does: take it out")
    return found


def _file(layer: Layer) -> list[str]:
    """What its file in servers/ lacks, if it has one of its own."""
    module = (layer.app or "").partition(":")[0]
    path = ROOT / (module.replace(".", "/") + ".py")
    if not module:
        return []
    if not path.is_file():
        return [f"there is no {path.relative_to(ROOT)}, though its `app` is {layer.app!r}"]
    head = path.read_text(encoding="utf-8")[:400]
    if not head.startswith('"""'):
        return [f"{path.relative_to(ROOT)} does not begin with a docstring that says what it adds and leaves out"]
    return []


def _answers(layer: Layer, contract: Contract) -> list[str]:
    """What it answers otherwise than the contract and its `differs` say."""
    if failed := build([layer], say):
        return [failed[layer.name]]
    try:
        with Server(layer, contract) as server:
            return conformance.check(contract, layer, server.host, server.port)
    except ServerFault as fault:
        return [fault.what]
