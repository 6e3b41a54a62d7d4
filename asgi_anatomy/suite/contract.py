"""What every layer must answer: to the User request, to bad input, to a workload. The cases are in contract.toml."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from asgi_anatomy.errors import BadInput
from asgi_anatomy.suite.layers import ROOT, Layer, convert, read_toml

FILE = ROOT / "contract.toml"


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request, such as the User request, and its answer byte for byte."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str
    answer: str

    def wire(self) -> bytes:
        """The request as it goes over the wire."""
        return compose(self, length=bool(self.body))


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The User request with something changed, and what a layer must answer to it."""

    about: str
    method: str | None = None
    path: str | None = None
    headers: list[tuple[str, str]] | None = None
    body: str | None = None
    length: bool = True
    pad: int = 0
    raw: str | None = None
    status: int = 0
    refused: bool = False
    gets: str = ""

    def wire(self, user: Request) -> bytes:
        """The changed request as it goes over the wire."""
        if self.raw is not None:
            return self.raw.encode("latin-1")
        return compose(self.request(user), self.length, self.pad)

    def request(self, user: Request) -> Request:
        """The changed request, as far as it has a method, a path, headers and a body."""
        changes = {key: getattr(self, key) for key in ("method", "path", "headers", "body")}
        return replace(user, **{key: value for key, value in changes.items() if value is not None})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a workload, and what every layer must answer to it."""

    request: Request
    status: int = 200
    share: int = 1
    """How many of a round of the workload's requests are this one."""
    case: str = ""
    """The contract's case: its status is the layer's own, and nothing else of its answer is checked."""
    sha256: str = ""
    """Of the value of its answer, where that is long."""
    contains: str = ""
    """Text that the body of its answer must contain; nothing else of it is checked, but the status."""
    matches: str = ""
    """A regular expression that the whole body must match, likewise."""
    close: bool = False
    """It is the last of its connection: it has `Connection: close`, and its answer may have it as well."""

    def wire(self) -> bytes:
        """The request as it goes over the wire."""
        request = self.request
        if self.close:
            request = replace(request, headers=[*request.headers, ("Connection", "close")])
        return compose(request, length=bool(request.body or self.case))

    def expected(self, layer: Layer) -> int:
        """The status that a layer must answer; 0: it varies."""
        return layer.differs.get(self.case, self.status)


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What wrk sends, and how. The keys are explained at the top of workloads.toml."""

    name: str = "user"
    about: str = ""
    asked: tuple[Asked, ...] = ()
    """Empty: the User request, or the own request of an own layer."""
    pipelining: int = 1
    requests_per_connection: int = 0
    connections: int | None = None

    @property
    def plain(self) -> bool:
        """Whether scripts/post.lua can send it: one request, again and again, on connections that stay open."""
        return not self.asked and self.pipelining == 1 and not self.requests_per_connection


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of contract.toml, and the workload that its layers are asked."""

    user: Request
    cases: dict[str, Case]
    file: str = ""
    """The name of the file that `user` comes from; empty: contract.toml."""
    workload: Workload = Workload()
    name: str = ""
    """Of contract-NAME.toml; empty: contract.toml."""

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The requests of its workload: where connections end, also those that end them."""
        requests = self.workload.asked or (Asked(request=self.user),)
        count = self.workload.requests_per_connection
        if not count:
            return requests
        before = [replace(asked, share=asked.share * (count - 1)) for asked in requests if count > 1]
        return (*before, *(replace(asked, close=True) for asked in requests))

    def digest(self) -> str:
        """SHA-256 of requests and expected answers, without the prose."""
        cases = {name: (case.wire(self.user), case.status, case.refused) for name, case in self.cases.items()}
        parts = [self.user, cases, *([self.workload.asked] if self.workload.asked else [])]
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def compose(request: Request, length: bool, pad: int = 0) -> bytes:
    """A request as bytes, with a Content-Length unless its headers frame it already."""
    headers = list(request.headers)
    body = request.body.encode()
    if length and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
        headers.append(("Content-Length", str(len(body))))
    if pad:
        headers.append(("X-Pad", "x" * pad))
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_contract(path: Path = FILE) -> Contract:
    """Read contract.toml; raises BadInput that names the file and the key."""
    return convert(read_toml(path), Contract, path.name)


def contract_of(layers: Sequence[Layer]) -> Contract:
    """The contract that these layers share; raises BadInput where they have different ones."""
    names = {layer.contract: layer.name for layer in layers}
    if len(names) > 1:
        one, other = [*names.values()][:2]
        raise BadInput(f"{one} and {other} have different contracts: expected layers that answer the same requests")
    name = next(iter(names), "")
    return replace(read_contract(ROOT / f"contract-{name}.toml" if name else FILE), name=name)


def differences(contract: Contract, layers: list[Layer]) -> list[list[str]]:
    """The cases in which layers differ, as rows: the case, each layer's status, and what the cost buys."""
    rows = []
    for name, case in contract.cases.items():
        statuses = [str(layer.differs.get(name, case.status)) for layer in layers]
        if not case.refused and len(set(statuses)) > 1:
            rows.append([case.about, *statuses, case.gets])
    return rows
