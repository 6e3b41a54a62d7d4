"""Which versions two sides get, by real pip: packages from a folder, or from an index on this machine."""

import datetime
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from bench.data.errors import BadInput, Fault
from bench.data.resolution import Pin, changed, moved
from bench.host import pip
from bench.host.pip import Conflict, why
from bench.host.releases import _setting, before, releases
from bench.host.resolve import Resolver
from tests.host.packages import wheel

HELD = Resolver([]).held


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip knows; it has other versions of h11, which is in requirements.lock."""
    folder = tmp_path / "index"
    folder.mkdir()
    for version in ("0.9", "0.10", "0.11", "0.12"):
        wheel(folder, "h11", version)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(pip, "KEPT", tmp_path / "kept")
    return folder


def side(folder: Path, version: str, *requires: str) -> list[Pin]:
    wheel(folder, "tiny_side", version, *requires)
    return [Pin("tiny-side", version)]


def test_what_the_lock_has_is_held_and_what_a_side_excludes_is_the_newest_that_both_allow(index: Path) -> None:
    first, second = side(index, "1.0", "h11<0.12"), side(index, "2.0", "h11>=0.10", "idna")
    resolver = Resolver(["h11", "uvicorn", "not-installed"])
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

    for file in index.iterdir():  # for a day, pip is not asked again
        file.unlink()
    again = Resolver(["h11", "uvicorn", "not-installed"]).both(first, second)
    assert again == (a, b)


@pytest.mark.all
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
    with pytest.raises(Conflict, match=r"^conflict: .*tiny-side 1.0 depends on h11>0.10") as conflict:
        resolver.both(two, two)
    assert conflict.value.exit_code == 2
    assert "\n" not in conflict.value.message
    with pytest.raises(
        BadInput, match=r"^tiny-side==9 has no wheel for this Python: the newest that have one are 1.0$"
    ):
        resolver.one([Pin("tiny-side", "9")])
    with pytest.raises(BadInput, match="has no none-such==1 as a wheel for this Python: is its name right"):
        resolver.one([Pin("none-such", "1")])


def test_an_index_that_does_not_answer_is_no_bad_input(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side(index, "1.0")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(Fault, match=r"cannot be reached \(\[Errno 111\] Connection refused\)") as failed:
        Resolver([]).one([Pin("tiny-side", "2.0")])
    assert failed.value.exit_code == 1


def test_what_pip_says_of_a_wheel() -> None:
    said = "ERROR: x-1-cp39-cp39-win32.whl is not a supported wheel on this platform.\n"
    assert (why(said).message, why(said).exit_code) == (said[7:-1], 2)
    assert (
        why("ERROR: [Errno 28] No space left on device\n").message == "pip failed: [Errno 28] No space left on device"
    )


class Index(BaseHTTPRequestHandler):
    """An index that tells upload times (PEP 700), to who knows the password."""

    folder: Path
    days: ClassVar = {
        "1.0": "2020-01-01",
        "1.1": "2021-01-01",
        "2.0": "2022-01-01",
        "2.1": "2023-01-01",
        "3.0rc1": "2024-01-01",
    }

    def do_GET(self) -> None:
        """A project's page."""
        name = self.path.strip("/").rpartition("/")[2]
        if not self.headers.get("Authorization"):
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        files = [self.file(name, version) for version in self.days] if name == "tiny-side" else []
        page = {"meta": {"api-version": "1.1"}, "name": name, "versions": [*self.days], "files": files}
        body = json.dumps(page).encode()
        self.send_response(200 if files else 404)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def file(self, name: str, version: str) -> dict[str, object]:
        """A file of a release, one of which is yanked."""
        wheel, day = f"{name.replace('-', '_')}-{version}-py3-none-any.whl", f"{self.days[version]}T00:00:00Z"
        yanked = "broken" if version == "2.1" else False
        return {"filename": wheel, "url": wheel, "hashes": {}, "upload-time": day, "yanked": yanked}

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://user:pass@127.0.0.1:{listening.server_port}/simple")
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        yield listening.server_name
        listening.shutdown()
    releases.cache_clear()


@pytest.mark.usefixtures("server")
def test_releases_come_with_their_day_in_pips_order() -> None:
    every = releases("tiny-side")
    assert [(each.version, each.uploaded and f"{each.uploaded:%Y}") for each in every] == [
        ("1.0", "2020"), ("1.1", "2021"), ("2.0", "2022"),
    ]  # fmt: skip
    assert before("tiny-side", datetime.datetime(2021, 6, 1, tzinfo=datetime.UTC)) == "tiny-side<=1.1"
    assert before("tiny-side", datetime.datetime(2019, 6, 1, tzinfo=datetime.UTC)) == "tiny-side<0"
    with pytest.raises(BadInput, match="the package index has no none-such as a wheel"):
        releases("none-such")


def test_the_index_is_the_one_that_pip_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = Resolver([]).python
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://mirror.example/simple\n")
    assert _setting.__wrapped__(python, "index-url") == "https://mirror.example/simple"
    (tmp_path / "pip.conf").write_text("")
    assert _setting.__wrapped__(python, "index-url").startswith("https://")
    assert not _setting.__wrapped__(python, "client-cert")
