"""What changed between the counts of two versions of a layer."""

import pytest

from asgi_anatomy.counts.changes import Change, Changes, compare_counts, noise_floor, verdict_of
from asgi_anatomy.turns.record import Counts, Frame


def counts(serialize: float, *children: Frame, libc: float = 100) -> Counts:
    tree = Frame("", "", 0, 0, [Frame("app", "run", 1, 50, [Frame("app", "serialize", 1, serialize), *children])])
    packages = {"app": 50 + serialize, **{each.package: each.bytecodes for each in children}}
    return Counts(
        layer="x", tree=tree, bytecodes=packages, calls={"app": 2}, syscalls={"read": 1, "write": 1},
        instructions=[{"interpreter": 9_900, "libc": each} for each in (libc - 10, libc, 20_000)],
    )  # fmt: skip


def test_what_changed() -> None:
    found = compare_counts(counts(40), counts(10, Frame("new", "check", 1, 20), libc=140))
    assert found.metrics == {
        "instructions": Change(10_000, 10_040),
        "bytecodes": Change(90, 80),
        "calls": Change(2, 2),
        "syscalls": Change(2, 2),
    }
    assert found.metrics["instructions"].percent == pytest.approx(0.4)
    assert (found.metrics["bytecodes"].delta, found.metrics["calls"].percent) == (-10, 0)
    assert [(each.name, each.calls.delta, each.bytecodes.delta) for each in found.functions] == [
        ("app:serialize", 0, -30),
        ("new:check", 1, 20),
    ]


def test_what_was_counted_on_one_side_alone_is_left_out() -> None:
    assert compare_counts(counts(40), Counts(layer="x")) == Changes({}, [])


@pytest.mark.parametrize(
    ("a", "b", "floor", "said"),
    [
        (1000, 1002, 0, "same"),
        (1000, 1003, 0, "slower"),
        (1000, 997, 0.1, "faster"),
        (1000, 1003, 0.4, "unclear"),
        (1000, 1001, 0.4, "same"),
        (0, 5, 0, "slower"),
        (0, 0, 0, "same"),
    ],
)
def test_verdicts(a: float, b: float, floor: float, said: str) -> None:
    assert verdict_of(Change(a, b), floor) == said


def test_the_noise_floor() -> None:
    assert noise_floor(counts(40), counts(40, libc=120)) == {
        "instructions": pytest.approx(0.2), "bytecodes": 0, "calls": 0, "syscalls": 0,
    }  # fmt: skip
