"""Records that others made: hostile ones are shown as text and nothing else, those that make no sense are refused.

MUTATIONS says how many mutated records a campaign shows (300; `make test` has 20), SEED repeats one.
"""

import csv
import io
import json
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asgi_anatomy.anatomy.text import anatomy_document, difference_document
from asgi_anatomy.documents.store import REFERENCE, encode, latest
from asgi_anatomy.export.command import FORMATS as EXPORTS
from asgi_anatomy.history.record import write_all
from asgi_anatomy.pair.sensitivity import sensitivity_document
from asgi_anatomy.sweep.text import sweep_document
from asgi_anatomy.turns.record import Anatomy, Counts, Kind, Measured, Pair, Row, Sensitivity, Trial
from asgi_anatomy.turns.table import decay_document
from asgi_anatomy.versus.record import Bisection, Candidate, Compared, Versus
from asgi_anatomy.versus.text import versus_document, versus_markdown
from tests.conftest import Bench
from tests.records import PYTHON, XEON, counted, ladder, layer, release, versus
from tests.sweep.test_text import connections, rates

QUICK, ALL = 20, 300
pytestmark = pytest.mark.faults
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
TAG = re.compile(r"<(?!/?details>|/?summary>|!-- asgi-anatomy versus: [\w. -]* -->$)", re.MULTILINE)
PIECES = [
    *"\x00\x07\x1b\x7f\x85\x9b\u202e\u2028\u2029\r\n\t =+-@|`*_$#;\"'\\<>",
    "-->", "--!>", "<img src=x onerror=x>", "</script>", "<!--", "</details>", "```", "$(shell touch x)", "$(touch x)",
    "1. ", "# ", "@octocat", "starlette", "[x](http://x)",
]  # fmt: skip
WORDS = (
    *("adds", "faults", "notes", "fault", "subject", "a", "b", "ladder", "workload", "cpu", "limit", "flags"),
    *("stopped", "other", "bad target", "A", "PACKAGE", "asked"),
)
HOSTILE = st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join), min_size=5, max_size=5)


def pair() -> Pair:
    made = ladder(rounds=5)
    names = [row.name for row in made.layers[:2]]
    for each in made.rounds:
        each.turns = [turn for turn in each.turns if turn.layer in names]
        each.instances = [one for one in each.instances if one.layer in names]
    return Pair(load=made.load, turn_ms=100, layers=made.layers[:2], rounds=made.rounds, seconds=48, threshold=1)


def counts() -> Anatomy:
    """Two layers, the second with a note and a fault."""
    low, high = counted(100_000, 500), counted(150_000, 700)
    low.layer, high.layer, high.notes = "low", "high", ["no strace here"]
    high.syscalls, high.memory = {"read": 1.0}, {"allocations": 3.0}
    rows = [Row(name="low"), Row(name="high", on="low", packages={"pack": "1"})]
    endpoint = Counts(layer="share", instructions=[{"libc": 1000.0}])
    return Anatomy(layers=rows, anatomy=[low, high], endpoint=endpoint, ladder="own", machine=XEON, python=PYTHON)


def compared() -> Versus:
    """With a pair, a layer that failed, a step, and one that could not be counted."""
    low = layer("low", counted(100_000, 500), counted(101_000, 510))
    low.pair, low.versions, low.differ = pair(), {"pack": ("1", "2")}, {"other": ("1", "2")}
    low.answers, low.a.flags = {"bad target": "400, 404"}, ["--flag"]
    high = Compared(layer="high", a=low.a, b=low.b, faults=["side B died"])
    record = versus(low, high, again=counted(100_100, 500))
    points = [Candidate(name="1", count=10), Candidate(name="2", fault="no wheel"), Candidate(name="3", count=20)]
    record.asked = {"PACKAGE": "pack", "A": "1", "B": "2"}
    return msgspec.structs.replace(record, bisection=Bisection(package="pack", layer="low", points=points))


