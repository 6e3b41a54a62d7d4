"""What can be served, and what stands on what: layers, ladders, and how to select from them."""

import re
import shlex
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from bench.data.errors import BadInput

ROOT = Path(__file__).parents[2]
_BIN = Path(sys.executable).parent.resolve()
_MAIN = _BIN.parent / "main"  # in the environment of a group, such as that of the tests: a link to the main one
PYTHON = (_MAIN / "bin" if _MAIN.exists() else _BIN).resolve() / Path(sys.executable).name
"""The Python of the main environment, by a path that stays valid when the link .venv is changed."""
MOST_WORKERS = 256
LONGEST = 40
NAME_RULE = f"expected letters, digits and ._:+-, a letter or a digit first, and {LONGEST} characters at most"
BAD_TEMPLATE = (KeyError, ValueError, IndexError, AttributeError, TypeError)
"""What filling in a command or a sentence raises if it is not a valid template."""


def is_name(name: str) -> bool:
    """Whether a layer, a ladder, a group or a build may have this name."""
    return len(name) <= LONGEST and bool(re.fullmatch("[A-Za-z0-9][A-Za-z0-9._:+-]*", name))


class Build(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a layer is compiled. The keys are explained at the top of layers.toml."""

    command: str
    needs: tuple[str, ...] = ()
    hint: str = ""
    lock: str = ""
    versions: tuple[str, ...] = ()


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """One server that can be run, with everything it inherits. The keys are explained at the top of layers.toml.

    `env` is the path of the Python that runs a custom server, if it has an environment of its own; `served` that of the
    main environment of another Python than the harness's, if that is to serve it.
    """

    name: str
    adds: str
    on: str | None = None
    app: str | None = None
    options: str = ""
    command: str = ""
    contract: str = ""
    group: str = ""
    build: Build | None = None
    versions: tuple[str, ...] = ()
    answer: Literal["bytes", "dated", "json"] = "bytes"
    differs: dict[str, Annotated[int, msgspec.Meta(ge=0, le=599)]] = {}
    loop: bool = False
    waits: bool = False
    workers: Annotated[int, msgspec.Meta(ge=0, le=MOST_WORKERS)] = 1
    env: str = ""
    served: str = ""

    @property
    def main(self) -> Path:
        """The Python of the main environment that it is served from."""
        return Path(self.served) if self.served else PYTHON

    @property
    def python(self) -> str:
        """The path of the Python that serves it."""
        if self.env or not self.group:
            return self.env or str(self.main)
        return str(ROOT / ".venvs" / f"{self.main.parents[1].name}-{self.group}" / "bin" / "python")

    @property
    def scales(self) -> bool:
        """Whether its command takes a process count."""
        return "{workers}" in self.command

    @property
    def base(self) -> str:
        """The name of its entry in layers.toml."""
        return self.name.removesuffix(f"-x{self.workers}")

    def several(self, workers: int) -> "Layer":
        """The same layer with this many processes; raises BadInput if that is not possible."""
        if not self.scales or self.workers != 1 or not 2 <= workers <= MOST_WORKERS:
            expected = f"expected 2 to {MOST_WORKERS}, and a command that contains {{workers}}"
            raise BadInput(f"{self.name} cannot have {workers} processes: {expected}")
        name, adds = f"{self.name}-x{workers}", f"{workers} of them on one port"
        return msgspec.structs.replace(self, workers=workers, name=name, on=self.name, adds=adds)

    def argv(self, host: str, port: int, python: str = "") -> list[str]:
        """The command that serves this layer, to be run in the project's folder."""
        python, app = shlex.quote(python or self.python), shlex.quote(self.app or "")
        fields = {"python": python, "host": host, "port": port, "app": app, "workers": self.workers}
        return shlex.split(self.command.format_map(fields))


class Ladder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ordered set of layers that a table compares."""

    name: str
    adds: str
    layers: Annotated[list[str], msgspec.Meta(min_length=1)]
    on: dict[str, str] = {}
    """What layers stand on in this ladder, if not what they usually stand on."""
    workers: list[Annotated[int, msgspec.Meta(ge=2, le=MOST_WORKERS)]] = []
    """Process counts that its layers are also measured with."""
    why: dict[str, str] = {}
    """Explanations of the cost of layers, by name: templates that bench/report/ladders.py fills in."""


class Catalogue(msgspec.Struct, frozen=True):
    """All of layers.toml: layers and ladders by name."""

    layers: dict[str, Layer]
    ladders: dict[str, Ladder]
    asgi: str = ""
    """The command of [asgi]."""

    def choose(self, names: str | None, ladder: str) -> list[Layer]:
        """The layers of a ladder, or those named (separated by commas or spaces), in the ladder's order.

        Raises BadInput for an unknown name, or if nothing is named.
        """
        if ladder not in self.ladders:
            raise BadInput(f"unknown ladder {ladder!r}: layers.toml has {', '.join(self.ladders)}")
        if not names:
            return [self.layers[name] for name in self.ladders[ladder].layers]
        order = [*dict.fromkeys([*self.ladders[ladder].layers, *self.layers])]
        named = {name: self.one(name) for name in names.replace(",", " ").split()}
        if not named:
            raise BadInput(f"{names!r} names no layer: expected something like LAYERS='uvicorn starlette'")
        return sorted(named.values(), key=lambda layer: (order.index(layer.base), layer.workers))

    def one(self, name: str) -> Layer:
        """A layer by its name; the suffix `-x4` means 4 processes. Raises BadInput."""
        base, _, count = name.rpartition("-x")
        if base in self.layers and count.isdecimal():
            return self.layers[base].several(int(count[:9]))
        if name not in self.layers:
            close = get_close_matches(name, self.layers, 1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise BadInput(f"unknown layer {name!r}: {hint}`make ladders` lists them all")
        return self.layers[name]

    def ground(self, layers: list[Layer], ladder: str = "default") -> dict[str, str | None]:
        """What each layer stands on: the nearest layer below it in the list, or None."""
        on = {layer.name: layer.on for layer in (*layers, *self.layers.values())}
        on.update(self.ladders[ladder].on)
        found = {}
        for layer in layers:
            below = on[layer.name]
            while below and below not in [each.name for each in layers]:
                below = on[below]
            found[layer.name] = below
        return found


def multiply(layers: list[Layer], counts: list[int]) -> list[Layer]:
    """These layers, plus a copy with each process count of those that can have several."""
    found = {}
    for layer in layers:
        found[layer.name] = layer
        if layer.scales and layer.workers == 1:
            found.update({each.name: each for each in map(layer.several, counts)})
    return [*found.values()]


def lowest_first(layers: list[Layer], ground: dict[str, str | None]) -> list[Layer]:
    """The same layers in order, except that each comes after the one it stands on."""
    left, done = [*layers], []
    while left:
        names = {each.name for each in left}
        done.append(next(each for each in left if ground[each.name] not in names))
        left.remove(done[-1])
    return done
