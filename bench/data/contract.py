"""What every layer must answer, to the User request and to bad input. The cases are in contract.toml."""

import hashlib
from pathlib import Path

import msgspec

from bench.data.layers import ROOT, Layer
from bench.data.toml import convert, read_toml

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
        changes = {key: getattr(self, key) for key in ("method", "path", "headers", "body")}
        request = msgspec.structs.replace(user, **{key: value for key, value in changes.items() if value is not None})
        return compose(request, self.length, self.pad)


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of contract.toml."""

    user: Request
    cases: dict[str, Case]
    file: str = ""
    """The name of the file that `user` comes from; empty: contract.toml."""

    def digest(self) -> str:
        """SHA-256 of requests and expected answers, without the prose."""
        cases = {name: (case.wire(self.user), case.status, case.refused) for name, case in self.cases.items()}
        return hashlib.sha256(msgspec.json.encode([self.user, cases], order="sorted")).hexdigest()


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


def differences(contract: Contract, layers: list[Layer]) -> list[list[str]]:
    """The cases in which layers differ, as rows: the case, each layer's status, and what the cost buys."""
    rows = []
    for name, case in contract.cases.items():
        statuses = [str(layer.differs.get(name, case.status)) for layer in layers]
        if not case.refused and len(set(statuses)) > 1:
            rows.append([case.about, *statuses, case.gets])
    return rows
