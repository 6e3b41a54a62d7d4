"""APP=, SERVE= and LAYERS_FILE= -> a catalogue with layers of the user's own, and the contract of each.

An own layer answers one request, or one workload: the User request, or what its file describes. It is never sent the
contract's bad input. APP= and SERVE= describe one or two such layers; a LAYERS_FILE has as many as wanted.
"""

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from asgi_anatomy.errors import BadInput, near
from asgi_anatomy.machine.counters import available
from asgi_anatomy.suite.contract import Contract, Workload
from asgi_anatomy.suite.layers import (
    APP_NAME,
    BAD_TEMPLATE,
    LONGEST,
    NAME_RULE,
    ROOT,
    Catalogue,
    Layer,
    convert,
    extended,
    is_name,
    read_toml,
    short,
)
from asgi_anatomy.suite.workloads import FILE, USER, in_order, own_workloads, read_entries, read_file

OWN_ENVIRONMENT = """{python} -m uvicorn {app} --host {host} --port {port} --workers {workers} \
    --no-access-log --no-date-header --no-server-header --log-level warning"""
"""How an app is served in its own environment: by the uvicorn there, with whichever parser and loop it finds."""
RUNNER = re.compile(r"(?:env|python|pypy|uv|run|node|deno|bun|ruby|php|perl|java|lua|sh|bash)[\d.]*")
"""What a command may begin with before it comes to what it serves."""
NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._:+-]*)=(.+)")
"""A word such as `old=~/a:app`."""


