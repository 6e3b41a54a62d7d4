"""Which layers a comparison is about, and each of them as both sides serve it."""

from collections.abc import Callable, Iterable, Sequence

from bench.data.errors import BadInput
from bench.data.layers import Catalogue, Layer
from bench.data.resolution import changed, moved
from bench.data.sides import Asked
from bench.data.versus import Compared, Served
from bench.host.environments import build
from bench.host.sides import Side, prepare, served_by
from bench.host.uses import serves_with

Both = tuple[Layer, Layer]


def layers_with(
    catalogue: Catalogue, packages: Sequence[str], names: str, ladder: str, tell: Callable[[str], None]
) -> list[Layer]:
    """The layers named, or those of a ladder that use one of the packages; raises BadInput where there is none."""
    layers = catalogue.choose(names, ladder)
    if names:
        if compiled := [layer.name for layer in layers if "{python}" not in layer.command]:
            raise BadInput(f"{compiled[0]} is not served by a Python: expected layers that use {' or '.join(packages)}")
        return layers
    failed = build([layer for layer in layers if layer.group], tell)
    usable = [layer for layer in layers if layer.name not in failed]
    if found := [layer for layer in usable if any(serves_with(layer, each) for each in packages)]:
        return found
    used = " or ".join(packages)
    raise BadInput(f"no layer of the ladder {ladder} uses {used}: name a LADDER or LAYERS (`make ladders` lists all)")


def both_sides(
    asked: Asked, layers: Iterable[Layer], tell: Callable[[str], None]
) -> tuple[dict[str, tuple[Side, Side]], list[Compared], dict[str, Both]]:
    """The sides by group (what they are is the same for all), a row for each layer, and each layer as they serve it.

    Raises BadInput or Fault where sides cannot be installed.
    """
    layers = [*layers]
    sides = prepare(asked, layers, tell)
    rows, served = [], {}
    for layer in layers:
        a, b = sides[layer.group]
        (first, lacks_a), (second, lacks_b) = served_by(layer, a), served_by(layer, b)
        served[layer.name] = first, second
        versions = zip(a.resolution.packages.values(), b.resolution.packages.values(), strict=True)
        rows.append(
            Compared(
                layer=layer.name,
                a=Served(flags=lacks_a),
                b=Served(flags=lacks_b),
                versions={one.name: (one.version, other.version) for one, other in versions},
                differ=changed(a.resolution, b.resolution),
                moved=moved(a.resolution, b.resolution),
            )
        )
    return sides, rows, served
