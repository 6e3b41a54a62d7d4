"""Tables: the same figures for people and for programs, and readable in 80 columns."""

import csv
import html
import io
import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from asgi_anatomy.documents.document import Document
from asgi_anatomy.documents.store import RUNNING, encode, read_record, runs_like
from asgi_anatomy.suite.layers import ROOT
from asgi_anatomy.turns.decay import figures
from asgi_anatomy.turns.record import Bench as Record
from asgi_anatomy.turns.record import Latency
from asgi_anatomy.turns.table import FIRST, ONE_SPEED, decay_document
from tests.records import Simulation, plain
from tests.records import ladder as by_turns

KEPT = sorted((ROOT / "results" / "reference").glob("*/*-bench.json"))
BENCHES = [*(path for path in KEPT if path.parent.name != "workloads"), ROOT / "results" / "published.json"]
WORKLOADS = [path for path in KEPT if path.parent.name == "workloads"]
KEYS = (
    "layer,on,decay,decay_low,decay_high,cpu_us,added_us,rps_per_core,note,share,added_low,added_high,cpu_low,cpu_high,"
    "rps_per_core_low,rps_per_core_high,idle,rounds,turns,plain_rps,bound,plain_rps_low,plain_rps_high,plain_cpu_us,"
    "plain_decay,sleeps,p50_us,p99_us,p99_low,p99_high,windows,margin,rss_start,rss_end,rss_requests,"
    "user_us,user_low,user_high,system_us,system_low,system_high,plain_system_us,user_decay,user_decay_low,user_decay_high"
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
    text = decay_document(ladder, wide=True).render(form, wide=True, width=300)
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
    text = " ".join(decay_document(made, path="x").render("text").split())
    assert re.search(
        "Next: make bench LAYERS='layer0xx .* layer9xx' BUDGET=[0-9]+ for ±0.1 pp; make table RECORD=x", text
    )
    made.rounds = made.rounds[:4]
    text = decay_document(made, path="x").render("text")
    assert " ±?" in text
    assert "no margins: too few rounds" in text
    assert re.search(r"BUDGET=[0-9]+\s+for margins", text)


def test_what_a_plain_wrk_shows_is_wide_only() -> None:
    made = by_turns()
    assert "plain" not in decay_document(made).render("text")
    text = decay_document(made, wide=True).render("text", wide=True, width=500)
    (head,) = (line for line in text.splitlines() if "plain CPU µs" in line)
    assert "sleeps per req" in head
    (row,) = (line.split() for line in text.splitlines() if "└ starlette" in line)
    assert {"42.5", "0.90"} <= {*row}, "27.5 µs and the wake-ups"


def test_every_column_fits_a_terminal() -> None:
    """Several tables below each other, each with the layers' names, and every column in one of them."""
    for made in (by_turns(), by_turns(two_speeds=True)):
        text = decay_document(made, wide=True).render("text", wide=True)
        assert max(map(cell_len, text.splitlines())) <= 80
        heads = [line for line in text.splitlines() if line.startswith("layer ")]
        assert len(heads) > 2
        assert " ".join(" ".join(heads).split()).count("lowest - highest") == 2


def test_runs_of_one_machine_stand_beside_each_other(tmp_path: Path) -> None:
    """But none with another workload, client or machine, and none that another process has not finished."""
    runs = [by_turns(seed) for seed in range(5)]
    for day, each in enumerate(runs, 1):
        each.made = datetime(2026, 1, day, tzinfo=UTC)
    runs[2].workload, runs[3].client = "headers", "other"
    runs[4].stopped = RUNNING
    for each in runs:
        (tmp_path / f"{each.made:%Y%m%d}-000000-bench.json").write_bytes(encode(each))
    found = runs_like(runs[0], [tmp_path])
    assert [each.made for each in found] == [runs[1].made]
    costs = sorted(max(row.cpu_us or 0 for row in figures(each)) for each in runs[:2])
    line = f"2 runs of these layers on this machine: fastapi {costs[0]:,.1f} to {costs[1]:,.1f} µs"
    assert line in decay_document(runs[0], runs=found).render("text")
    assert "runs of this" not in decay_document(runs[0]).render("text")


def test_a_core_that_is_slow_throughout_looks_calm_and_the_table_says_so() -> None:
    assert ONE_SPEED in decay_document(by_turns()).render("text")
    assert ONE_SPEED not in decay_document(by_turns(rounds=20, two_speeds=True)).render("text")


def test_two_layers_without_a_round_in_common_have_figures_and_no_decay() -> None:
    made = by_turns()
    for place, each in enumerate(made.rounds):
        each.turns = [turn for turn in each.turns if turn.layer != ("asyncio", "uvicorn")[place % 2]]
    text = decay_document(made).render("text")
    assert "uvicorn: no decay: no round has turns that count of both it and asyncio" in " ".join(text.split())
    assert "asyncio has no figure" not in text
