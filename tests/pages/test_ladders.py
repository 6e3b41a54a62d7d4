"""The page of ladders: a sentence whose figures are not those of the anatomy is found out."""

import msgspec
import pytest

from asgi_anatomy.errors import BadInput
from asgi_anatomy.pages.readme import part, reason
from asgi_anatomy.suite.layers import Catalogue, Ladder
from asgi_anatomy.turns.record import Anatomy, Counts, Row

COUNTED = Anatomy(
    layers=[Row(name="low"), Row(name="high", on="low")],
    anatomy=[
        Counts(layer="low", instructions=[{"libc": 10, "gone": 5}], calls={"a": 1}, bytecodes={"a": 10}),
        Counts(
            layer="high", instructions=[{"libc": 25, "ld.so": 15}], calls={"a": 1, "b": 4},
            bytecodes={"a": 20, "b": 30}, syscalls={"futex": 2},
        ),
    ],
)  # fmt: skip


def test_figures_are_those_added() -> None:
    why = "{share[b]:.0f}% in b ({bytecodes[b]:.0f}), {part[ld.so]:.0f}% in ld.so, {gone[gone]:.0f} gone, {calls:.0f} calls, {syscalls[futex]:.0f}"  # noqa: E501
    assert reason("high", why, "low", COUNTED) == "- **high** on low: 75% in b (30), 50% in ld.so, 5 gone, 4 calls, 2"


def test_a_part_without_times(catalogue: Catalogue) -> None:
    """A table of counts alone, as a tree, and the reasons that are filled in from them."""
    ladder = Ladder(name="new", adds="what is new", layers=["low", "high"], why={"high": "{calls:.0f} calls"})
    ladders = {**catalogue.ladders, "new": ladder}
    text = part(msgspec.structs.replace(catalogue, ladders=ladders), "new", None, COUNTED)
    row = next(line for line in text.replace("\u00a0", " ").splitlines() if "└ high" in line)
    assert [cell.strip() for cell in row.split("|")[1:-1]] == ["└ high", "40", "+25", "50", "2.0"]
    assert "CPU" not in text
    assert "- **high** on low: 4 calls\n\nProduced by `make anatomy LADDER=new`." in text


@pytest.mark.parametrize(
    ("why", "error"),
    [
        ("{share[h11]}", "the `why` of 'high' cannot be filled in: .*'h11' is not one of a, b"),
        ("{syscalls[read]}", "'read' is not one of futex"),
        ("{nothing}", "cannot be filled in: 'nothing'"),
    ],
)
def test_what_is_not_there(why: str, error: str) -> None:
    with pytest.raises(BadInput, match=error):
        reason("high", why, "low", COUNTED)