def sensitivity() -> Sensitivity:
    return Sensitivity(budget=60, threshold=1, floor=0.1, trials=[Trial(1.0, "slower", 1.1, 0.5, 1.5, 9, 30.0)] * 2)


RECORDS: dict[str, Callable[[], Kind]] = {
    "bench": lambda: ladder(rounds=5), "pair": pair, "anatomy": counts, "versus": compared, "sweep": connections,
    "rates": rates, "sensitivity": sensitivity, "bisection": compared,
}  # fmt: skip


def renamed(value: Any, names: Mapping[str, str], key: str = "") -> Any:
    """What was decoded from JSON, with other names for the same things, and hostile words where there were words."""
    if isinstance(value, dict):
        return {names.get(name, name): renamed(inner, names, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, names, key) for inner in value]
    if isinstance(value, str) and key in ("on", "layer", "name", "floor_layer", "package", "function", "turns"):
        return names.get(value, value)
    return names["words"] if isinstance(value, str) and key in WORDS else value


def hostile(record: Kind, names: list[str]) -> Kind:
    """The record with these in place of its names and its words; BadInput where they are equal, as layers."""
    called = dict(zip(("low", "high", "asyncio", "uvicorn", "pack", "words"), cycle(names), strict=False))
    called = {**called, "high": f"{called['high']}2", "uvicorn": f"{called['uvicorn']}2", "</script><img src=x>": "=3"}
    made: Kind = msgspec.convert(renamed(json.loads(encode(record)), called), type=type(record))
    return made


def printed(record: Kind) -> Iterator[tuple[str, str]]:
    """A record in every format."""
    for wide in (False, True):
        match record:
            case Measured():
                document = decay_document(record, wide, "x.json")
            case Anatomy():
                document = anatomy_document(record, split=wide, wide=wide)
            case Versus():
                document = versus_document(record, "json" if wide else "csv", wide)
            case Sensitivity():
                document = sensitivity_document(record, wide)
            case _:
                document = sweep_document(record, wide)  # type: ignore[arg-type]
        for form in ("text", "markdown", "csv", "json"):
            yield form, document.render(form, wide)
    if isinstance(record, Versus):
        yield "comment", versus_markdown(record)
    if isinstance(record, Anatomy):
        low, high = (row.name for row in record.layers)
        yield "text", difference_document(record, low, high).render("text")
    for export in EXPORTS.values():
        if isinstance(record, export.kinds):
            yield "json", export.write([record])


def check(form: str, text: str) -> None:
    """What is printed is what its format is, whatever is in it."""
    assert not RAW.search(text), form
    if form == "json":
        json.loads(text, parse_constant=pytest.fail)
    elif form == "csv":
        assert "\t" not in text
        for row in csv.reader(io.StringIO(text)):
            assert not [each for each in row if re.match(r"\s*[=+@]|\s*-(?![\d.]+$)", each)], row
    elif form in ("markdown", "comment"):
        *around, last = text.split("\n```sh\n") if form == "comment" else ["", text]
        command, _, after = last.partition("\n```\n") if form == "comment" else ("", "", text)
        assert "\n" not in command
        prose = around[0] + after
        assert not TAG.search(prose), prose
        assert not re.search(r"@\w|(?<!\\)[$`]|(?<!\\)\]\(|^\s*(#+|[-+=]|\d+[.)])(\s|$)", prose, re.MULTILINE), prose


@pytest.mark.parametrize("kind", RECORDS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=HOSTILE)
def test_a_hostile_record_is_text_in_every_format(kind: str, names: list[str]) -> None:
    record = RECORDS[kind]()
    if isinstance(record, Versus) and kind == "versus":
        record.bisection = None
    for form, text in printed(hostile(record, names)):
        check(form, text)


