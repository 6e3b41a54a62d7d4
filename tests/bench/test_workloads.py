"""A ladder under several workloads: where costs are the same, and where nobody can say."""

import pytest

from asgi_anatomy.bench.workloads import Cell, published_table, sentence, spread
from asgi_anatomy.turns.decay import Figures


def cell(workload: str, added: float | None, margin: float | None = 1.0, layer: str = "b", decay: float = 20.0) -> Cell:
    low, high = (None, None) if added is None or margin is None else (added - margin, added + margin)
    return Cell(workload, Figures(layer=layer, on="a", decay=decay, added_us=added, added_low=low, added_high=high))


@pytest.mark.parametrize(
    ("added", "margin", "same", "different", "unsure"),
    [
        (11.0, 1.0, 1, 0, 0),
        (20.0, 1.0, 0, 1, 0),
        (14.0, 3.0, 0, 0, 1),
        (20.0, None, 0, 0, 1),
        (-9.0, 1.0, 0, 1, 0),
    ],
)
def test_a_case(added: float, margin: float | None, same: int, different: int, unsure: int) -> None:
    told = spread([cell("user", 10.0), cell("large", added, margin)], "user")
    assert told
    assert (told.same, len(told.different), told.unsure) == (same, different, unsure)


def test_what_follows() -> None:
    found = [cell("user", 10.0, decay=40.0), cell("large", 20.0), cell("small", 11.0), cell("none", None)]
    told = spread(found, "user")
    assert told
    said = sentence(told)
    assert said.startswith("In µs a layer adds about the same as to user (within 25%) in 1 of 2 cases")
    assert "1.25 to 1.67 times what it takes the layer below. Not the same in µs: large: b." in said
    assert not spread(found[:1], "user")


def test_what_others_published_stands_beside_the_same_pair() -> None:
    ours = Cell("arena-json", Figures(layer="arena-fastapi", on="arena-starlette", decay=49.0, margin=1.0))
    table = published_table([ours, cell("arena-json", 1.0)], {"arena-json": 19.0})
    assert table
    (row,) = table.rows
    assert (row["published"], row["decay"]) == (19.0, 49.0)
