"""What a comparison of two versions says, from counts and from time; and how a bisection finds steps."""

from collections.abc import Sequence

import pytest

from asgi_anatomy.turns.record import Verdict
from asgi_anatomy.versus.bisect import narrow, steps
from asgi_anatomy.versus.record import Candidate
from asgi_anatomy.versus.verdict import chief, judge_layers, overall
from tests.records import counted, layer, versus


@pytest.mark.parametrize(
    ("b", "again", "verdict"),
    [
        ((100_150, 500), 100_000, "same"),
        ((100_300, 503), 100_000, "slower"),
        ((99_700, 497), 100_000, "faster"),
        ((100_300, 500), 100_000, "unclear"),  # not a bytecode changed: starts of one program differ by as much
        ((100_500, 500), 100_000, "slower"),
        ((100_500, 505), 100_600, "unclear"),  # A differs from itself by more
    ],
)
def test_counts_decide(b: tuple[float, float], again: float, verdict: Verdict) -> None:
    record = versus(layer("low", counted(100_000, 500), counted(*b)), again=counted(again, 500))
    judged = judge_layers(record)
    assert (judged[0].by_counts, judged[0].by_time, overall(judged)) == (verdict, None, verdict)


def test_without_instructions_bytecodes_decide() -> None:
    a, b = counted(1, 1000), counted(1, 1010)
    a.instructions = b.instructions = []
    (judged,) = judge_layers(versus(layer("low", a, b)))
    assert (judged.verdict, judged.decisive and judged.decisive.delta) == ("slower", 10)


def test_one_slower_layer_is_what_it_is_about() -> None:
    same, faster = counted(100_000, 500), counted(90_000, 400)
    slower = layer("high", same, counted(101_000, 510))
    record = versus(layer("low", same, same), layer("middle", same, faster), slower)
    judged = judge_layers(record)
    about = chief(judged)
    assert overall(judged) == "slower"
    assert about
    assert about.row is slower
    assert [each.name for each in about.functions] == ["pack:work"]
    slower.faults.append("side B did not start")
    assert overall(judge_layers(record)) == "faster"


class Counter:
    """Counts versions whose figures are known, and says which it was asked for."""

    def __init__(self, figures: Sequence[float | None]) -> None:
        self.figures = figures
        self.points = [Candidate(name=str(place)) for place in range(len(figures))]
        self.asked: list[int] = []

    def count(self, places: Sequence[int]) -> None:
        """As it is asked to."""
        self.asked += places
        for place in places:
            figure = self.figures[place]
            self.points[place].count, self.points[place].bytecodes = figure, figure
            if figure is None:
                self.points[place].fault = "cannot be built"

    def found(self) -> list[tuple[str, int]]:
        """The versions that made a step, and how many before each could not be counted."""
        narrow(self.points, 0.2, self.count)
        assert len(self.asked) == len({*self.asked})
        return [(each.after.name, len(each.between)) for each in steps(self.points, 0.2)]


def test_one_step_takes_few_counts() -> None:
    counter = Counter([1000.0] * 41 + [1100.0] * 24)
    assert counter.found() == [("41", 0)]
    assert len(counter.asked) <= 8


def test_several_steps() -> None:
    assert Counter([1000, 1000, 1050, 1050, 1050, 900, 900, 900, 905]).found() == [("2", 0), ("5", 0), ("8", 0)]
    assert Counter([1000, 1001] * 4).found() == []
    assert Counter([1000.0, 1100.0]).found() == [("1", 0)]


def test_what_cannot_be_built_is_skipped_and_counted() -> None:
    counter = Counter([1000, None, None, 1000, None, 1100, 1100])
    assert counter.found() == [("5", 1)]
    assert [each.name for each in counter.points if each.fault] == ["4"]
    assert Counter([None, 1000.0, 1000.0]).found() == []
