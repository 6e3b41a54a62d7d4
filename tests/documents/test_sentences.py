"""What each command says first, against its figures; and that all of it fits 80 columns, for every record kept here."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.anatomy.text import anatomy_document, difference_document
from asgi_anatomy.anatomy.text import sentence as of_anatomy
from asgi_anatomy.bench.machines import cells, machines_document, sites
from asgi_anatomy.bench.machines import sentence as of_machines
from asgi_anatomy.compare.text import comparison_document
from asgi_anatomy.compare.text import sentence as of_comparison
from asgi_anatomy.compare.verdict import Change, compare
from asgi_anatomy.counts.figures import lines
from asgi_anatomy.documents.document import Document
from asgi_anatomy.documents.store import REFERENCE, read_record
from asgi_anatomy.pair.sensitivity import rows, sensitivity_document
from asgi_anatomy.pair.sensitivity import sentence as of_sensitivity
from asgi_anatomy.pair.text import pair_document
from asgi_anatomy.pair.text import sentence as of_pair
from asgi_anatomy.turns.estimate import Estimate
from asgi_anatomy.turns.record import Anatomy, Bench, Counts, Frame, Load, Pair, Row, Sensitivity, Trial
from asgi_anatomy.turns.verdict import Outcome
from tests.records import BEFORE, PYTHON, XEON, by_turns, ladder

ANATOMIES = sorted(REFERENCE.glob("*/*-anatomy.json"))
LONG = "a-layer-with-a-name-of-40-characters-all"


def fits(document: Document, wide: bool = False) -> list[str]:
    """The lines of a document in text, none of them wider than 80 columns."""
    found = document.render("text", wide).splitlines()
    assert [line for line in found if len(line) > 80] == []
    return found


def number(text: str, pattern: str) -> float:
    found = re.search(pattern, " ".join(text.split()))
    assert found, text
    return float(found[1].replace(",", ""))


@pytest.mark.parametrize("path", ANATOMIES, ids=lambda path: path.parent.name)
def test_anatomies(path: Path) -> None:
    kept = read_record(path, Anatomy)
    found = fits(anatomy_document(kept))
    fits(anatomy_document(kept, wide=True), wide=True)
    by_name = {line.layer: line for line in lines(kept)}
    said = of_anatomy(kept)
    assert " ".join(found).startswith(said.split(";")[0][:60])
    top = by_name[said.split()[3]]
    sure = [line.instructions for line in by_name.values() if line.instructions and (line.spread or 0) <= 2]
    assert top.instructions == max(sure)
    assert number(said, r"takes ([\d,]+) instructions") == round(top.instructions)
    lowest = by_name[re.findall(r"one to ([\w-]+)", said)[0]]
    assert lowest.on is None
    assert lowest.instructions
    times = top.instructions / lowest.instructions
    if times >= 1.1:
        assert number(said, r"([\d.]+) times") == pytest.approx(times, abs=0.05)
    else:
        assert number(said, r"([\d.]+)% more") == pytest.approx(100 * (times - 1), abs=0.05)
    if "added above" in said:
        assert re.findall(r"above ([\w-]+)", said) == [top.on]
        assert number(said, r"(\d+)% of them") == pytest.approx(top.decay, abs=0.5)
    after = found[max(place for place, line in enumerate(found) if not line) :]
    said_below = [line for line in after if line and line[0] != " " and line.partition(":")[0] not in by_name]
    assert len(said_below) <= 5


def test_anatomies_of_which_something_is_missing() -> None:
    kept = Anatomy(layers=[Row(name="low"), Row(name="mid", on="low"), Row(name="high", on="mid")])
    assert of_anatomy(kept).startswith("Nothing could be counted")
    low, mid, high = (Counts(layer=name) for name in ("low", "mid", "high"))
    kept.anatomy = [low, mid, high]
    assert of_anatomy(kept).startswith("Nothing could be counted")
    high.bytecodes = {"a": 30, "b": 10}
    assert of_anatomy(kept) == "A request to high takes 40 bytecodes."
    low.bytecodes = {"a": 10}
    assert of_anatomy(kept) == "A request to high takes 40 bytecodes, and no layer here takes more."
    mid.bytecodes = {"a": 20}
    said = "A request to high takes 40 bytecodes, 4.0 times as many as one to low; 50% of them are what high adds to"
    said += " mid."
    assert of_anatomy(kept) == said
    low.instructions = [{"x": 100}]
    assert of_anatomy(kept) == "A request to low takes 100 instructions."
    mid.instructions = [{"x": 103}]
    high.instructions = [{"x": 900}, {"x": 500}]
    assert of_anatomy(kept) == "A request to mid takes 103 instructions, 3.0% more than one to low.", "not of a JIT"
    kept.layers[2].faults = ["did not start"]
    assert any("high: did not start" in line for line in fits(anatomy_document(kept)))


def test_long_names_and_tall_ladders() -> None:
    names = [f"{number}{LONG}"[:40] for number in range(10)]
    kept = Anatomy(
        layers=[Row(name=name, on=names[place - 1] if place else None) for place, name in enumerate(names)],
        anatomy=[
            Counts(layer=name, instructions=[{"interpreter": 10.0**place, LONG: 5}], bytecodes={LONG: 1, "b": 2})
            for place, name in enumerate(names, 1)
        ],
    )
    fits(anatomy_document(kept))


def pairs() -> Iterator[tuple[Anatomy, str, str]]:
    for path in ANATOMIES:
        kept = read_record(path, Anatomy)
        trees = {found.layer for found in kept.anatomy if found.tree}
        yield from ((kept, row.on, row.name) for row in kept.layers if row.on in trees and row.name in trees)


def test_diffs() -> None:
    shown = 0
    for kept, a, b in pairs():
        found = fits(difference_document(kept, a, b))
        if a == b or "same functions" in found[0]:
            continue
        text = " ".join(" ".join(found).split())
        counts = {line.layer: line for line in lines(kept)}
        more = (counts[b].bytecodes or 0) - (counts[a].bytecodes or 0)
        if abs(more) >= 1:
            sign = number(text, r"runs ([\d,.]+) (?:more|fewer) bytecodes") * (1 if "more bytecodes" in text else -1)
            assert sign == pytest.approx(more, rel=1e-6), (a, b)
            assert 0 < number(text, r"; (\d+)% of what") <= 100
        shown += 1
    assert shown > 20


def test_what_a_diff_says() -> None:
    def tree(**calls: float) -> Frame:
        frames = [Frame(package=name, function="f", calls=1, bytecodes=count) for name, count in calls.items()]
        return Frame(package="", function="", calls=0, bytecodes=0, children=frames)

    kept = Anatomy(layers=[Row(name="low"), Row(name="high", on="low")])
    kept.anatomy = [Counts(layer="low", tree=tree(a=10)), Counts(layer="high", tree=tree(a=5, b=30, c=10))]
    said = "high makes 2 more Python calls per request than low, and runs 35 more bytecodes; 75% of what it adds is"
    assert difference_document(kept, "low", "high").parts[0] == f"{said} in functions of b."
    said = "low makes 2 fewer Python calls per request than high, and runs 35 fewer bytecodes; 75% of what it saves is"
    assert difference_document(kept, "high", "low").parts[0] == f"{said} in functions of b."
    assert "same functions" in str(difference_document(kept, "low", "low").parts[0])


def test_comparisons() -> None:
    one, other = ladder(1), ladder(2, two_speeds=True)
    changes = compare(one, other, 1.0)
    found = fits(comparison_document(changes, one, other, 1.0))
    assert found[0].partition(":")[0] in {change.verdict for change in changes}
    fits(comparison_document(changes, one, other, 1.0, wide=True), wide=True)


def test_what_a_comparison_says() -> None:
    one = Change("one", 50.0, 51.0, 2.0, 2.2, 0.9, 0.88, 0.93, "slower")
    other = Change("other", 50.0, 51.0, 2.0, 2.2, 0.95, 0.9, 0.99, "slower")
    same = Change("same", 50.0, 51.0, 2.0, 2.0, 1.0, 0.995, 1.005, "same")
    vague = Change("vague", None, None, 2.0, 2.0, 1.0, None, None, "unclear")
    fast = Change("fast", 50.0, 45.0, 2.0, 1.8, 1.1, 1.05, 1.15, "faster")
    fewer = "one serves 10.0% fewer (7.0 to 12.0%) requests per CPU-second in B than in A"
    assert of_comparison([same, one, vague], 1) == f"slower: {fewer}; 1 is unclear, 1 is the same."
    assert of_comparison([other, one, same, same], 1) == f"slower: 2 of 4 layers, most of all {fewer}; 2 are the same."
    assert of_comparison([same, vague], 1).startswith("unclear: whether B differs from A in vague; 1 is")
    assert "faster: fast serves 10.0% more (5.0 to 15.0%)" in of_comparison([fast], 1)
    assert of_comparison([same], 2) == "same: same serves as many requests per CPU-second in B as in A, within 2%."
    assert of_comparison([same, same], 1).startswith("same: all 2 layers serve as many")


@pytest.mark.parametrize(
    ("mean", "error", "verdict", "says"),
    [
        (-0.1, 0.01, "slower", "slower: b serves 9.52% fewer requests per CPU-second than a (98.42% interval 7."),
        (0.1, 0.01, "faster", "faster: b serves 10.52% more requests per CPU-second than a (98.42% interval 7."),
        (0.001, 0.001, "same", "same: b serves as many requests per CPU-second as a, within 1% (98.42% interval -0."),
        (-0.008, 0.005, "unclear", "unclear: b is between 0.53% faster and 2.10% slower than a (98.42% "),
        (-0.010, 0.0035, "unclear", "unclear: b is 0.07% to 1.91% slower than a (98.42% "),
        (0.010, 0.0035, "unclear", "unclear: b is 0.07% to 1.95% faster than a (98.42% "),
    ],
)
def test_pairs(mean: float, error: float, verdict: str, says: str) -> None:
    outcome = Outcome("a", "b", Estimate(mean, error, 20), verdict, 90.0, 1.0)  # type: ignore[arg-type]
    said = of_pair(outcome)
    assert said.startswith(says)
    if verdict in ("slower", "faster"):
        low, high = (float(each) for each in re.findall(r"interval ([\d.]+) to ([\d.]+)%", said)[0])
        assert low < abs(100 * (1 - math.exp(mean))) < high


def test_a_pair_with_long_names() -> None:
    a, b = f"{LONG[:-1]}a", f"{LONG[:-1]}b"
    kept = Pair(load=Load(), turn_ms=100, layers=[Row(name=a), Row(name=b, on=a)])
    for found in (None, Estimate(-0.1, None, 1), Estimate(-0.1, 0.01, 20)):
        outcome = Outcome(a, b, found, "slower" if found and found.error else "unclear", 90.0, 1.0)
        text = fits(pair_document(outcome, kept))
        assert " ".join(text).startswith("slower: " if found and found.error else "unclear: ")


def trials(injected: float, verdicts: str) -> list[Trial]:
    """A trial for each letter: slower, faster, unclear."""
    words = {"s": "slower", "f": "faster", "u": "unclear"}
    return [Trial(injected, words[each], injected, injected - 0.4, injected + 0.4, 12, 40) for each in verdicts]  # type: ignore[arg-type]


def test_sensitivity() -> None:
    kept = Sensitivity(budget=60, threshold=1, floor=0.1)
    for injected, verdicts in ((0.0, "uuuf"), (0.5, "suuu"), (1.0, "ssss"), (3.0, "ssss")):
        kept.trials += trials(injected, verdicts)
    fits(sensitivity_document(kept))
    said = of_sensitivity(rows(kept))
    assert "every slow-down of 1.00% or more (8 of 8 runs)" in said
    assert "1 of 4 of 0.50% (1 to 81%)" in said
    assert "a change was called in 1 of 4 (1 to 81%)" in said
    assert of_sensitivity([]) == "Nothing was tried yet."
    missed = Sensitivity(budget=9, threshold=1, floor=0.1, trials=[Trial(5.0, "same", 0.1, -1, 1, 4, 9)])
    assert of_sensitivity(rows(missed)) == "A pair found 0 of 1 of 5.00% (0 to 98%)."


def made(seed: int, cores: int = 2, high: float = 60.0) -> Bench:
    """A record of a machine with so many cores, which one layer does not like."""
    found = by_turns(seed, {**BEFORE, "high": high})
    found.machine, found.python = msgspec.structs.replace(XEON, cores=cores), PYTHON
    return found


def test_machines() -> None:
    records = {"a": made(1), "b": made(2, cores=4, high=70.0), "c": made(3, cores=8)}
    found = sites(records)
    fits(machines_document(found, [read_record(path, Anatomy) for path in ANATOMIES]))
    several = cells(found, [])
    decays = [cell.decay for cell in several if cell.layer == "high"]
    said = of_machines(several)
    assert said.startswith("Machines differ most in high on middle, by ")
    assert number(said, r"by ([\d.]+) pp") == pytest.approx(max(decays) - min(decays), abs=0.05)
    assert f": {min(decays):.1f} to {max(decays):.1f}% on 3 machines (more than their intervals explain)." in said
    counted = [msgspec.structs.replace(cell, instructions=60.0) for cell in several if cell.layer == "high"]
    assert of_machines(counted).endswith("; by instructions 60.0% on all.")
    counted[0] = msgspec.structs.replace(counted[0], instructions=None)
    assert of_machines(counted).endswith("; by instructions 60.0% on 2.")
    one = cells(sites({"a": made(1)}), [])
    assert of_machines(one) == "This is one machine: to compare, name records of one ladder on several with RECORD=."
    assert of_machines([]).startswith("No layer here has a decay")
