"""The phases of one request: they are all of it, and phases.toml knows what the layers on record call."""

from pathlib import Path

import pytest

from asgi_anatomy.counts.figures import components
from asgi_anatomy.counts.phases import KERNEL, OTHER, phase_of, phases, rules, times
from asgi_anatomy.documents.source import Source
from asgi_anatomy.documents.store import REFERENCE, latest, read_record
from asgi_anatomy.turns.record import Anatomy, Counts, Frame
from tests.records import KERNEL_US, LADDER, ladder

ANATOMIES = sorted(REFERENCE.glob("*/*-anatomy.json"))
MOST = 0.15
"""The share of a layer that may be in no phase."""


@pytest.mark.parametrize("path", ANATOMIES, ids=lambda path: path.parent.name)
def test_every_layer_on_record_has_phases(path: Path) -> None:
    for counts in read_record(path, Anatomy).anatomy:
        found = {phase.name: phase for phase in phases(counts)}
        if not counts.tree or not counts.bytecodes:
            assert not found, f"{counts.layer} has no call tree"
            continue
        total = sum(components(counts).values())
        assert sum(phase.amount for phase in found.values()) == pytest.approx(total, rel=0.001), counts.layer
        for phase in found.values():
            assert sum(phase.owners.values()) == pytest.approx(phase.amount)
        assert not found.get(OTHER) or found[OTHER].amount < MOST * total, counts.layer


def test_phases_add_up_to_the_cpu_time_of_their_layer() -> None:
    anatomy = read_record(latest("anatomy", REFERENCE / "default"), Anatomy)
    source = Source("x", ladder(like=anatomy), anatomy)
    assert {*source.phases} == {*LADDER}
    for row in source.figures:
        kernel, *others = source.phases[row.layer]
        assert sum(phase.amount for phase in (kernel, *others)) == pytest.approx(row.cpu_us)
        assert (kernel.name, kernel.amount) == (KERNEL, row.system_us)
        assert kernel.amount == pytest.approx(KERNEL_US, rel=0.5)
    names = [phase.name for phase in source.phases["fastapi"]]
    assert names == [KERNEL, *(rule.name for rule in rules().phases)], "from left to right"


def test_a_record_without_user_and_system_time_has_no_phases() -> None:
    anatomy = read_record(latest("anatomy", REFERENCE / "default"), Anatomy)
    record = ladder(like=anatomy)
    for instance in (instance for each in record.rounds for instance in each.instances):
        instance.user_ns = instance.system_ns = None
    assert not Source("x", record, anatomy).phases


def test_where_a_function_belongs() -> None:
    assert phase_of("uvicorn:HttpToolsProtocol.on_url") == "parse"
    assert phase_of("uvicorn:HttpToolsProtocol.on_headers_complete") == "ASGI scope", "the longest pattern counts"
    assert phase_of("contextlib:nullcontext.__exit__") == "", "its caller's"
    assert phase_of("fastapi:something_new") == OTHER


def test_what_is_divided_and_what_is_not() -> None:
    """A helper is its caller's, and the standard library too; a component is a phase's, or nobody's."""
    below = [Frame("json", "loads", 1, 10, [Frame("re", "match", 1, 10)]), Frame("new", "f", 1, 20)]
    tree = Frame("", "", 0, 0, [Frame("starlette", "Request.json", 1, 60, below)])
    instructions = [{"interpreter": 900.0, "libc": 100.0, "httptools/llhttp": 50.0, "unknown": 30.0}]
    counts = Counts(layer="x", instructions=instructions, bytecodes={"starlette": 100}, tree=tree)
    found = {phase.name: phase for phase in phases(counts)}
    assert {name: phase.owners for name, phase in found.items()} == {
        "parse": {"httptools": 50},
        "JSON": {"starlette": 800},
        OTHER: {"new": 200, "unknown": 30},
    }
    assert found["JSON"].place == "starlette:Request.json"
    assert [round(phase.amount, 2) for phase in times(counts, 108, 12)] == [12, 5, 80, 23]
