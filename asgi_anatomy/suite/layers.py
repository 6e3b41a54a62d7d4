"""layers.toml -> what can be served, and what stands on what: layers, ladders, and how to select from them.

Reading fills in what layers inherit, and checks everything; every error is one line.
"""

import re
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from asgi_anatomy.errors import BadInput, near

MOST = 2**20  # bytes: the largest file that is read


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises BadInput that names it."""
    try:
        if path.exists() and not path.is_file():
            raise BadInput(f"cannot read {path}: it is not a regular file")
        if (size := path.stat().st_size) > MOST:
            raise BadInput(f"{path.name} has {size:,} bytes: expected {MOST:,} at most")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except RecursionError:
        raise BadInput(f"{path.name} is nested too deep") from None
    except ValueError as error:  # also for a number with more digits than Python reads
        raise BadInput(f"{path.name} is not TOML: {short(str(error), 200)}") from None


def convert[T](value: Any, kind: type[T], where: str) -> T:
    """Convert values from a file to a struct; raises BadInput that says where and what was expected."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where}: {short(str(error), 200)}") from None


def short(text: str, most: int = 80) -> str:
    """A text for use in a one-line error: cut to length, with control characters escaped."""
    text = text if len(text) <= most else f"{text[: most - 3]}..."
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


ROOT = Path(__file__).parents[2]
"""The folder of servers/, share.py and layers.toml: that of the clone, or a folder in the cache (packages/home.py)."""
IS_CLONE = (ROOT / "Makefile").is_file()
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
    program: str = ""
    seconds: int = 0


def group_environment(name: str, main: Path = PYTHON) -> Path:
    """The environment that adds a group's packages to that of a Python, whether it is there yet or not."""
    return ROOT / ".venvs" / f"{main.parents[1].name}-{name}"


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """One server that can be run, with everything it inherits. The keys are explained at the top of layers.toml.

    `served` is the path of the Python of another main environment than the harness's, if that is to serve it. An `own`
    layer is one that the user describes: `env` is the path of its Python, if it has an environment of its own,
    `requirements` of a file with the packages that it needs elsewhere; `environment` has its variables, `folder` is
    where its app is, or where its command runs; `workload` says which file its request is in (`FILE#NAME`, or `FILE#`),
    if it is not asked what the others are; `cgroup` is the control group of its processes, if others than its
    descendants do the work. `start_timeout` is how many seconds it has for its first answers.
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
    served: str = ""
    own: bool = False
    env: str = ""
    environment: dict[str, str] = {}
    folder: str = ""
    requirements: str = ""
    workload: str = ""
    cgroup: str = ""
    start_timeout: float = 20.0

    @property
    def main(self) -> Path:
        """The Python of the main environment that it is served from."""
        return Path(self.served) if self.served else PYTHON

    @property
    def python(self) -> str:
        """The path of the Python that serves it."""
        if self.env or not self.group:
            return self.env or str(self.main)
        return str(group_environment(self.group, self.main) / "bin" / "python")

    @property
    def runs_in(self) -> str:
        """The folder that its command runs in, if not the project's."""
        return "" if self.app else self.folder

    @property
    def scales(self) -> bool:
        """Whether its command takes a process count."""
        return "{workers}" in self.command

    @property
    def base(self) -> str:
        """The name of its entry in layers.toml."""
        return self.name.removesuffix(f"-x{self.workers}")

    def several(self, workers: int) -> "Layer":
        """A copy of the layer with this many processes; raises BadInput if that is not possible."""
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
    """Explanations of the cost of layers, by name: templates that asgi_anatomy/pages/readme.py fills in."""
    question: str = ""
    answer: str = ""
    """A template that asgi_anatomy/pages/answer.py fills in."""


