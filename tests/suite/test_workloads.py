"""workloads.toml: what it says, and one line for whatever is wrong in it."""

from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.errors import BadInput
from asgi_anatomy.suite.contract import Contract, contract_of
from asgi_anatomy.suite.layers import Catalogue
from asgi_anatomy.suite.workloads import read_names, read_workload


@pytest.mark.parametrize("name", read_names("arena"))
def test_every_workload_of_the_arena_can_be_read(catalogue: Catalogue, name: str) -> None:
    arena = contract_of(catalogue.choose("", "arena"))
    assert read_workload(name, arena).about
    assert read_workload("", arena).name == "arena-baseline"


@pytest.mark.parametrize("name", read_names())
def test_every_workload_can_be_read(contract: Contract, name: str) -> None:
    workload = read_workload(name, contract)
    assert workload.about
    for asked in msgspec.structs.replace(contract, workload=workload).asked:
        head, _, body = asked.wire().partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head


def test_the_user_request_alone_is_driven_as_ever(contract: Contract) -> None:
    user = read_workload("user", contract)
    assert user.plain
    assert msgspec.structs.replace(contract, workload=user).digest() == contract.digest()
    assert not read_workload("fresh", contract).plain


def test_a_body_by_its_size(contract: Contract) -> None:
    (asked,) = read_workload("body-1k", contract).asked
    assert len(asked.request.body) == 1024
    assert asked.request.answer.partition("\r\n\r\n")[2] == asked.request.body
    assert "content-length: 1024\r\n" in asked.request.answer


def test_twenty_headers(contract: Contract) -> None:
    (asked,) = read_workload("headers", contract).asked
    assert asked.wire().partition(b"\r\n\r\n")[0].count(b"\r\n") == 20


def test_one_request_in_ten_is_the_last_of_its_connection(contract: Contract) -> None:
    short = msgspec.structs.replace(contract, workload=read_workload("short", contract))
    assert [(each.share, each.close) for each in short.asked] == [(9, False), (1, True)]
    fresh = msgspec.structs.replace(contract, workload=read_workload("fresh", contract))
    assert [(each.share, each.close) for each in fresh.asked] == [(1, True)]
    assert b"Connection: close\r\n" in fresh.asked[0].wire()


def test_an_error_is_the_layers_own(contract: Contract, catalogue: Catalogue) -> None:
    path, method, malformed = read_workload("wrong", contract).asked
    starlette, fastapi = (catalogue.layers[name] for name in ("starlette", "fastapi"))
    assert (path.expected(starlette), method.expected(starlette), malformed.expected(starlette)) == (404, 405, 400)
    assert malformed.expected(fastapi) == 422


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", r"w.toml has no \[workloads.user\]"),
        ("[user]", r"w.toml: unknown table \[user\]: expected \[workloads.NAME\]"),
        ("[workloads.user]\n[workloads.'a b']", r"\[workloads\] has the name 'a b'"),
        ("[workloads.user]", r"w.toml: \[workloads.user\]: `about` is missing"),
        ("[workloads.user]\nabout = 1", r"w.toml: \[workloads.user\]: Expected `str`, got `int` - at `\$.about`"),
        (
            "[workloads.user]\nabout = 'a'\npipeline = 2",
            r"\[workloads.user\]: Object contains unknown field `pipeline`",
        ),
        ("[workloads.user]\nabout = 'a'\npipelining = 999", r"Expected `int` <= 256 - at `\$.pipelining`"),
        ("workloads = 1", "w.toml: Expected `object`, got `int`"),
    ],
)
def test_a_bad_file(contract: Contract, tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "w.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=error):
        read_workload("user", contract, path)


def test_an_unknown_workload(contract: Contract) -> None:
    with pytest.raises(BadInput, match="unknown workload 'nothing': workloads.toml has user, pipelined"):
        read_workload("nothing", contract)
