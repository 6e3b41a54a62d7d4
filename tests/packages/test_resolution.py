"""Which versions two sides get, by real uv: packages from a folder, or from an index on this machine."""

import datetime
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from asgi_anatomy.errors import BadInput, Fault
from asgi_anatomy.packages.releases import _index, releases
from asgi_anatomy.packages.sides import Pin, Resolver, changed, moved
from asgi_anatomy.packages.uv import command, variables
from tests.packages.tiny import wheel

HELD = Resolver([]).held


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that uv knows; it has other versions of h11, which is in requirements.lock."""
    folder = tmp_path / "index"
    folder.mkdir()
    for version in ("0.9", "0.10", "0.11", "0.12", HELD["h11"]):
        wheel(folder, "h11", version)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def side(folder: Path, version: str, *requires: str) -> list[Pin]:
    wheel(folder, "tiny_side", version, *requires)
    wheel(folder, "idna", HELD["idna"])
    return [Pin("tiny-side", version)]


def test_the_lock_is_held_and_else_both_sides_get_the_newest_they_allow(index: Path) -> None:
    first, second = side(index, "1.0", "h11<0.12"), side(index, "2.0", "h11>=0.10", "idna")
    resolver = Resolver(["h11", "not-installed"])
    a, b = resolver.both(first, second)
    assert (a.others["h11"].version, b.others["h11"].version) == ("0.11", "0.11")
    assert moved(a, b) == {"h11": (HELD["h11"], "0.11")}
    assert not changed(a, b)
    assert a.versions["tiny-side"] == "1.0"
    assert {name: version for name, version in b.versions.items() if HELD.get(name) != version} == {
        "h11": "0.11",
        "tiny-side": "2.0",
    }
    assert all(pin.hashes for pin in (*a.packages.values(), *b.others.values()))


def test_each_side_may_exclude_something_else(index: Path) -> None:
    for version in ("1.0", "2.0"):
        wheel(index, "idna", version)
    a, b = Resolver([]).both(side(index, "1.0", "h11<0.11", "idna"), side(index, "2.0", "h11", "idna<3"))
    assert {name: pin.version for name, pin in a.others.items()} == {"h11": "0.10", "idna": "2.0"}
    assert not changed(a, b)


def test_where_no_version_suits_both_they_differ(index: Path) -> None:
    a, b = Resolver(["h11"]).both(side(index, "1.0", "h11<0.10"), side(index, "2.0", "h11>0.10"))
    assert changed(a, b) == {"h11": ("0.9", HELD["h11"])}


def test_what_cannot_be_installed_is_one_line(index: Path) -> None:
    resolver = Resolver(["h11"])
    two = [*side(index, "1.0", "h11>0.10"), Pin("h11", "0.9")]
    with pytest.raises(BadInput, match=r"^no versions fit: .*all versions of tiny-side depend on h11>0.10") as conflict:
        resolver.both(two, two)
    assert conflict.value.exit_code == 2
    assert "\n" not in conflict.value.message
    with pytest.raises(BadInput, match=r"^no versions fit: .*there is no version of tiny-side==9"):
        resolver.one([Pin("tiny-side", "9")])
    with pytest.raises(BadInput, match="^no versions fit: .*none-such was not found"):
        resolver.one([Pin("none-such", "1")])


def test_an_index_that_does_not_answer_is_no_bad_input(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side(index, "1.0")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(Fault, match=r"cannot be reached \(Connection refused \(os error 111\)\)") as failed:
        Resolver([]).one([Pin("tiny-side", "2.0")])
    assert failed.value.exit_code == 1


class Index(BaseHTTPRequestHandler):
    """An index that tells upload times (PEP 700), to who knows the password."""

    folder = Path()
    timed = True
    days: ClassVar = {
        "1.0": "2020-01-01",
        "1.1": "2021-01-01",
        "2.0": "2022-01-01",
        "2.1": "2023-01-01",
        "3.0rc1": "2024-01-01",
    }

    def do_GET(self) -> None:
        """A project's page, or a wheel."""
        name = self.path.strip("/").rpartition("/")[2]
        if not self.headers.get("Authorization"):
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if name.endswith(".whl"):
            return self.send("application/octet-stream", (self.folder / name).read_bytes())
        files = [self.file(name, version) for version in self.days] if name == "tiny-side" else []
        page = {"meta": {"api-version": "1.1"}, "name": name, "versions": [*self.days], "files": files}
        self.send("application/vnd.pypi.simple.v1+json", json.dumps(page).encode(), 200 if files else 404)

    def send(self, kind: str, body: bytes, status: int = 200) -> None:
        """Answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def file(self, name: str, version: str) -> dict[str, object]:
        """A file of a release, one of which is yanked."""
        path = wheel(self.folder, name.replace("-", "_"), version)
        yanked = "broken" if version == "2.1" else False
        when = {"upload-time": f"{self.days[version]}T00:00:00Z"} if self.timed else {}
        return {"filename": path.name, "url": path.name, "hashes": {}, "yanked": yanked, **when}

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setattr(Index, "folder", tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://user:pass@127.0.0.1:{listening.server_port}/simple")
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        yield listening.server_name
        listening.shutdown()
    releases.cache_clear()


@pytest.mark.usefixtures("server")
def test_releases_come_with_their_day_in_order() -> None:
    every = releases("tiny-side")
    assert [(each.version, each.uploaded and f"{each.uploaded:%Y}") for each in every] == [
        ("1.0", "2020"), ("1.1", "2021"), ("2.0", "2022"),
    ]  # fmt: skip
    with pytest.raises(BadInput, match="the package index has no none-such as a wheel"):
        releases("none-such")


@pytest.mark.usefixtures("server")
def test_as_of_a_day_an_index_had_less(monkeypatch: pytest.MonkeyPatch) -> None:
    def newest(year: int) -> str:
        day = datetime.datetime(year, 6, 1, tzinfo=datetime.UTC).isoformat()
        return Resolver([])._resolve(["tiny-side"], {}, "", "--exclude-newer", day)["tiny-side"].version

    assert (newest(2021), newest(2022)) == ("1.1", "2.0")
    with pytest.raises(BadInput, match="^no versions fit: "):
        newest(2019)
    monkeypatch.setattr(Index, "timed", False)
    with pytest.raises(BadInput, match="^DEPS=dated: the package index does not tell when releases were uploaded"):
        newest(2021)


def test_what_pip_is_configured_with_is_what_uv_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith(("PIP_", "UV_", "SSL_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://mirror.example/simple\nextra-index-url =\n    https://a.example\n    https://b.example\n"
        "cert = /a.pem\n[install]\nfind-links = /x\n    /y\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_CERT", "/b.pem")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    found = {name: value for name, value in variables().items() if name.startswith(("UV_", "SSL_"))}
    assert found == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple", "UV_INDEX": "https://a.example https://b.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match", "SSL_CERT_FILE": "/b.pem", "UV_FIND_LINKS": str(tmp_path),
        "UV_PYTHON_DOWNLOADS": "never",
    }  # fmt: skip
    assert _index() == "https://mirror.example/simple"
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_CERT")
    assert "UV_DEFAULT_INDEX" not in variables()
    assert _index().startswith("https://")
    assert "--no-index" not in command("pip")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert command("pip")[-1] == "--no-index"