class Catalogue(msgspec.Struct, frozen=True):
    """All of layers.toml: layers and ladders by name."""

    layers: dict[str, Layer]
    ladders: dict[str, Ladder]
    asgi: str = ""
    """The command of [asgi]."""
    added: tuple[str, ...] = ()
    """The layers of APP= and SERVE=, which are in every selection."""
    default: str = "default"
    """The ladder that is measured unless another is named."""
    file: Path | None = None
    """The LAYERS_FILE."""

    def ladder(self, name: str) -> Ladder:
        """A ladder by its name; `default` is that of a LAYERS_FILE, if there is one. Raises BadInput."""
        name = self.default if name == "default" else name
        if name not in self.ladders:
            raise BadInput(
                f"unknown ladder {name!r}{near(name, self.ladders)}: layers.toml has {', '.join(self.ladders)}"
            )
        return self.ladders[name]

    def choose(self, names: str | None, ladder: str) -> list[Layer]:
        """The layers of a ladder, or those named (separated by commas or spaces), in the ladder's order.

        Raises BadInput for an unknown name, or if nothing is named.
        """
        of_ladder = self.ladder(ladder).layers
        if not names:
            return [self.layers[name] for name in of_ladder]
        order = [*dict.fromkeys([*of_ladder, *self.layers])]
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
            raise BadInput(f"unknown layer {name!r}{near(name, self.layers)}: `make ladders` lists them all")
        return self.layers[name]

    def ground(self, layers: list[Layer], ladder: str = "default") -> dict[str, str | None]:
        """What each layer stands on: the nearest layer below it in the list, or None."""
        usual = {layer.name: layer.on for layer in (*self.layers.values(), *layers)}
        on = {**usual, **self.ladder(ladder).on}
        names = [layer.name for layer in layers]
        ground = {}
        for name in names:
            below = on[name]
            while below and below not in names:
                below = on[below]
            ground[name] = below
        return ground


def multiply(layers: list[Layer], counts: list[int]) -> list[Layer]:
    """These layers, plus a copy with each process count of those that can have several."""
    copies = [
        copy
        for layer in layers
        for copy in (layer, *(map(layer.several, counts) if layer.scales and layer.workers == 1 else ()))
    ]
    return [*{copy.name: copy for copy in copies}.values()]


def lowest_first(layers: list[Layer], ground: dict[str, str | None]) -> list[Layer]:
    """Layers in their order, except that each comes after the one it stands on."""
    left, ordered = {layer.name: layer for layer in layers}, []
    while left:
        name = next(name for name in left if ground[name] not in left)
        ordered.append(left.pop(name))
    return ordered


TABLES = "[asgi], [layers.NAME], [ladders.NAME] or [builds.NAME]"
OF_OWN = {
    "start-timeout",
    "name",
    "served",
    "own",
    "env",
    "environment",
    "folder",
    "requirements",
    "workload",
    "cgroup",
}
"""The fields of a Layer that layers.toml does not have."""
ITS_OWN = ("on", "adds", "like")
"""The keys that a layer never inherits through `like`."""
REPLACES = {"command": "options", "group": "build", "build": "group"}
"""A layer that has the key itself does not inherit the value's key."""
APP_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
"""An app as `package.module:name`."""


