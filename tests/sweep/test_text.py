"""A sweep in words, as charts and as a page."""

from pathlib import Path

import pytest

from asgi_anatomy.documents.store import encode
from asgi_anatomy.sweep.record import Held, Memory, Rated, Sweep
from asgi_anatomy.sweep.text import failed, sweep_document
from asgi_anatomy.turns.record import Errors, Latency, Load, Row, Window
from tests.conftest import Bench

EVIL = "</script><img src=x>"
NONE = Errors(connect=0, read=0, write=0, status=0, timeout=0)
LATENCY = Latency(p50=900, p90=1_000, p99=2_500, p999=4_000, max=5_000)


def held(layer: str, connections: int, errors: Errors = NONE) -> Held:
    window = Window(
        layer=layer, round=0, requests=20_000 // connections, duration_us=2_000_000, errors=errors, latency_us=LATENCY,
        server_cpu_ns=1_900_000_000, client_cpu_ns=800_000_000,
    )  # fmt: skip
    return Held(
        layer=layer, connections=connections, window=window, kept=connections, opened=connections - 3, overflows=7,
        before_bytes=30_000_000, open_bytes=30_000_000 + 9_000 * connections,
    )  # fmt: skip


def swept(**more: object) -> Sweep:
    rows = [Row(name="low"), Row(name=EVIL, on="low")]
    return Sweep(load=Load(), layers=rows, connections=[4, 512, 99_999], backlog=4096, **more)  # type: ignore[arg-type]


def connections() -> Sweep:
    reset = Errors(connect=0, read=5, write=0, status=0, timeout=0)
    points = [held("low", 4), held("low", 512), held(EVIL, 512, reset)]
    points.append(Held(layer="low", connections=99_999, limit="there are 28,232 local ports, which allows 28,168"))
    served = [Memory(layer="low", requests=100_001, start_bytes=2**25, end_bytes=2**26)]
    return swept(held=points, served=served)


def rates() -> Sweep:
    good = Rated(
        layer="low", asked="50%", rate=1000.0, connections=64, sent=5000, answered=4999, seconds=5.0,
        latency_us=LATENCY, late=0, server_cpu_ns=2_500_000_000, client_cpu_ns=10**9,
    )  # fmt: skip
    slow = Rated(
        layer=EVIL, asked="120%", rate=2400.0, connections=64, sent=12_000, answered=8_000, seconds=5.0, late=7_000,
        latency_us=LATENCY, server_cpu_ns=4_990_000_000, client_cpu_ns=10**9, errors={"timeout": 2},
    )  # fmt: skip
    lost = Rated(layer="low", asked="2000", rate=2000.0, connections=64, fault="oha failed")
    return swept(rates=["50%", "120%", "2000"], rated=[good, slow, lost], client="oha 1.12.0")


def test_connections() -> None:
    record = connections()
    text = sweep_document(record).render("text")
    said = " ".join(text.split())
    assert "Requests/s with 512 connections, in percent of each layer's highest in this table: low 1%" in said
    assert "do not compare it with `make bench`." in said, "CPU time under a plain wrk"
    assert "a connection takes 9.0 kB; 5 errors" in said
    assert "5 read errors; wrk's were not all accepted: 509 by the end of the window" in said
    assert "Not measured: 99,999 connections (low): there are 28,232 local ports" in said
    assert "the accept queue was full 7 times" in said
    assert " <262 " in text, "less than 1 MiB says nothing about 4 connections"
    assert "100,001" in text
    assert not failed(record), "a limit is no fault"


def test_rates() -> None:
    record = rates()
    text = sweep_document(record).render("text")
    said = " ".join(text.split())
    assert said.startswith("99% of requests were answered within: low 2.5 ms at 50%")
    assert (
        "2 timeout; 3,998 of 12,000 were still waiting to be sent at the end: with them latency would be longer;"
        in said
    )
    assert "low at 2000: oha failed." in said
    assert failed(record) == ["low"]
    assert max(map(len, text.splitlines())) <= 80


def test_a_page_of_both(bench: Bench, tmp_path: Path) -> None:
    for name, record in (("a", connections()), ("b", rates())):
        (tmp_path / f"{name}-sweep.json").write_bytes(encode(record))
    done = bench("report", "--record", tmp_path, "--out", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "page.html").read_text()
    assert EVIL not in text
    for said in ("What layers do with more connections", "Requests/s with more connections", "at a fixed rate"):
        assert said in text
    assert "With 512 connections, 1% of" in text


@pytest.mark.all
def test_charts(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a-sweep.json").write_bytes(encode(connections()))
    done = bench("charts", "--record", tmp_path / "a-sweep.json", "--out", tmp_path / "charts")
    assert done.returncode == 0, done.stderr
    names = {f"{name}-{scheme}.{form}" for name in ("connections", "waiting") for scheme in ("light", "dark")
             for form in ("svg", "png")}  # fmt: skip
    assert {each.name for each in (tmp_path / "charts").iterdir()} == names