EXPORTED = [f"export --format {name}" for name in EXPORTS]
COMMANDS = {
    "bench": ["table --wide", "compare", "machines", "workloads --record", *EXPORTED],
    "pair": ["table", "export --format pyperf", "export --format bencher"],
    "anatomy": ["anatomy --wide", "anatomy --format csv --split", "diff", "machines", *EXPORTED],
    "versus": ["versus", "versus --format markdown", "versus --format json"],
    "sweep": ["sweep", "sweep --format markdown --wide"],
    "sensitivity": ["sensitivity"],
    "history": ["history"],
}  # fmt: skip
"""What prints each kind of record."""
VALUES: list[Any] = [None, 0, -1, 1e308, -1e308, 1e-308, 10**15, 10**400, 0.5, "", "no layer", [], {}, True]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every key or index in what was decoded from JSON, with where it is."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def mutate(luck: random.Random, value: Any) -> str:
    """Change one thing at random; returns what."""
    every = [*places(value)]
    where, key = luck.choice(every)
    before = where[key]
    match luck.choice(("drop", "set", "set", "twice", "swap", "negate")):
        case "drop":
            del where[key]
            how = "dropped"
        case "twice" if isinstance(where, list):
            where.insert(key, before)
            how = "there twice"
        case "swap":
            same = [(other, at) for other, at in every if type(other[at]) is type(before)]
            other, at = luck.choice(same)
            where[key], other[at] = other[at], before
            how = f"swapped for {at}"
        case "negate" if isinstance(before, int | float):
            where[key] = -before
            how = "negated"
        case _:
            where[key] = luck.choice(VALUES)
            how = f"set to {str(where[key])[:20]}"
    return f"{key} = {str(before)[:60]} {how}"


def campaign(bench: Bench, folder: Path, count: int) -> None:
    """Show so many records that are slightly wrong: each as it is, or refused by its name."""
    seed = int(os.environ.get("SEED") or random.randrange(2**32))
    print(f"SEED={seed} repeats this")
    luck = random.Random(seed)
    records = {name: encode(make()) for name, make in RECORDS.items()}
    write_all([release("1.0", 1000), release("1.1", 1100), release("1.1", 1101, copy=1)], folder / "h.jsonl")
    records["history"] = (folder / "h.jsonl").read_bytes().splitlines()[1]
    records["reference"] = latest("bench", REFERENCE / "default").read_bytes()
    path, good = folder / "bad.json", folder / "good.json"
    for number in range(count):
        name = luck.choice([*records])
        made = json.loads(records[name])
        what = [mutate(luck, made) for _ in range(luck.choice((1, 1, 2)))]
        path.write_text(json.dumps(made))
        good.write_bytes(records[name])
        kind = json.loads(records[name]).get("command", "history")
        for command in luck.sample(COMMANDS[kind], min(2, len(COMMANDS[kind]))):
            words = command.split()
            if words[0] == "compare":
                words += ["--a", str(good), "--b", str(path)]
            else:
                words += ["--a", "low", "--b", "high"] if words[0] == "diff" else []
                words += ["--record", str(path)] if words[-1] != "--record" else [str(path)]
            about = f"SEED={seed}, {number + 1}. mutation: {command} of {name} with {what}"
            try:
                done = bench(*words)
            except Exception as error:
                raise AssertionError(about) from error
            assert done.returncode in range(5), about  # 3 and 4 are verdicts
            if done.returncode in (1, 2):
                assert done.stderr.startswith("error: ") or "\nerror: " in done.stderr, f"{about}: {done.stderr}"
            assert not {"inf", "nan"} & {*done.stdout.split()}, f"{about}: {done.stdout}"


def test_a_record_that_is_slightly_wrong_ends_no_command(quick_bench: Bench, tmp_path: Path) -> None:
    campaign(quick_bench, tmp_path, QUICK)


@pytest.mark.all
def test_many_records_that_are_slightly_wrong(quick_bench: Bench, tmp_path: Path) -> None:
    campaign(quick_bench, tmp_path, int(os.environ.get("MUTATIONS") or ALL))
