"""A fixed rate: a server that stops answering for a second is seen, in latency and in the count of late answers."""

import os
import signal
import threading
from pathlib import Path

import pytest

from asgi_anatomy.errors import BadInput
from asgi_anatomy.machine.counters import family
from asgi_anatomy.machine.server import Server
from asgi_anatomy.packages.environments import OHA_BUILD
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.sweep import rates
from asgi_anatomy.sweep.rates import rated, require_oha
from asgi_anatomy.sweep.record import Rated, rate_of, read_numbers, read_rates
from asgi_anatomy.sweep.text import remark
from tests.conftest import CATALOGUE, require

PROGRAM = ROOT / OHA_BUILD.program


@pytest.mark.all
@pytest.mark.parametrize("frozen", [False, True])
def test_a_frozen_server_is_seen(contract: Contract, frozen: bool) -> None:
    """For 1 s of 5: without coordinated omission, about a fifth of the requests wait for its end."""
    require("" if PROGRAM.is_file() else "oha is not built: `make build ONLY=oha` does that")
    point = Rated(layer="asyncio", asked="200", rate=200.0, connections=8)
    with Server(CATALOGUE.layers["asyncio"], contract) as server:

        def send(number: signal.Signals) -> None:
            for pid in family(server.process.pid):
                os.kill(pid, number)

        timers = [threading.Timer(2, send, [signal.SIGSTOP]), threading.Timer(3, send, [signal.SIGCONT])]
        for timer in timers if frozen else []:
            timer.start()
        try:
            rated(PROGRAM, server, point, 5, None)
        finally:
            send(signal.SIGCONT)
            for timer in timers:
                timer.cancel()
    assert not point.fault
    assert not point.errors
    assert point.latency_us
    assert point.late is not None
    assert 980 <= point.answered <= 1001
    assert 4.9 < point.seconds < 5.5
    if frozen:
        assert 150 <= point.late <= 220, "0.9 s of 5: those that were due in the last 0.1 s wait less"
        assert 900_000 <= point.latency_us.max <= 1_300_000
        assert point.latency_us.p99 > 800_000
        assert point.latency_us.p50 < 100_000
    else:
        assert point.late < 20
        assert point.latency_us.p50 < 50_000


@pytest.mark.all
def test_a_rate_beyond_what_a_server_can_do(contract: Contract) -> None:
    """What is due waits longer and longer, and that is latency; what was never sent is counted."""
    require("" if PROGRAM.is_file() else "oha is not built: `make build ONLY=oha` does that")
    point = Rated(layer="wait-blocking", asked="3000", rate=3000.0, connections=8)
    with Server(CATALOGUE.layers["wait-blocking"], contract) as server:
        rated(PROGRAM, server, point, 2, None)
    assert point.latency_us
    assert point.reached < 1100, "it blocks for 1 ms per request"
    assert point.latency_us.max > 800_000
    assert point.sent == 6000
    said = remark(point)
    assert "the rate was not reached" in said
    assert "of 6,000 were still waiting to be sent at the end" in said


def test_without_cargo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(rates, "ROOT", tmp_path)
    with pytest.raises(BadInput, match=r"^RATE= cannot be measured: it needs cargo, .*: RATE= needs oha, .*rustup.rs$"):
        require_oha(print, 900)


def test_no_time_to_build_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cargo", "rustc", "cc"):
        (tmp_path / name).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("asgi_anatomy.packages.environments.ROOT", tmp_path)
    monkeypatch.setattr(rates, "ROOT", tmp_path)
    with pytest.raises(BadInput, match=r"takes 10 min, BUDGET=10 is shorter: type `make build ONLY=oha` first$"):
        require_oha(print, 10)


def test_rates_and_numbers() -> None:
    assert read_rates("25%, 2000 25%") == ["25%", "2000"]
    assert rate_of("25%", 8000.0) == 2000.0
    assert rate_of("25%", None) is None
    assert rate_of("2000", None) == 2000.0
    assert read_numbers("64 1,16 1") == [1, 16, 64]
    for text in ("fast", "-1", "0", "5%%", "nan", ","):
        with pytest.raises(BadInput, match="RATE must be"):
            read_rates(text)
    for text in ("many", "0", "1.5", "-1", "9999999", "\u00b2"):
        with pytest.raises(BadInput, match="CONNECTIONS must be"):
            read_numbers(text)
