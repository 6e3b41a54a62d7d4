"""No answer says what its record does not bear out: every ladder's template, with every record kept and with others."""

import random
import re
from pathlib import Path
from string import Formatter

import pytest

from asgi_anatomy.documents.source import Source
from asgi_anatomy.documents.store import REFERENCE, read_record
from asgi_anatomy.documents.words import NBSP, micro
from asgi_anatomy.pages.answer import answer, words
from asgi_anatomy.suite.layers import ROOT, Catalogue, read_catalogue
from asgi_anatomy.turns.record import Anatomy, Bench, Measured
from tests.records import Simulation, window

CATALOGUE = read_catalogue()
KEPT = [*sorted(REFERENCE.glob("*/*-bench.json")), ROOT / "results" / "published.json"]
COUNTED = sorted(REFERENCE.glob("*/*-anatomy.json"))
MORE = re.compile(r"([\d,.]+)\sµs (more|less) than ([^\s,;]+)")


def record_of(catalogue: Catalogue, ladder: str, seed: int, rounds: int = 6) -> Bench:
    """A record of a ladder in which chance decides what a layer costs: sometimes less than the one it stands on."""
    chance = random.Random(seed)
    about = catalogue.ladders[ladder]
    layers = [*map(catalogue.one, about.layers)]
    layers = [*layers, *(layer.several(count) for layer in layers if layer.scales for count in about.workers)]
    costs = {layer.name: chance.choice((20.0, 20.0, 35.0, 50.0, 80.0)) for layer in layers}
    made = Simulation(seed, costs).record(rounds, cycles=2)
    for row, layer in zip(made.layers, layers, strict=True):
        on = about.on.get(layer.name, layer.on)
        row.on = on if on in costs else None
    made.windows = [window(name, cost, rounds - 1) for name, cost in costs.items()]
    made.ladder = ladder
    return made


def holds(said: str, record: Measured) -> None:
    """Whatever a sentence says of times is so."""
    rows = Source("", record).shown()
    for number, how, named in MORE.findall(said):
        below = named.rstrip(".")
        of = [row for row in rows if row.on == below and micro(abs(row.added_us or 0)) == f"{number}{NBSP}µs"]
        assert [row for row in of if ((row.added_us or 0) < 0) == (how == "less")], said
        assert [row for row in of if row.added_low is None or row.added_low * (row.added_high or 0) > 0], said
    for below in re.findall(
        r"(?:measurably neither more nor less than|about as much as) ([^\s,;]+?)[.,;]? ", f"{said} "
    ):
        assert any(row.on == below for row in rows), said
    told = {micro(abs(each)) for row in rows for each in (row.cpu_us, row.added_us) if each is not None}
    assert {f"{number}{NBSP}µs" for number in re.findall(r"([\d,.]+)\sµs", said)} <= told, said
    for bare in re.findall(r"bare (\w+) server", said):
        assert next(row for row in rows if row.layer == bare).on is None


@pytest.mark.parametrize("ladder", CATALOGUE.ladders)
def test_every_ladder_has_an_answer_that_its_record_bears_out(ladder: str) -> None:
    about = CATALOGUE.ladders[ladder]
    assert about.question.endswith("?")
    assert about.answer.endswith(".")
    first = next(text for text, *_ in Formatter().parse(about.answer))
    for seed in range(4):
        made = record_of(CATALOGUE, ladder, seed, rounds=6 if seed else 1)
        said = answer(ladder, Source("", made).shown())
        assert said.startswith(first), "its own template, which lacks nothing"
        holds(said, made)
        made.ladder = ""
        headline, more = words(Source("", made))
        holds(" ".join([headline, *more[:1]]), made)
        assert ("Too few rounds for margins" in more[-1]) == (seed == 0)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_records_kept(path: Path) -> None:
    made = read_record(path, Bench)
    headline, more = words(Source("", made))
    holds(" ".join([headline, *more[:-1]]), made)


@pytest.mark.parametrize("path", COUNTED, ids=lambda path: path.parent.name)
def test_counts_are_of_layers_of_which_one_stands_on_the_other(path: Path) -> None:
    made = read_record(path, Anatomy)
    on = {row.name: row.on for row in made.layers}
    headline, _ = words(Source("", None, made))
    top, low = re.findall(r"^A (\S+) request takes .* for (\S+)\.$", headline)[0]
    while top != low:
        top = on[top]
        assert top, headline


def test_other_runs_of_the_same_are_named_beside_the_first() -> None:
    one, other = record_of(CATALOGUE, "default", 1), record_of(CATALOGUE, "default", 1)
    assert "2 runs of these layers on this machine: " in words(Source("", one, runs=[other]))[1][-1]


def test_a_ladder_of_which_a_layer_failed_has_an_answer_all_the_same() -> None:
    made = record_of(CATALOGUE, "stack", 2)
    made.row("daphne").faults = ["did not start"]
    said = answer("stack", Source("", made).shown())
    assert "daphne" not in said
    holds(said, made)
