"""Releases in, steps out: what is a release's own, what is not, and what is never put into one series."""

import msgspec
import pytest

from asgi_anatomy.history.record import CountedRelease
from asgi_anatomy.history.steps import all_series, course, pruned
from asgi_anatomy.history.text import history_document, learnt, sentence, step_line
from tests.records import HOST, release


def told(*every: CountedRelease) -> list[tuple[str, str, str, bool]]:
    """The steps of the only series."""
    (series,) = all_series(every)
    return [(step.scope, step.before, step.version, step.drift) for step in series.steps]


def test_a_step_is_own_or_of_dependencies() -> None:
    every = [release("1", 1000), release("2", 1002), release("3", 1010), release("4", 1010, 1900)]
    assert told(*every) == [("own", "2", "3", False), ("dependencies", "3", "4", False)]


def test_releases_that_each_move_less_add_up_to_a_drift() -> None:
    every = [release(str(place), 1000 + 1.5 * place) for place in range(5)]
    assert told(*every) == [("own", "0", "2", True), ("own", "2", "4", True)]


def test_up_and_down_again_is_no_drift() -> None:
    assert told(*(release(str(place), 1000 + 1.5 * (place % 2)) for place in range(6))) == []


def test_a_gap_stands_between_the_releases_that_were_counted() -> None:
    every = [release("1", 1000), release("2", 0, gap="no wheel"), release("3", 1100)]
    assert told(*every) == [("own", "1", "3", False)]
    (series,) = all_series(every)
    assert [each.version for each in series.counted] == ["1", "3"]


def test_what_a_release_differs_from_itself_by_is_no_step() -> None:
    every = [release("1", 1000), release("2", 1005), release("2", 1015, copy=1)]
    assert told(*every) == []
    (series,) = all_series(every)
    assert series.floor["own", "bytecodes"] == pytest.approx(0.995, abs=0.001)
    assert told(*every[:2]) == [("own", "1", "2", False)]


def test_a_compiled_package_is_its_component_and_pydantic_both() -> None:
    first, second = (release(each, 100, package="pydantic", core=core) for each, core in (("1", 500.0), ("2", 600.0)))
    (series,) = all_series([first, second])
    assert [(step.scope, step.unit, step.change.delta) for step in series.steps] == [("own", "instructions", 100)]
    assert told(release("1", 100), release("2", 100, core=600.0)) == []  # the same binary
    versions = [{"pydantic-core": each} for each in ("2.1", "2.2")]
    every = [release(str(place), 100, core=500.0 + 100 * place, versions=versions[place]) for place in range(2)]
    (series,) = all_series(every)
    assert [(step.scope, step.unit, [*step.packages]) for step in series.steps] == [
        ("dependencies", "instructions", ["pydantic-core"])
    ]


def test_a_count_of_0_is_drawn() -> None:
    """As of a package that is compiled in one release and in Python in those around it."""
    owns = {"1": 0, "2": 200, "3": 0, "4": 300}
    (series,) = all_series([release(version, own) for version, own in owns.items()])
    drawn = course(series, ("own", "bytecodes"))
    assert {place: change.percent for place, change in drawn.items()} == {0: -100.0, 1: 0.0, 2: -100.0, 3: 50.0}
    assert "fastapi 2: +200 bytecodes" in learnt(series), "from 0 is the largest step there is"


def test_hosts_whose_anchors_differ_are_never_mixed() -> None:
    close, far = (
        msgspec.structs.replace(HOST, name=name, anchor=anchor)
        for name, anchor in (("two", 100_050.0), ("three", 100_500.0))
    )
    every = [release("1", 1000), release("2", 1100, host=close), release("1", 2000, host=far)]
    assert [(series.hosts, len(series.points)) for series in all_series(every)] == [(["one", "two"], 2), (["three"], 1)]


def test_only_what_steps_need_is_kept() -> None:
    every = [release("1", 1000), release("2", 1000), release("3", 1100), release("3", 1100, copy=1)]
    small = pruned(every)
    assert [bool(each.counts.tree) for each in small] == [False, True, True, False]
    assert told(*small) == told(*every)
    assert [step.functions for step in all_series(small)[0].steps] == [
        step.functions for step in all_series(every)[0].steps
    ]


def test_instructions_whose_repeats_differ_are_not_sure() -> None:
    one, other = release("1.0", 1000), release("1.1", 1000)
    other.counts.instructions.append({"interpreter": 2 * 300_000.0})
    text = history_document(all_series([one, other]), "fastapi").render("markdown")
    assert "not sure, as their repeats differ: instructions with 1.1 (66.5%)" in text


def test_in_words() -> None:
    every = [release("1.0", 1000), release("1.1", 0, gap="no\nwheel"), release("1.2", 1100, 1900)]
    (series,) = all_series(every)
    assert sentence(series) == (
        "A request to fastapi takes about as many instructions with fastapi 1.2 as with 1.0: 300,500 and 300,500; its"
        " own bytecodes went from 1,000 to 1,100, in 1 step."
    )
    (other,) = all_series([release("1.0", 1000), release("1.1", 1010, 2500)])
    assert sentence(other).endswith(
        "(300,500 -> 351,500); its own bytecodes went from 1,000 to 1,010, in 1 step; the rest is other code, or"
        " differs from count to count."
    )
    assert learnt(series) == (
        "Most was added by fastapi 1.2: +100 bytecodes (+10.0%), get +100. The work of other packages moved with 1"
        " release, most with fastapi 1.2: -100 bytecodes (-5.0%), starlette -100."
    )
    assert [step_line(step) for step in series.steps] == [
        "1.0 -> 1.2: own bytecodes 1,000 -> 1,100 (+10.00%): get +100",
        "1.0 -> 1.2: dependencies' bytecodes 2,000 -> 1,900 (-5.00%): starlette -100",
    ]
    text = history_document([series], "fastapi").render("text")
    assert "gap 1.1: no wheel" in text
    assert max(map(len, text.splitlines())) <= 80
    rows = msgspec.json.decode(history_document([series], "fastapi").render("json"))
    assert [(row["release"], row["own"], row["own_percent"], row["step"]) for row in rows] == [
        ("1.0", 1000, None, ""), ("1.1", None, None, "gap"), ("1.2", 1100, 10, "own deps"),
    ]  # fmt: skip
