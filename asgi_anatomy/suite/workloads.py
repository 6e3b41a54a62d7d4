"""workloads.toml, or the file of REQUEST= -> a Workload: requests, their answers, and how they are sent."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from asgi_anatomy.errors import BadInput
from asgi_anatomy.suite.contract import Asked, Contract, Request, Workload
from asgi_anatomy.suite.layers import NAME_RULE, ROOT, convert, is_name, read_toml, short

FILE = ROOT / "workloads.toml"
USER = "user"
"""The workload that is nothing but the User request."""
MOST = 64 * 1024  # bytes of a body that is written out, or of headers
LARGEST = 64 * 2**20  # bytes of a body that is given by its size
FILL = "*"
ANSWERS = ("answer", "contains", "matches", "sha256")
"""The keys that say what an answer is, of which a request has one at most."""


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as a file has it. Whatever it omits is as in the User request."""

    method: str | None = None
    path: str | None = None
    headers: list[tuple[str, str]] | None = None
    body: str | None = None
    size: Annotated[int, Meta(ge=1, le=LARGEST)] | None = None
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    answer: str | None = None
    contains: str | None = None
    matches: str | None = None
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    case: str | None = None
    share: Annotated[int, Meta(ge=1, le=1000)] = 1


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The other keys of a workload."""

    about: str = ""
    contract: str = ""
    published: Annotated[float, Meta(gt=-100, lt=100)] | None = None
    pipelining: Annotated[int, Meta(ge=1, le=256)] = 1
    requests_per_connection: Annotated[int, Meta(ge=0, le=100_000)] = 0
    connections: Annotated[int, Meta(ge=1, le=50_000)] | None = None


OF_ENTRY = {field.encode_name for field in msgspec.structs.fields(Entry)}


def read_names(contract: str = "", path: Path = FILE) -> dict[str, str]:
    """What each workload of a contract is, by name, its default first; raises BadInput."""
    return {name: entry.about for name, entry in read_entries(contract, path).items()}


def in_order(names: Iterable[str], path: Path = FILE) -> list[str]:
    """Names of workloads, in the order of the file, whatever their contracts; others are left out. Raises BadInput."""
    chosen = {*names}
    return [name for name in _tables(path) if name in chosen]


def read_entries(contract: str = "", path: Path = FILE) -> dict[str, Entry]:
    """The workloads of a contract, without their requests; raises BadInput."""
    entries = {name: _entry(table, f"{path.name}: [workloads.{name}]") for name, table in _tables(path).items()}
    return {name: entry for name, entry in entries.items() if entry.contract == contract}


def own_workloads(layers_file: Path | None) -> Path | None:
    """The workloads.toml beside a LAYERS_FILE, if there is one."""
    path = layers_file and layers_file.with_name(FILE.name)
    return path if path and path.is_file() else None


def read_workload(name: str, contract: Contract, path: Path = FILE, own: Path | None = None) -> Workload:
    """One workload of a file, the contract's default if unnamed; raises BadInput that names the file and the key.

    A user's `own` file goes before it.
    """
    if own and name in _tables(own):
        return read_file(own, name, contract)[0]
    tables = _tables(path)
    if USER not in tables:
        raise BadInput(f"{path.name} has no [workloads.{USER}], which is the default")
    known = read_names(contract.name, path)
    name = name or next(iter(known))
    if name in tables and name not in known:
        raise BadInput(f"the workload {name} is for other layers: these take {', '.join(known)}")
    if name not in tables:
        yours = f", yours {', '.join(_tables(own))}" if own else ""
        raise BadInput(f"unknown workload {short(repr(name))}: {path.name} has {', '.join(known)}{yours}")
    where = f"{path.name}: [workloads.{name}]"
    workload, _ = _workload(name, tables[name], contract, where)
    if not workload.about:
        raise BadInput(f"{where}: `about` is missing: say in one sentence what it is")
    return workload


def read_file(path: Path, name: str, contract: Contract) -> tuple[Workload, bool]:
    """The workload that a file is, or its [workloads.NAME], and whether its answers must match byte for byte.

    Raises BadInput.
    """
    if not name:
        return _workload(path.name, read_toml(path), contract, path.name)
    tables, where = _tables(path), f"{path.name}: [workloads.{name}]"
    if name not in tables:
        raise BadInput(f"unknown workload {short(repr(name))}: {path.name} has {', '.join(tables) or 'none'}")
    if (wanted := _entry(tables[name], where).contract) != contract.name:
        raise BadInput(f"{where} is for layers of contract-{wanted}.toml: expected another workload")
    return _workload(name, tables[name], contract, where)


def _tables(path: Path) -> dict[str, dict[str, Any]]:
    file = read_toml(path)
    if unknown := file.keys() - {"workloads"}:
        raise BadInput(f"{path.name}: unknown table [{short(min(unknown))}]: expected [workloads.NAME]")
    tables: dict[str, dict[str, Any]] = convert(file.get("workloads", {}), dict[str, dict[str, Any]], path.name)
    if bad := [name for name in tables if not is_name(name)]:
        raise BadInput(f"{path.name}: [workloads] has the name {short(repr(bad[0]))}: {NAME_RULE}")
    return tables


def _entry(table: dict[str, Any], where: str) -> Entry:
    entry = convert({key: value for key, value in table.items() if key in OF_ENTRY}, Entry, where)
    if entry.pipelining > 1 and entry.requests_per_connection:
        raise BadInput(
            f"{where}: wrk cannot close within a pipeline: expected pipelining or requests-per-connection, not both"
        )
    return entry


def _workload(name: str, table: dict[str, Any], contract: Contract, where: str) -> tuple[Workload, bool]:
    """A table as a workload, and whether its answers must match byte for byte."""
    entry = _entry(table, where)
    common = {key: value for key, value in table.items() if key not in (*OF_ENTRY, "requests")}
    requests = convert(table.get("requests", [{}]), list[dict[str, Any]], f"{where}: requests")
    if not requests:
        raise BadInput(f"{where}: `requests` is empty: expected at least one, or leave it out")
    asked, exact = [], True
    for number, request in enumerate(requests, 1):
        place = f"{where}: request {number}" if len(requests) > 1 else where
        wanted = convert({**common, **request}, Wanted, place)
        asked.append(_asked(wanted, contract, place))
        exact &= bool(wanted.answer and wanted.answer.startswith("HTTP/1.1 "))
    is_user = not common and requests == [{}]
    keys = ("about", "pipelining", "requests_per_connection", "connections")
    driving = {key: getattr(entry, key) for key in keys}
    return Workload(name=name, asked=() if is_user else tuple(asked), **driving), exact


def _asked(wanted: Wanted, contract: Contract, where: str) -> Asked:
    """One request, checked; raises BadInput."""
    if wanted.case is not None:
        return _of_case(wanted, contract, where)
    user, body, answer = contract.user, wanted.body, wanted.answer
    if wanted.size:
        body, answer = _filled(wanted.size, body or "", answer, where)
    elif body and len(body.encode()) > MOST:
        raise BadInput(f"{where}: the body may have at most {MOST} bytes: give a longer one by its size")
    changes = {"method": wanted.method, "path": wanted.path, "headers": wanted.headers, "body": body}
    request = msgspec.structs.replace(user, **{key: value for key, value in changes.items() if value is not None})
    if why := _cannot_be_sent(request):
        raise BadInput(f"{where}: {why}")
    headers = [("Host" if name.lower() == "host" else name, value) for name, value in request.headers]
    if "Host" not in dict(headers):
        headers.insert(0, ("Host", "127.0.0.1"))
    status = wanted.status or 200
    if named := [key for key in ANSWERS if getattr(wanted, key) is not None][1:]:
        raise BadInput(f"{where}: {named[0]!r} is one answer too many: expected one of {', '.join(ANSWERS)}")
    if wanted.sha256 or wanted.contains is not None or wanted.matches is not None:
        answer = ""
    elif answer and answer.startswith("HTTP/1.1 "):
        if not re.match("[2-5][0-9][0-9] ", answer[9:13]) or (wanted.status and wanted.status != int(answer[9:12])):
            raise BadInput(f"{where}: `answer` has the status {short(repr(answer[9:12]))}, expected {status}")
        status = int(answer[9:12])
    elif answer is not None:
        answer = _whole(user, status, answer)
    else:
        same = status == 200 and [request.method, request.path, request.body] == [user.method, user.path, user.body]
        answer = user.answer if same else ""
    request = msgspec.structs.replace(request, headers=headers, answer=answer)
    return Asked(
        request=request,
        status=status,
        share=wanted.share,
        sha256=wanted.sha256 or "",
        contains=wanted.contains or "",
        matches=_pattern(wanted.matches or "", where),
    )


def _pattern(text: str, where: str) -> str:
    """A regular expression, checked."""
    try:
        re.compile(text)
    except re.error as error:
        raise BadInput(f"{where}: `matches` is not a regular expression: {short(str(error))}") from None
    return text


def _of_case(wanted: Wanted, contract: Contract, where: str) -> Asked:
    """A request that is a case of the contract."""
    case = contract.cases.get(wanted.case or "")
    keys = msgspec.structs.asdict(wanted)
    if extra := [key for key, value in keys.items() if value is not None and key not in ("case", "share")]:
        raise BadInput(f"{where}: a case of the contract has its own {extra[0]!r}: leave that out")
    if not case:
        raise BadInput(f"{where}: no case {short(repr(wanted.case))}: contract.toml has {', '.join(contract.cases)}")
    if case.refused or case.raw is not None or case.pad or not case.length:
        raise BadInput(f"{where}: the case {wanted.case!r} ends its connection: it can be checked, but not measured")
    request = msgspec.structs.replace(case.request(contract.user), answer="")
    return Asked(request=request, status=case.status, share=wanted.share, case=wanted.case or "")


def _filled(size: int, body: str, answer: str | None, where: str) -> tuple[str, str | None]:
    """A body of `size` bytes and its answer: the `*` in both stands for as many letters as that takes."""
    if body.count(FILL) != 1:
        raise BadInput(f"{where}: `size` needs one {FILL} in `body`, where it is filled up")
    letters = size - len(body.encode()) + len(FILL)
    if letters < 0:
        raise BadInput(f"{where}: `size` is {size}, but the rest of `body` alone has {size - letters} bytes")
    return body.replace(FILL, "x" * letters), answer and answer.replace(FILL, "x" * letters)


def _whole(user: Request, status: int, body: str) -> str:
    """The User request's answer with another body."""
    head = user.answer.partition("\r\n\r\n")[0]
    head = re.sub("(?i)(content-length: )[0-9]+", rf"\g<1>{len(body.encode())}", head)
    head = head if status == 200 else re.sub("^HTTP/1.1 200 [^\r]*", f"HTTP/1.1 {status} -", head)
    return f"{head}\r\n\r\n{body}"


