"""layers.toml -> Layer: what can be served, and what stands on what."""

import shlex
import sys
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.data.errors import BadInput

ROOT = Path(__file__).parents[2]
PYTHON = Path(sys.executable).parent.resolve() / Path(sys.executable).name
"""The Python that runs this, by a path that stays when .venv, a link, is led to another environment."""
MOST_WORKERS = 256
BAD_TEMPLATE = (KeyError, ValueError, IndexError, AttributeError, TypeError)
"""What filling in a command, or a sentence, raises where that is no template."""


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """One server that can be run. The keys are explained at the head of layers.toml.

    `env` is the path of the Python of somebody's own environment, for a server that was brought.
    """

    name: str
    adds: str
    on: str | None = None
    app: str | None = None
    options: str = ""
    command: str = ""
    group: str = ""
    build: str = ""
    answer: Literal["bytes", "json"] = "bytes"
    differs: dict[str, int] = {}
    loop: bool = False
    waits: bool = False
    workers: int = 1
    env: str = ""

    @property
    def python(self) -> str:
        """The path of the Python that serves it."""
        if self.env or not self.group:
            return self.env or str(PYTHON)
        return str(ROOT / ".venvs" / f"{PYTHON.parents[1].name}-{self.group}" / "bin" / "python")

    @property
    def scales(self) -> bool:
        """Whether its command takes a number of processes."""
        return "{workers}" in self.command

    @property
    def base(self) -> str:
        """The name of the entry in layers.toml that it comes from."""
        return self.name.removesuffix(f"-x{self.workers}")

    def several(self, workers: int) -> "Layer":
        """The same with so many processes; raises BadInput where it cannot have them."""
        if not self.scales or self.workers != 1 or not 2 <= workers <= MOST_WORKERS:
            expected = f"expected 2 to {MOST_WORKERS}, and a command with {{workers}}"
            raise BadInput(f"{self.name} cannot have {workers} processes: {expected}")
        name, adds = f"{self.name}-x{workers}", f"{workers} of them on one port"
        return msgspec.structs.replace(self, workers=workers, name=name, on=self.name, adds=adds)

    def argv(self, host: str, port: int, python: str = "") -> list[str]:
        """The command that serves this layer, ready to be started in the project's folder."""
        python = python or self.python
        fields = {"python": shlex.quote(python), "host": host, "port": port, "app": self.app, "workers": self.workers}
        return shlex.split(self.command.format_map(fields))


