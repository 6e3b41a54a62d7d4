"""Tables: the same figures for people and for programs, and readable in 80 columns."""

import csv
import html
import io
import json
import re
from functools import cache
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from asgi_anatomy.documents.document import Document
from asgi_anatomy.documents.store import read_record
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.record import Bench as Record
from asgi_anatomy.turns.record import Latency
from asgi_anatomy.turns.table import FIRST, decay_document
from tests.records import Simulation, plain
from tests.records import ladder as by_turns

KEPT = sorted((ROOT / "results" / "reference").glob("*/*-bench.json"))
BENCHES = [*(path for path in KEPT if path.parent.name != "workloads"), ROOT / "results" / "published.json"]
WORKLOADS = [path for path in KEPT if path.parent.name == "workloads"]
KEYS = (
    "layer,on,decay,decay_low,decay_high,cpu_us,added_us,rps_per_core,note,share,added_low,added_high,cpu_low,cpu_high,"
    "rps_per_core_low,rps_per_core_high,idle,rounds,turns,plain_rps,bound,plain_rps_low,plain_rps_high,plain_cpu_us,"
    "plain_decay,sleeps,p50_us,p99_us,p99_low,p99_high,windows,margin,rss_start,rss_end,rss_requests"
)
"""An interface: keys are only ever added, at the end."""


@pytest.fixture
def ladder() -> Record:
    """Of plain windows alone, one layer failed."""
    made = plain(low=[100_000, 110_000], high=[40_000, 44_000], broken=[1])
    made.layers[2].faults = ["contract: empty (an empty body): answered nothing, expected 400"]
    made.windows[0].latency_us = Latency(p50=500, p90=600, p99=1234, p999=2000, max=3000)
    return made


@cache
def document(path: Path, where: str = "") -> Document:
    """That of a record, which takes much longer to compute than to render."""
    return decay_document(read_record(path, Record), path=where)


def ten(letters: int = 8) -> Record:
    """A record of ten layers with names of so many letters."""
    names = [f"layer{place}".ljust(letters, "x") for place in range(10)]
    made = Simulation(1, {name: 6.0 * 1.3**place for place, name in enumerate(names)}).record(rounds=6)
    for row in made.layers[3:]:
        row.on = names[2]
    made.machine, made.seconds = by_turns().machine, 50.0
    return made


def test_csv(ladder: Record) -> None:
    text = decay_document(ladder).render("csv")
    assert text.splitlines()[0].startswith(KEYS)
    assert text == decay_document(ladder, wide=True).render("csv", wide=True)
    low, high, broken = csv.DictReader(io.StringIO(text))
    assert (float(low["plain_rps"]), low["on"], low["decay"], float(low["p99_us"])) == (105_000, "", "", 1234)
    assert float(high["decay"]) == pytest.approx(60)
    assert (broken["layer"], broken["plain_rps"]) == ("broken", "")


def test_json(ladder: Record) -> None:
    rows = json.loads(decay_document(ladder).render("json"))
    assert all(tuple(row)[: len(FIRST)] == FIRST for row in rows)
    assert rows[1]["added_us"] == pytest.approx(14.302, abs=1e-3)
    assert rows[2]["plain_rps"] is None


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_what_people_read(ladder: Record, form: str) -> None:
    text = decay_document(ladder, wide=True).render(form, wide=True)
    lines = [html.unescape(line).replace("|", " ").replace("└", " ").split() for line in text.splitlines()]
    rows = {cells[0]: cells for cells in lines if cells}
    assert rows["high"][:6] == ["high", "low", "60.0", "-", "+14.3", "23.8"]
    assert rows["high"][6:9] == ["41,952", "40.0", "-"]
    assert "2 0 42,000 40,000 - 44,000" in " ".join(rows["high"]), "what figures are from stands beside them"
    assert "broken: contract: empty (an empty body)" in text
    assert "wrk with 64 connections and 1 thread on a core of its own" in " ".join(text.split())
    assert "one after another" in text, "not by turns: that must be said"


def test_a_failed_row_says_so_in_short_too(ladder: Record) -> None:
    text = decay_document(ladder).render("text")
    assert "  └ broken" in text
    assert "failed" in text
    assert "broken: contract: empty (an empty body): answered nothing, expected 400\n" in text