def _cannot_be_sent(request: Request) -> str:
    """Why wrk cannot send a request as it is, or an empty string."""
    names = [name.lower() for name, _ in request.headers]
    method, path = short(repr(request.method)), short(repr(request.path))
    if not re.fullmatch("[A-Z]+", request.method) or request.method == "HEAD":
        return f"the method must be one such as GET or POST, not {method} (to a HEAD, wrk waits for a body)"
    if not re.fullmatch("/[!-~]*", request.path):
        return f"the path must start with a slash and have only printable ASCII without spaces, not {path}"
    if not all(re.fullmatch("[!#-'*+.^_`|~0-9A-Za-z-]+", name) for name in names):
        return "every header must have a name, without spaces or colons"
    if "content-length" in names or names.count("host") > 1:
        return "'content-length' is set by itself, and there is one 'host': leave the header out"
    if any(name.lower() == "connection" and "close" in value.lower() for name, value in request.headers):
        return "'Connection: close' ends a connection: expected requests-per-connection = 1 instead"
    if any(set("\r\n\0") & {*value} for _, value in request.headers) or "\0" in request.body:
        return "headers must not contain line breaks, and neither headers nor the body a NUL"
    if sum(len(name + value) + 4 for name, value in request.headers) > MOST:
        return f"all headers together may have at most {MOST} bytes"
    return ""