class Asgi(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an ASGI app is served."""

    command: str = ""


class Ladder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ordered set of layers that a table compares."""

    name: str
    adds: str
    layers: list[str]
    on: dict[str, str] = {}
    """What layers stand on in this ladder, where that is not what they stand on elsewhere."""
    workers: list[int] = []
    """How many processes its layers are also measured with."""
    why: dict[str, str] = {}
    """Why layers cost what they cost, by name: templates that bench/walk.py fills in."""


class Catalogue(msgspec.Struct, frozen=True):
    """All of layers.toml: layers and ladders by name."""

    layers: dict[str, Layer]
    ladders: dict[str, Ladder]
    asgi: str = ""
    """The command of [asgi]."""

    def choose(self, names: str | None, ladder: str) -> list[Layer]:
        """The layers of a ladder, or those named (with commas or spaces between), in the ladder's order.

        Raises BadInput for a name that is in no entry.
        """
        if ladder not in self.ladders:
            raise BadInput(f"unknown ladder {ladder!r}: layers.toml has {', '.join(self.ladders)}")
        if not names:
            return [self.layers[name] for name in self.ladders[ladder].layers]
        order = [*dict.fromkeys([*self.ladders[ladder].layers, *self.layers])]
        named = {name: self.one(name) for name in names.replace(",", " ").split()}
        return sorted(named.values(), key=lambda layer: (order.index(layer.base), layer.workers))

    def one(self, name: str) -> Layer:
        """A layer by its name, with `-x4` after it as 4 processes; raises BadInput."""
        base, _, count = name.rpartition("-x")
        if base in self.layers and count.isdecimal():
            return self.layers[base].several(int(count))
        if name not in self.layers:
            close = get_close_matches(name, self.layers, 1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise BadInput(f"unknown layer {name!r}: {hint}`make ladders` lists them all")
        return self.layers[name]

    def ground(self, layers: list[Layer], ladder: str = "default") -> dict[str, str | None]:
        """What each layer stands on: the nearest below it that is among them, or None."""
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
    """These layers and, for each that can have several processes, itself with so many."""
    found = {}
    for layer in layers:
        found[layer.name] = layer
        if layer.scales and layer.workers == 1:
            found.update({each.name: each for each in map(layer.several, counts)})
    return [*found.values()]


def lowest_first(layers: list[Layer], ground: dict[str, str | None]) -> list[Layer]:
    """The same layers, each after the one that it stands on, and otherwise in their order."""
    left, done = [*layers], []
    while left:
        names = {each.name for each in left}
        done.append(next(each for each in left if ground[each.name] not in names))
        left.remove(done[-1])
    return done


def read_catalogue(path: Path = ROOT / "layers.toml") -> Catalogue:
    """Read and check layers.toml; raises BadInput that names the file, the entry and what was expected."""
    tables = read_toml(path)
    asgi = convert(tables.pop("asgi", {}), Asgi, f"{path.name}: [asgi]").command
    layers: dict[str, Layer] = {}
    ladders: dict[str, Ladder] = {}
    for kind, entries in tables.items():
        if kind not in ("layers", "ladders") or not isinstance(entries, dict):
            raise BadInput(f"{path.name}: unknown table [{kind}]: expected [asgi], [layers.NAME] or [ladders.NAME]")
        for name, entry in entries.items():
            where = f"{path.name}: [{kind}.{name}]"
            if not isinstance(entry, dict):
                raise BadInput(f"{where} must be a table, not {entry!r}")
            if kind == "layers":
                layers[name] = _layer(name, entry, asgi, where)
            else:
                ladders[name] = convert({**entry, "name": name}, Ladder, where)
    on: dict[str, str | None] = {name: layer.on for name, layer in layers.items()}
    for name in layers:
        _check_ground(name, on, path.name)
    for ladder in ladders.values():
        if unknown := [
            name for name in (*ladder.layers, *ladder.on, *ladder.on.values(), *ladder.why) if name not in layers
        ]:
            raise BadInput(f"{path.name}: [ladders.{ladder.name}] names {unknown[0]!r}, which is no layer")
        here = {**on, **ladder.on}
        for place, name in enumerate(ladder.layers):
            _check_ground(name, here, f"{path.name}: [ladders.{ladder.name}]")
            if here[name] in ladder.layers[place + 1 :]:
                raise BadInput(f"{path.name}: [ladders.{ladder.name}] has {name!r} below the layer that it stands on")
    if "default" not in ladders:
        raise BadInput(f"{path.name}: no [ladders.default]: it is what `make bench` measures")
    return Catalogue(layers, ladders, asgi)


def _layer(name: str, entry: dict[str, Any], asgi: str, where: str) -> Layer:
    layer = convert({**entry, "name": name}, Layer, where)
    if bool(layer.app) == bool(layer.command):
        raise BadInput(f"{where} needs either `app` or `command`")
    if layer.app:
        layer = msgspec.structs.replace(layer, command=f"{asgi} {layer.options}")
    if layer.group and layer.build:
        raise BadInput(f"{where} has both `group` and `build`: expected one of them")
    if layer.options and not layer.app:
        raise BadInput(f"{where}: `options` are for an `app`: put them into `command`")
    try:
        argv = layer.argv("127.0.0.1", 0)
    except BAD_TEMPLATE as error:
        known = "{python}, {host}, {port}, {app} and {workers} are known"
        raise BadInput(f"{where}: bad command ({error}): {known}") from None
    if not argv or (layer.app and not asgi):
        raise BadInput(f"{where}: an empty command" + (": [asgi] has none" if layer.app else ""))
    return layer


def _check_ground(name: str, on: dict[str, str | None], file: str) -> None:
    """Follow `on` to the bottom: it must name layers, and end."""
    seen = [name]
    while (below := on[seen[-1]]) is not None:
        if below not in on:
            raise BadInput(f"{file}: [layers.{seen[-1]}] stands on {below!r}, which is none of {', '.join(on)}")
        seen.append(below)
        if seen.count(below) > 1:
            raise BadInput(f"{file}: `on` goes in a circle: {' -> '.join(seen)}")


def convert[T](value: Any, kind: type[T], where: str) -> T:
    """Make a struct of what a file said; raises BadInput that says where and what was expected."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where}: {error}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises BadInput that names it."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name} is not TOML: {error}") from None