def test_a_run_that_was_stopped_says_so(ladder: Record) -> None:
    stopped = msgspec.structs.replace(ladder, stopped="stopped by SIGINT")
    for path in ("", "results/x-bench.json"):
        assert "ended early: stopped by SIGINT" in decay_document(stopped, path=path).render("text")


@pytest.mark.parametrize(
    ("path", "width"),
    [
        *((path, width) for path in BENCHES for width in (60, 80, 140)),
        *(pytest.param(path, 80, marks=pytest.mark.all if place else ()) for place, path in enumerate(WORKLOADS)),
    ],
    ids=lambda each: each.parent.name if isinstance(each, Path) else str(each),
)
def test_every_record_fits(path: Path, width: int) -> None:
    made = read_record(path, Record)
    lines = document(path, "results/20261123-211046-bench.json").render("text", width=width).split("\n")
    assert max(map(cell_len, lines)) <= width
    below = lines[lines.index("") + 1 :]
    assert width < 80 or len(below) <= 7, "what a plain wrk shows takes two"
    assert below[0].startswith("decay: % fewer requests per ")
    table = lines[1 : -len(below)]
    assert all(any(row.name in line for line in table) for row in made.layers), "no name is cut"


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("two_speeds", [False, True])
def test_a_run_fits(width: int, two_speeds: bool) -> None:
    made = by_turns(two_speeds=two_speeds)
    text = decay_document(made, path="results/20261123-211046-bench.json").render("text", width=width)
    assert max(map(cell_len, text.split("\n"))) <= width
    assert ("% of turns slow, left out" in " ".join(text.split())) == two_speeds
    assert "with wrk on a core of its own starlette costs 15 µs more and reads" in " ".join(text.split())


def test_the_ladder_is_drawn_and_bars_stand_on_one_another() -> None:
    text = decay_document(by_turns()).render("text")
    assert "asyncio  " in text
    assert "\n└ uvicorn  " in text
    assert "\n  └ starlette  " in text
    assert "\n    ├ dumproute  " in text
    assert "\n    └ fastapi  " in text
    bars = [re.search("[█-▏▐▕]+", line) for line in text.splitlines()]
    asyncio, uvicorn, starlette, dumproute, fastapi = (bar.span() for bar in bars if bar)
    assert asyncio[0] < uvicorn[0] <= asyncio[1]
    assert dumproute[0] == fastapi[0] > starlette[0]
    assert fastapi[1] == 80
    assert "0 µs" in text
    wider = decay_document(by_turns()).render("text", width=120)
    assert wider.count("█") > 1.5 * text.count("█")


def test_ten_layers_with_names_of_thirty_letters() -> None:
    made = ten(letters=30)
    text = decay_document(made).render("text")
    assert max(map(cell_len, text.splitlines())) <= 80
    assert all(row.name in text for row in made.layers)
    assert "…" in decay_document(made).render("text", width=60)
    assert "…" not in decay_document(made, wide=True).render("text", wide=True, width=60)


def test_margins_of_too_few_rounds_and_of_a_missed_target() -> None:
    made = ten()
    made.precision = 0.1
    assert "(target ±0.1)" in decay_document(made).render("text")
    assert re.search("Next: BUDGET=[0-9]+ for ±0.1 pp", decay_document(made, path="x").render("text"))
    made.rounds = made.rounds[:4]
    text = decay_document(made, path="x").render("text")
    assert " ±?" in text
    assert "no margins: too few rounds" in text
    assert re.search("Next: BUDGET=[0-9]+ for margins", text)


def test_what_a_plain_wrk_shows_is_wide_only() -> None:
    made = by_turns()
    assert "plain" not in decay_document(made).render("text")
    text = decay_document(made, wide=True).render("text", wide=True, width=400)
    (head,) = (line for line in text.splitlines() if "plain CPU µs" in line)
    assert "sleeps per req" in head
    (row,) = (line.split() for line in text.splitlines() if "└ starlette" in line)
    assert {"42.5", "0.90"} <= {*row}, "27.5 µs and the wake-ups"
