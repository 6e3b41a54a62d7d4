"""Tables: the same figures for people and for programs."""

import csv
import io
import json

import msgspec
import pytest

from bench.data.load import Latency
from bench.data.record import Bench as Record
from bench.report.decay_table import FIRST, decay_document
from tests.stats.test_decay import record


@pytest.fixture
def ladder() -> Record:
    made = record(low=[100_000, 110_000], high=[40_000, 44_000], broken=[1])
    made.layers[2].faults = ["contract: empty (an empty body): answered nothing, expected 400"]
    made.windows[0].latency_us = Latency(p50=500, p90=600, p99=1234, p999=2000, max=3000)
    return made


def test_csv(ladder: Record) -> None:
    text = decay_document(ladder).render("csv")
    first = "layer,on,rps,decay,cost_us,added_us,share,p50_us,p99_us"
    head = f"{first},decay_low,decay_high,rps_low,rps_high,windows,restarts,note"
    assert text.splitlines()[0].startswith(f"{head},")
    low, high, broken = csv.DictReader(io.StringIO(text))
    assert (float(low["rps"]), low["on"], low["decay"], float(low["p99_us"])) == (105_000, "", "", 1234)
    assert float(high["decay"]) == pytest.approx(60)
    assert (broken["layer"], broken["rps"]) == ("broken", "")


def test_json(ladder: Record) -> None:
    rows = json.loads(decay_document(ladder).render("json"))
    assert all(tuple(row)[: len(FIRST)] == FIRST for row in rows)
    assert rows[1]["added_us"] == pytest.approx(14.2857, abs=1e-4)
    assert rows[2]["rps"] is None


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_what_people_read(ladder: Record, form: str) -> None:
    text = decay_document(ladder, wide=True).render(form, wide=True)
    rows = {cells[0]: cells for line in text.splitlines() if (cells := line.replace("|", " ").split())}
    assert rows["high"][:9] == ["high", "low", "60.0", "60.0", "-", "60.0", "+14.3", "23.8", "42,000"]
    assert rows["high"][9:14] == ["40.0", "42,000", "40,000", "-", "44,000"]
    assert rows["high"][-4:] == ["2", "+", "0", "2"], "the number of windows stands beside every figure"
    assert "broken: contract: empty (an empty body)" in text
    assert "wrk with 64 connections and 1 thread." in text
    assert "one after another" in text, "no pairs: that must be said"


def test_a_run_that_was_stopped_says_so(ladder: Record) -> None:
    stopped = msgspec.structs.replace(ladder, stopped="stopped by SIGINT")
    assert "ended early: stopped by SIGINT" in decay_document(stopped).render("text")
