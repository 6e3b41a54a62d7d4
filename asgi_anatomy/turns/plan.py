"""What one call measures, and how: layers lowest first, what each stands on, its contract, load, cores and time."""

import hashlib
from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec
from msgspec.structs import replace

from asgi_anatomy.errors import BadInput
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Catalogue, Layer, lowest_first, multiply
from asgi_anatomy.suite.own import contract_beside, contract_of_own
from asgi_anatomy.turns.record import Load, Row

TURN = 0.1
"""Seconds of a turn, unless TURN= says otherwise."""


Client = Literal["same", "other", "awake"]
"""Where the client of a turn is: on the servers' core; on the other one, where it falls asleep between answers; or
there, but polling, so that it never does. The latter two are what `make clients` compares with."""


class Selection(msgspec.Struct, frozen=True):
    """The layers of one call, lowest first."""

    layers: list[Layer]
    on: dict[str, str | None]
    """What each stands on here."""
    contract: Contract
    ladder: str = ""
    own: dict[str, Contract] = {}
    """The contracts of own layers, by name."""

    def contract_of(self, layer: Layer) -> Contract:
        """The contract of a layer; copies with several processes, or for a side, share that of the layer."""
        return self.own.get(layer.base) or self.contract

    def digest(self) -> str:
        """SHA-256 of all requests and expected answers."""
        others = [contract for contract in map(self.contract_of, self.layers) if contract is not self.contract]
        digests = [contract.digest() for contract in (self.contract, *others)]
        return digests[0] if not others else hashlib.sha256("".join(digests).encode()).hexdigest()

    def rows(self) -> list[Row]:
        """A row of the record for each layer."""
        return [
            Row(
                name=layer.name,
                on=self.on[layer.name],
                adds=layer.adds,
                command=layer.argv("HOST", 0, "python"),
                waits=layer.waits,
                answer=layer.answer,
                cases=bool(contract.cases),
                request=contract.file or ("" if contract.cases or not asked else f"the workload {named.name}"),
            )
            for layer in self.layers
            for contract in [self.contract_of(layer)]
            for named, asked in [(contract.workload, contract.workload.asked)]
        ]


class Plan(msgspec.Struct, frozen=True):
    """What to measure, and until when: `budget` in seconds, `precision` (the margin of a finished pair) in points."""

    selection: Selection
    load: Load = Load()
    lane: Lane | None = None
    host: str = "127.0.0.1"
    port: int = 0
    turn: float = TURN
    """Seconds."""
    budget: float = 0.0
    precision: float | None = None
    threshold: float = 1.0
    """Percent: smaller differences count as the same."""
    client: Client = "same"

    def served_by(self, python: str) -> "Plan":
        """A plan with every layer served by the Python of another main environment."""
        layers = [replace(layer, served=python) for layer in self.selection.layers]
        return replace(self, selection=replace(self.selection, layers=layers))


class Watch(Protocol):
    """Receives progress, and keeps what was measured."""

    def tell(self, what: str, seconds: float) -> None:
        """What happens now, and how many seconds of the total are done."""

    def keep(self) -> None:
        """Something was measured: save it."""


def select(
    catalogue: Catalogue,
    contract: Contract,
    *,
    names: str = "",
    ladder: str = "default",
    workers: Sequence[int] = (),
) -> Selection:
    """The layers of a ladder, or those named, and those of APP= and SERVE= in any case; raises BadInput."""
    layers = [layer for layer in catalogue.choose(names, ladder) if layer.name not in catalogue.added]
    for layer in (catalogue.layers[name] for name in catalogue.added):
        if layer.on:
            below = catalogue.layers[layer.on]
            layers += [*([] if names or below in layers else [below]), layer]
        else:  # not an ASGI app: it stands on the lowest layer
            layers.append(replace(layer, on=layers[0].name if layers else None))
    layers = multiply(layers, [*workers] or catalogue.ladder(ladder).workers)
    if workers and not any(layer.scales for layer in layers):
        raise BadInput("none of these layers can have several WORKERS: their commands do not contain {workers}")
    on = catalogue.ground(layers, ladder)
    return selection_of(lowest_first(layers, on), on, contract, catalogue.ladder(ladder).name)


def selection_of(layers: Sequence[Layer], on: dict[str, str | None], contract: Contract, ladder: str = "") -> Selection:
    """These layers, each with its contract; raises BadInput."""
    groups = [layer.cgroup for layer in layers if layer.cgroup]
    if len({*groups}) < len(groups):
        raise BadInput(f"two of these layers are in the control group {groups[0]}: expected one for each server")
    pairs = [contract_of_own(layer, contract) if layer.own else (layer, contract) for layer in layers]
    own = {layer.base: its for layer, its in pairs if layer.own}
    return Selection([layer for layer, _ in pairs], on, contract_beside(contract, [*own.values()]), ladder, own)


def select_pair(catalogue: Catalogue, contract: Contract, a: str, b: str) -> Selection:
    """The two layers of a pair, the second on the first; raises BadInput.

    The layers of APP= and SERVE= take the places that A and B leave.
    """
    left = [name for name in catalogue.added if name not in (a, b)]
    first = a or (left.pop(0) if left and (b or len(left) > 1) else "")
    second = b or (left.pop(0) if left else "")
    if not first or not second or left:
        raise BadInput("a pair needs two layers: set A= and B=, or one of them and APP= or SERVE= for your own server")
    return two(catalogue.one(first), catalogue.one(second), contract)


def two(a: Layer, b: Layer, contract: Contract) -> Selection:
    """Two layers, b standing on a; a layer against itself gets a second name."""
    name = b.name if b.name != a.name else f"{b.name}-again"
    return selection_of([a, replace(b, name=name, on=a.name)], {a.name: None, name: a.name}, contract)