class Own(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """An own layer as [layers.NAME] of a LAYERS_FILE has it; paths are relative to that file."""

    app: str = ""
    command: str = ""
    options: str = ""
    """Appended to the command."""
    on: str = ""
    adds: str = ""
    env: str = ""
    """The Python, or the virtual environment, that runs it."""
    environment: dict[str, str] = {}
    """Environment variables of its server."""
    requirements: str = ""
    """A requirements file with the packages that it needs in `make versus` and `make history`."""
    workload: str = ""
    """A TOML file with its request, or the name of a workload."""
    waits: bool = False
    cgroup: str = ""
    """The control group of its processes, such as that of a container."""
    start_timeout: Annotated[float, Meta(ge=1, le=3600)] = 20.0
    """Seconds until its first answers."""


def with_own(
    catalogue: Catalogue,
    *,
    app: str = "",
    serve: str = "",
    env: str = "",
    on: str = "",
    request: str = "",
    name: str = "",
    requirements: str = "",
    cgroup: str = "",
    start_timeout: float | None = None,
    layers_file: str = "",
) -> Catalogue:
    """The catalogue with the layers that a user describes; raises BadInput."""
    catalogue = of_file(catalogue, layers_file)
    if not app and not serve:
        given = {"ENV": env, "ON": on, "REQUEST": request, "NAME": name, "REQUIREMENTS": requirements}
        given |= {"CGROUP": cgroup, "START_TIMEOUT": str(start_timeout or "")}
        if extra := [key for key, value in given.items() if value]:
            raise BadInput(
                f"{extra[0]} is for a server of your own: set APP=package.module:app or SERVE=command as well"
            )
        return catalogue
    if app and serve:
        raise BadInput("APP and SERVE both name a server of your own: set only one of them")
    layers = []
    for label, one, python in _described(app, serve, env, name):
        own = Own(
            app=one if app else "", command="" if app else one, env=python, on=on, workload=request,
            requirements=requirements, cgroup=cgroup, start_timeout=start_timeout or Own().start_timeout,
        )  # fmt: skip
        layers.append(_layer(own, label, catalogue, None))
    names = [layer.name for layer in layers]
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        raise BadInput(f"two layers are called {twice[0]!r}: name them, as in APP='old=~/a:app new=~/b:app'")
    return extended(catalogue, layers, names)


def _described(app: str, serve: str, env: str, name: str) -> list[tuple[str, str, str]]:
    """The name, the app or command, and the environment of each layer that APP, SERVE, ENV and NAME describe."""
    apps, environments = _named(app), _named(env)
    if name and (len(apps) > 1 or len(environments) > 1):
        raise BadInput("NAME is for one server: name several as in APP='old=~/a:app new=~/b:app'")
    if len(environments) > 1 and len(apps) < 2:
        one = apps[0][1] if apps else serve
        return [(label, one, python) for label, python in environments]
    by_name = dict(environments)
    if unknown := by_name.keys() - {"", *(label for label, _ in apps)}:
        raise BadInput(f"ENV names {min(unknown)!r}, which APP does not: name both, or leave the name out")
    whole = by_name.get("", "")
    if serve:
        return [(name, serve, whole)]
    return [(name or label, one, by_name.get(label, whole)) for label, one in apps]


def _named(text: str) -> list[tuple[str, str]]:
    """`old=~/a:app new=~/b:app` as names and values; a text that names nothing is one value, spaces and all."""
    words = text.split()
    matches = [match for word in words if (match := NAMED.fullmatch(word))]
    if not matches or len(matches) < len(words):
        return [("", text.strip())] if text.strip() else []
    return [(match[1], match[2]) for match in matches]


def of_file(catalogue: Catalogue, layers_file: str) -> Catalogue:
    """The catalogue with the layers and ladders of a LAYERS_FILE, or of the layers.toml in a folder; raises BadInput.

    If none is named, it stays as it is.
    """
    if not layers_file:
        return catalogue
    path = Path(layers_file).expanduser().absolute()
    path = path / "layers.toml" if path.is_dir() else path
    if path.resolve() == ROOT / "layers.toml":
        raise BadInput("LAYERS_FILE names this suite's own layers.toml: expected a file with layers of your own")
    tables = read_toml(path)
    if unknown := tables.keys() - {"layers", "ladders"}:
        raise BadInput(f"{path.name}: unknown table [{short(min(unknown))}]: expected [layers.NAME] or [ladders.NAME]")
    described = convert(tables.get("layers", {}), dict[str, dict[str, object]], f"{path}: layers")
    entries = {name: convert(entry, Own, f"{path}: [layers.{name}]") for name, entry in described.items()}
    if not entries:
        raise BadInput(f"{path.name} has no [layers.NAME]: `make init` writes a file with two, to begin with")
    names = {**catalogue.layers, **dict.fromkeys(entries)}
    layers = []
    for name, own in entries.items():
        where = f"{path.name}: [layers.{name}]"
        if own.on and own.on not in names:
            raise BadInput(f"{where} stands on {short(repr(own.on))}: expected a layer of this file or of the suite")
        layers.append(_layer(own, name, catalogue, path))
    return extended(
        catalogue, layers, [], convert(tables.get("ladders", {}), dict[str, dict[str, object]], path.name), path
    )


def _layer(own: Own, name: str, catalogue: Catalogue, file: Path | None) -> Layer:
    """One own layer; `file` is where it is described, None for APP= and SERVE=. Raises BadInput."""
    where = f"{file.name}: [layers.{name}]: " if file else ""
    keys = ("`app`", "`command`", "`env`") if file else ("APP", "SERVE", "ENV")
    app_key, command_key, env_key = (f"{where}{key}" for key in keys)
    folder = file.parent if file else Path.cwd()
    if bool(own.app) == bool(own.command):
        raise BadInput(f"{where}expected either `app` or `command`")
    python = _python(own.env, folder, env_key) if own.env else ""
    if own.app:
        path, target = _app(own.app, folder, app_key)
        option = f" --app-dir {_literal(path)}" if path != ROOT else ""
        command = f"{OWN_ENVIRONMENT if own.env else catalogue.asgi} --interface asgi3{option}"
        name, adds = name or _name_of(target), f"APP={own.app}"
    else:
        path, target = folder, ""
        command = _command(own.command, bool(own.env), folder if file else ROOT, command_key, env_key)
        name, adds = name or _name_of(_program(_argv(command, command_key))), f"SERVE={own.command}"
    base, _, count = name.rpartition("-x")
    another = "choose another" if file else "try NAME=mine"
    if name in catalogue.layers or (count.isdecimal() and (file or base in catalogue.layers)):
        why = "another layer has it" if name in catalogue.layers or not file else "-x and a number is for processes"
        raise BadInput(f"{where}{name!r} cannot be its name, {why}: {another}")
    if not is_name(name):
        raise BadInput(f"{where}{short(repr(name))} cannot be its name: {NAME_RULE}: {another}")
    layer = Layer(
        name=name,
        adds=own.adds or (f"of {file.name}" if file else adds),
        on=own.on or ("uvicorn" if own.app else None),
        app=target or None,
        command=f"{command} {own.options}".strip(),
        env=python,
        answer="json",
        own=True,
        waits=own.waits,
        environment=own.environment,
        folder=str(path) if own.app else str(file.parent) if file else "",
        requirements=_file(own.requirements, folder, f"{where}requirements") if own.requirements else "",
        workload=_workload_of(own.workload, folder),
        cgroup=_cgroup(own.cgroup, f"{where}{'`cgroup`' if file else 'CGROUP'}") if own.cgroup else "",
        start_timeout=own.start_timeout,
    )
    try:
        layer.argv("127.0.0.1", 0)
    except BAD_TEMPLATE as error:
        known = "expected only {port}, {host} and {python} in braces"
        raise BadInput(f"{where}bad command {short(repr(layer.command), 200)} ({short(str(error))}): {known}") from None
    if not file and own.on:
        catalogue.one(own.on)
    return layer


def _app(app: str, folder: Path, key: str) -> tuple[Path, str]:
    """The folder of an app, and the app as package.module:app."""
    head, _, target = app.rpartition("/")
    path = (folder / Path(head).expanduser()).resolve()
    if not path.is_dir() or target.partition(":")[0].endswith(".py"):
        raise BadInput(f"{key} must be package.module:app in a folder that exists, without .py, not {short(repr(app))}")
    if not APP_NAME.fullmatch(target):
        expected = "an ASGI app as package.module:app, with or without its folder in front"
        raise BadInput(f"{key} must be {expected}, not {short(repr(app))}")
    return path, target


def _command(command: str, has_env: bool, folder: Path, key: str, env_key: str) -> str:
    """The command of a server, with the home folder filled in."""
    if "{port}" not in command:
        raise BadInput(
            f"{key} must say where the port goes, as in 'server --port {{port}}', not {short(repr(command))}"
        )
    if has_env and "{python}" not in command:
        raise BadInput(f"{env_key} sets {{python}} in {key}, but {short(repr(command))} does not use it")
    command = re.sub(r"(?<!\S)~(?=/)", lambda _: _literal(Path.home()), command)
    program = _argv(command, key)[0]
    if program != "{python}" and not shutil.which(folder / program if "/" in program else program):
        raise BadInput(f"{key} starts with {short(repr(program))}, which is not a program here: give its full path")
    return command


def _cgroup(name: str, key: str) -> str:
    """The folder of a control group, whether it is there yet or not."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()] if available else []
    root = next((Path(words[1]) for words in mounts if words[2] == "cgroup2"), None)
    if not root:
        raise BadInput(f"{key} needs Linux with cgroup v2: there is none mounted here")
    path = root / name.removeprefix(str(root)).lstrip("/")
    if path == root or ".." in path.parts:
        raise BadInput(f"{key} must be a group below {root}, such as {key}=anatomy, not {short(repr(name))}")
    return str(path)


def _file(name: str, folder: Path, key: str) -> str:
    path = (folder / Path(name).expanduser()).absolute()
    if not path.is_file():
        raise BadInput(f"{key}: there is no file {path}")
    return str(path)


def _workload_of(named: str, folder: Path) -> str:
    """Where a workload is: `FILE#NAME`, or `FILE#` for all of a file; empty if it is asked what the others are."""
    if not named:
        return ""
    if named.endswith(".toml"):
        return f"{(folder / Path(named).expanduser()).absolute()}#"
    beside = own_workloads(folder / "layers.toml")
    own = [*read_entries("", beside)] if beside else []
    if own and named not in own and not in_order([named]):
        raise BadInput(f"unknown workload {short(repr(named))}{near(named, own)}: {beside} has {', '.join(own)}")
    return f"{beside if named in own else FILE}#{named}"


def contract_of_own(layer: Layer, contract: Contract) -> tuple[Layer, Contract]:
    """An own layer, with how its answer is compared, and its contract, beside layers of another; raises BadInput."""
    if not layer.workload:
        return layer, Contract(user=contract.user, cases={}, workload=_any_status(contract.workload))
    if contract.workload.name != USER:
        raise BadInput(
            f"{layer.name} has a workload of its own, the other layers {contract.workload.name}: expected one"
        )
    file, _, name = layer.workload.rpartition("#")
    workload, exact = read_file(Path(file), name, contract)
    user = workload.asked[0].request if workload.asked else contract.user
    label = f"{Path(file).name} {name}".strip()
    own = Contract(user=user, cases={}, file=label, workload=workload)
    return replace(layer, answer="bytes" if exact else "json"), own


def its_contract(layer: Layer, contract: Contract) -> Contract:
    """The contract of a layer, where that of the suite's layers is this; raises BadInput."""
    return contract_of_own(layer, contract)[1] if layer.own else contract


def contract_beside(contract: Contract, own: Sequence[Contract]) -> Contract:
    """The contract of the suite's layers beside own ones: their own request, driven as that of an own layer is."""
    driven = [one.workload for one in own if one.file]
    if not driven:
        return contract
    names = {one.name for one in driven}
    first = replace(driven[0], asked=(), name=names.pop() if len(names) == 1 else contract.workload.name)
    ways = {(one.pipelining, one.requests_per_connection, one.connections) for one in driven}
    if len(ways) > 1:
        raise BadInput(
            "the workloads of these layers differ in pipelining or connections: expected the same, as one table drives"
            " all its layers alike"
        )
    return replace(contract, workload=first)


def _any_status(workload: Workload) -> Workload:
    """A workload for a server that need not answer the contract's cases as it says."""
    asked = tuple(replace(one, status=0) if one.case else one for one in workload.asked)
    return replace(workload, asked=asked)


def _name_of(what: str) -> str:
    """The default name of an app or a program in a table: its own, or the end of it."""
    name = re.sub("[^A-Za-z0-9._:+-]+", "-", what)
    while len(name) > LONGEST and "." in name.partition(":")[0]:  # package.module:app -> module:app
        name = name.partition(".")[2]
    return name[-LONGEST:].lstrip("._:+-") or "mine"


def _program(argv: list[str]) -> str:
    """What a command serves by: the program, or the script or module that an interpreter runs; not the text of one."""
    words = [*takewhile(lambda word: word not in ("-c", "-e"), argv)]
    programs = [Path(word).name for word in words if not re.match("-|.*(=|{(?!python}))", word)]
    known = [name for name in programs if name != "{python}"]
    return next((name for name in known if not RUNNER.fullmatch(name)), (*known, "mine")[0])


def _literal(path: Path) -> str:
    """A path as one word of a command template, with its braces escaped."""
    return shlex.quote(str(path)).replace("{", "{{").replace("}", "}}")


def _argv(command: str, key: str) -> list[str]:
    try:
        return shlex.split(command) or [""]
    except ValueError as error:
        raise BadInput(f"{key} is not a valid command: {error} in {short(repr(command))}") from None


def _python(env: str, folder: Path, key: str) -> str:
    """The path of the Python that `env` names, directly or by its virtual environment."""
    path = Path(env).expanduser()
    path = path if path.is_absolute() or ("/" not in env and not (folder / path).is_dir()) else folder / path
    path = path / "bin" / "python" if path.is_dir() else path
    program = shutil.which(os.path.abspath(path) if "/" in str(path) else path)  # noqa: PTH100 (a link stays what it is)
    if not program:
        raise BadInput(f"no Python at {key}={env}: expected the path of one, or of a virtual environment")
    return program