class Asgi(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How every ASGI app is served."""

    command: str = ""
    versions: tuple[str, ...] = ()


def read_catalogue(path: Path = ROOT / "layers.toml") -> Catalogue:
    """Read and check layers.toml; raises BadInput that names the file, the entry and what was expected."""
    tables, file = read_toml(path), path.name
    asgi = convert(tables.pop("asgi", {}), Asgi, f"{file}: [asgi]")
    for kind, table in tables.items():
        _check_names(kind, table, file)
    builds = {name: _build(entry, f"{file}: [builds.{name}]") for name, entry in tables.get("builds", {}).items()}
    ladders = {name: _ladder(name, entry, file) for name, entry in tables.get("ladders", {}).items()}
    entries = {name: _own(name, entry, builds, file) for name, entry in tables.get("layers", {}).items()}
    layers = {name: _layer(name, _inherited(name, entries, file), asgi, file) for name in entries}
    on: dict[str, str | None] = {name: layer.on for name, layer in layers.items()}
    for name in layers:
        _check_ground(name, on, file)
    for ladder in ladders.values():
        _check_ladder(ladder, on, file)
    if "default" not in ladders:
        raise BadInput(f"{file} has no [ladders.default], which is what `make bench` measures")
    return Catalogue(layers, ladders, asgi.command)


def extended(
    catalogue: Catalogue,
    layers: Sequence[Layer],
    added: Sequence[str] = (),
    ladders: Mapping[str, dict[str, Any]] | None = None,
    path: Path | None = None,
) -> Catalogue:
    """A catalogue with further layers, and with the ladders of a LAYERS_FILE; raises BadInput.

    A file without ladders gets one, named after it: its layers, and those of the suite that they stand on.
    """
    file = path.name if path else "APP"
    every = {**catalogue.layers, **{layer.name: layer for layer in layers}}
    on: dict[str, str | None] = {name: layer.on for name, layer in every.items()}
    for layer in layers:
        _check_ground(layer.name, on, file)
    if path is None:
        return msgspec.structs.replace(catalogue, layers=every, added=(*added,))
    _check_names("ladders", ladders or {}, file)
    named = {name: _ladder(name, entry, file) for name, entry in (ladders or {}).items()}
    if not named:
        named_below = {layer.on for layer in layers}
        below = [name for name in catalogue.layers if name in named_below]
        ordered = lowest_first([every[name] for name in (*below, *(layer.name for layer in layers))], on)
        name = re.sub("[^A-Za-z0-9._:+-]", "-", path.stem if path.stem != "layers" else path.parent.name)
        name = name if is_name(name) and name not in catalogue.ladders else "own"
        named[name] = Ladder(name, f"the layers of {file}", [layer.name for layer in ordered])
    if taken := catalogue.ladders.keys() & named.keys():
        raise BadInput(f"{file}: [ladders.{min(taken)}] has the name of a ladder of the suite: choose another")
    for ladder in named.values():
        _check_ladder(ladder, on, file)
    return msgspec.structs.replace(
        catalogue, layers=every, ladders={**catalogue.ladders, **named}, default=next(iter(named)), file=path
    )


def _check_names(kind: str, table: Any, file: str) -> None:
    """Every layer, ladder and build must be a table with a valid name."""
    if kind not in ("layers", "ladders", "builds") or not isinstance(table, dict):
        raise BadInput(f"{file}: unknown table [{short(kind)}]: expected {TABLES}")
    for name, entry in table.items():
        if not is_name(name):
            raise BadInput(f"{file}: [{kind}] has the name {short(repr(name))}: {NAME_RULE}")
        if not isinstance(entry, dict):
            raise BadInput(f"{file}: [{kind}.{name}] must be a table, not {short(repr(entry))}")


def _build(entry: dict[str, Any], where: str) -> Build:
    build = convert(entry, Build, where)
    for command in (build.command, *build.needs):
        try:
            argv = shlex.split(command)
        except ValueError as error:
            raise BadInput(f"{where}: {short(repr(command))} is not a valid command: {error}") from None
        if not argv:
            raise BadInput(f"{where}: empty command")
    return build


def _own(name: str, entry: dict[str, Any], builds: dict[str, Build], file: str) -> dict[str, Any]:
    """What a layer's own entry says, type-checked, with the name of its build replaced by the build."""
    where = f"{file}: [layers.{name}]"
    if hidden := OF_OWN & {*entry}:
        raise BadInput(f"{where}: unknown key `{hidden.pop()}`")
    if re.search(r"-x[0-9]+$", name):
        raise BadInput(f"{where}: a name must not end in -x and a number, which stands for a number of processes")
    known = {key: value for key, value in entry.items() if key not in ("like", "build")}
    layer = convert({**known, "name": name}, Layer, where)
    if "like" in entry and not isinstance(entry["like"], str):
        raise BadInput(f"{where}: `like` must be the name of a layer, not {short(repr(entry['like']))}")
    if "like" in entry and not layer.on:
        raise BadInput(f"{where} has `like` but no `on`, which is not inherited: say what it stands on")
    if layer.group and not (is_name(layer.group) and (ROOT / "groups" / f"{layer.group}.lock").is_file()):
        there = ", ".join(sorted(each.stem for each in (ROOT / "groups").glob("*.lock")))
        raise BadInput(f"{where}: no group {short(repr(layer.group))}: groups/ has {there}")
    if layer.contract and not (is_name(layer.contract) and (ROOT / f"contract-{layer.contract}.toml").is_file()):
        raise BadInput(f"{where}: no contract {short(repr(layer.contract))}: expected contract-NAME.toml to be there")
    if layer.app and not APP_NAME.fullmatch(layer.app):
        raise BadInput(f"{where}: `app` must have the form package.module:app, not {short(repr(layer.app))}")
    if "build" not in entry:
        return entry
    if not isinstance(entry["build"], str) or entry["build"] not in builds:
        there = short(", ".join(f"[builds.{each}]" for each in builds), 200) or "no [builds.NAME]"
        raise BadInput(f"{where}: no build {short(repr(entry['build']))}: the file has {there}")
    return {**entry, "build": builds[entry["build"]]}


def _inherited(name: str, entries: dict[str, dict[str, Any]], file: str) -> dict[str, Any]:
    """A layer's complete entry: its own keys, and those it inherits from the layer it is `like`."""
    chain = [name]
    while (like := entries[chain[-1]].get("like")) is not None:
        if like not in entries:
            raise BadInput(f"{file}: [layers.{chain[-1]}] is `like` {short(repr(like))}, which is not a layer")
        chain.append(like)
        if like in chain[:-1]:
            raise BadInput(f"{file}: [layers.{name}]: `like` goes in a circle: {short(' -> '.join(chain), 200)}")
    whole: dict[str, Any] = {}
    for own in (entries[each] for each in reversed(chain)):
        dropped = {*ITS_OWN, *(other for key, other in REPLACES.items() if key in own)}
        if "{app}" not in own.get("command", "{app}"):
            dropped.add("app")
        kept = {key: value for key, value in whole.items() if key not in dropped}
        another = own.get("contract", whole.get("contract")) != whole.get("contract")  # with other cases
        differs = {} if another else whole.get("differs", {})
        whole = {**kept, **own, "differs": {**differs, **own.get("differs", {})}}
    whole.pop("like", None)
    return whole


def _layer(name: str, entry: dict[str, Any], asgi: Asgi, file: str) -> Layer:
    where = f"{file}: [layers.{name}]"
    layer = convert({**entry, "name": name}, Layer, where)
    if not layer.app and not layer.command:
        raise BadInput(f"{where} needs either `app` or `command`")
    if layer.group and layer.build:
        raise BadInput(f"{where} has both `group` and `build`: expected only one of them")
    if not layer.command:
        versions = (*asgi.versions, *(each for each in layer.versions if each not in asgi.versions))
        layer = msgspec.structs.replace(layer, command=asgi.command, versions=versions)
    elif bool(layer.app) != ("{app}" in layer.command):
        lacks = "no `app` for the {app} in its" if not layer.app else "an `app`, but no {app} in its"
        raise BadInput(f"{where} has {lacks} `command`")
    if layer.options:
        layer = msgspec.structs.replace(layer, command=f"{layer.command} {layer.options}")
    try:
        argv = layer.argv("127.0.0.1", 0)
    except BAD_TEMPLATE as error:
        known = "expected only {python}, {host}, {port}, {app} and {workers} in braces"
        raise BadInput(f"{where}: bad command ({short(str(error))}): {known}") from None
    if not argv or not layer.command.strip():
        raise BadInput(f"{where}: empty command" + (": [asgi] has none" if layer.app else ""))
    return layer


def _ladder(name: str, entry: dict[str, Any], file: str) -> Ladder:
    where = f"{file}: [ladders.{name}]"
    if "name" in entry:
        raise BadInput(f"{where}: unknown key `name`")
    ladder = convert({**entry, "name": name}, Ladder, where)
    if twice := [each for place, each in enumerate(ladder.layers) if each in ladder.layers[:place]]:
        raise BadInput(f"{where} lists {short(repr(twice[0]))} twice: expected each layer once")
    return ladder


def _check_ladder(ladder: Ladder, on: dict[str, str | None], file: str) -> None:
    """A ladder must name existing layers, and list each after the layer it stands on."""
    where = f"{file}: [ladders.{ladder.name}]"
    named = (*ladder.layers, *ladder.on, *ladder.on.values(), *ladder.why)
    if unknown := [name for name in named if name not in on]:
        raise BadInput(f"{where} names {short(repr(unknown[0]))}, which is not a layer")
    here = {**on, **ladder.on}
    for place, name in enumerate(ladder.layers):
        _check_ground(name, here, where)
        if here[name] in ladder.layers[place + 1 :]:
            raise BadInput(f"{where} lists {name!r} before the layer it stands on: expected lowest first")


def _check_ground(name: str, on: dict[str, str | None], file: str) -> None:
    """Follow `on` to the bottom: it must name existing layers, and end."""
    seen = [name]
    while (below := on[seen[-1]]) is not None:
        if below not in on:
            there = short(", ".join(on), 200)
            raise BadInput(f"{file}: [layers.{seen[-1]}] stands on {short(repr(below))}, expected one of {there}")
        seen.append(below)
        if below in seen[:-1]:
            raise BadInput(f"{file}: `on` goes in a circle: {short(' -> '.join(seen), 200)}")
