"""layers.toml -> Catalogue: reads it, fills in what layers inherit, and checks everything. Every error is one line."""

import re
import shlex
from pathlib import Path
from typing import Any

import msgspec

from bench.data.errors import BadInput
from bench.data.layers import BAD_TEMPLATE, NAME_RULE, ROOT, Build, Catalogue, Ladder, Layer, is_name
from bench.data.toml import convert, read_toml, short

TABLES = "[asgi], [layers.NAME], [ladders.NAME] or [builds.NAME]"
ITS_OWN = ("on", "adds", "like")
"""The keys that a layer never inherits through `like`."""
REPLACES = {"command": "options", "group": "build", "build": "group"}
"""A layer that has the key itself does not inherit the value's key."""
APP_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
"""An app as `package.module:name`."""

Entries = dict[str, dict[str, Any]]


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
    if hidden := {"name", "env", "served"} & {*entry}:
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


def _inherited(name: str, entries: Entries, file: str) -> dict[str, Any]:
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
