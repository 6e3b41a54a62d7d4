"""APP=, SERVE= and the related variables -> a custom server: a layer that is not in layers.toml, with its contract."""

import os
import re
import shlex
import shutil
from itertools import takewhile
from pathlib import Path

import msgspec

from asgi_anatomy.errors import BadInput
from asgi_anatomy.suite.contract import Contract, Workload
from asgi_anatomy.suite.layers import APP_NAME, BAD_TEMPLATE, LONGEST, NAME_RULE, ROOT, Catalogue, Layer, is_name, short
from asgi_anatomy.suite.workloads import USER, read_own

OWN_ENVIRONMENT = """{python} -m uvicorn {app} --host {host} --port {port} --workers {workers} \
    --no-access-log --no-date-header --no-server-header --log-level warning"""
"""How an app is served in its own environment: by the uvicorn there, with whichever parser and loop it finds."""
RUNNER = re.compile(r"(?:env|python|pypy|uv|run|node|deno|bun|ruby|php|perl|java|lua|sh|bash)[\d.]*")
"""What a command may begin with before it comes to what it serves."""


class Custom(msgspec.Struct, frozen=True):
    """A layer that is not in layers.toml, and its contract."""

    layer: Layer
    contract: Contract

    def others(self, contract: Contract) -> Contract:
        """The contract of the layers beside it: if it has its own request, they get theirs, driven the same way."""
        if not self.contract.file:
            return contract
        return msgspec.structs.replace(contract, workload=msgspec.structs.replace(self.contract.workload, asked=()))


def read_custom(
    catalogue: Catalogue, contract: Contract, *, app: str, serve: str, env: str, on: str, request: str, name: str
) -> Custom | None:
    """The custom server, or None; raises BadInput."""
    if not app and not serve:
        if extra := [key for key, value in (("ENV", env), ("ON", on), ("REQUEST", request), ("NAME", name)) if value]:
            raise BadInput(
                f"{extra[0]} is for a server of your own: set APP=package.module:app or SERVE=command as well"
            )
        return None
    if app and serve:
        raise BadInput("APP and SERVE both name a server of your own: set only one of them")
    python = _python(env) if env else ""
    if app:
        folder, _, target = app.rpartition("/")
        path = Path(folder).expanduser().resolve()
        if not path.is_dir() or target.partition(":")[0].endswith(".py"):
            raise BadInput(
                f"APP must be package.module:app in a folder that exists, without .py, not {short(repr(app))}"
            )
        if not APP_NAME.fullmatch(target):
            expected = "an ASGI app as package.module:app, with or without its folder in front"
            raise BadInput(f"APP must be {expected}, not {short(repr(app))}")
        options = f" --app-dir {_literal(path)}" if path != ROOT else ""
        command = f"{OWN_ENVIRONMENT if env else catalogue.asgi} --interface asgi3 {options}"
        layer = Layer(name=name or _name_of(target), adds=f"APP={app}", app=target, command=command, env=python)
    else:
        if "{port}" not in serve:
            raise BadInput(
                f"SERVE must say where the port goes, as in 'server --port {{port}}', not {short(repr(serve))}"
            )
        if env and "{python}" not in serve:
            raise BadInput(f"ENV sets {{python}} in SERVE, but {short(repr(serve))} does not use it")
        serve = re.sub(r"(?<!\S)~(?=/)", lambda _: _literal(Path.home()), serve)
        if _argv(serve)[0] != "{python}" and not shutil.which(_argv(serve)[0], path=f"{os.environ['PATH']}:{ROOT}"):
            raise BadInput(
                f"SERVE starts with {short(repr(_argv(serve)[0]))}, which is not a program here: give its full path"
            )
        layer = Layer(name=name or _name_of(_program(_argv(serve))), adds=f"SERVE={serve}", command=serve, env=python)
    base, _, count = layer.name.rpartition("-x")
    if layer.name in catalogue.layers or (base in catalogue.layers and count.isdecimal()):
        raise BadInput(f"{layer.name!r} cannot be its name, another layer has it: try NAME=mine")
    if not is_name(layer.name):
        raise BadInput(f"{short(repr(layer.name))} cannot be its name: {NAME_RULE}: try NAME=mine")
    try:
        layer.argv("127.0.0.1", 0)
    except BAD_TEMPLATE as error:
        known = "expected only {port}, {host} and {python} in braces"
        raise BadInput(f"bad command {short(repr(layer.command), 200)} ({short(str(error))}): {known}") from None
    ground = catalogue.one(on).name if on else "uvicorn" if app else None
    if not request:
        layer = msgspec.structs.replace(layer, on=ground, answer="json")
        return Custom(layer, Contract(user=contract.user, cases={}, workload=_any_status(contract.workload)))
    if contract.workload.name != USER:
        raise BadInput("REQUEST is a workload of its own: set either WORKLOAD or REQUEST")
    own, exact = read_own(Path(request).expanduser(), contract)
    layer = msgspec.structs.replace(layer, on=ground, answer="bytes" if exact else "json")
    user = own.asked[0].request if own.asked else contract.user
    return Custom(layer, Contract(user=user, cases={}, file=Path(request).name, workload=own))


def _any_status(workload: Workload) -> Workload:
    """A workload for a server that need not answer the contract's cases as it says."""
    asked = tuple(msgspec.structs.replace(one, status=0) if one.case else one for one in workload.asked)
    return msgspec.structs.replace(workload, asked=asked)


def _name_of(what: str) -> str:
    """The default name of an app or a program in a table: its own, or the end of it."""
    name = re.sub("[^A-Za-z0-9._:+-]+", "-", what)
    while len(name) > LONGEST and "." in name.partition(":")[0]:  # package.module:app -> module:app
        name = name.partition(".")[2]
    return name[-LONGEST:].lstrip("._:+-") or "mine"


def _program(argv: list[str]) -> str:
    """What a command serves by: the program, or the script or module that an interpreter runs; not the text of one."""
    words = [*takewhile(lambda word: word not in ("-c", "-e"), argv)]
    found = [Path(word).name for word in words if not re.match("-|.*(=|{(?!python}))", word)]
    known = [name for name in found if name != "{python}"]
    return next((name for name in known if not RUNNER.fullmatch(name)), (*known, "mine")[0])


def _literal(path: Path) -> str:
    """A path as one word of a command template, with its braces escaped."""
    return shlex.quote(str(path)).replace("{", "{{").replace("}", "}}")


def _argv(serve: str) -> list[str]:
    try:
        return shlex.split(serve) or [""]
    except ValueError as error:
        raise BadInput(f"SERVE is not a valid command: {error} in {short(repr(serve))}") from None


def _python(env: str) -> str:
    """The path of the Python that ENV names, directly or by its virtual environment."""
    path = Path(env).expanduser()
    path = path / "bin" / "python" if path.is_dir() else path
    found = shutil.which(os.path.abspath(path) if "/" in str(path) else path)  # noqa: PTH100 (a link stays what it is)
    if not found:
        raise BadInput(f"no Python at ENV={env}: expected the path of one, or of a virtual environment")
    return found
