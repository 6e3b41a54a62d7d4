"""Text that fits a width, and trees of rows."""

import pytest
from rich.cells import cell_len

from asgi_anatomy.documents.document import Column, Document, Table, branches
from asgi_anatomy.documents.origin import described, made
from asgi_anatomy.documents.words import wrap
from asgi_anatomy.machine.machine import Machine, Python
from asgi_anatomy.turns.record import Anatomy, now


@pytest.mark.parametrize("text", ["word " * 40, "  deep " * 30, "ウェブ サーバー " * 20, "a\n\n  b " * 30, ""])
@pytest.mark.parametrize("width", [20, 80])
def test_prose_is_wrapped(text: str, width: int) -> None:
    lines = wrap(text, width).split("\n")
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")


def test_a_path_is_never_broken_nor_markdown_wrapped() -> None:
    path = f"results/{'x' * 100}.json"
    table = Table([Column("a", "a")], [{"a": 1}])
    document = Document([f"the record is {path} and {'word ' * 30}", table], table)
    assert path in document.render("text")
    assert len(document.render("markdown").splitlines()[0]) > 250
    assert max(map(len, document.render("text", width=200).replace(path, "").splitlines())) <= 100


def test_rows_are_drawn_as_a_tree() -> None:
    names, grounds = ["a", "d", "b", "c", "e"], [None, None, "a", "a", "b"]
    assert branches(names, grounds) == [(0, ""), (2, "├ "), (4, "│ └ "), (3, "└ "), (1, "")]


def test_no_row_is_lost() -> None:
    for grounds in (["b", "a", "b"], ["a", "b", "c"], ["gone", None, "a"]):
        assert sorted(place for place, _ in branches(["a", "b", "c"], grounds)) == [0, 1, 2]
    long = [str(number) for number in range(3000)]
    assert len(branches(long, [None, *long[:-1]])) == 3000


def test_cells_wrap_where_they_may() -> None:
    columns = [Column("name", "name", left=True), Column("told", "what it adds", left=True, wraps=True)]
    table = Table(columns, [{"name": "one", "told": "word " * 30}])
    text = table.for_people("text")
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("word") == 30
    assert len(table.for_people("markdown").splitlines()) == 3


def test_the_origin_in_short_is_a_line() -> None:
    python = Python(
        version="3.13.0", implementation="CPython", compiler="", optimised=False, lto=False, debug=False,
        free_threaded=False, jit=False,
    )  # fmt: skip
    machine = Machine(cpu="Intel(R) Xeon(R) CPU E5-2673 v4 @ 2.30GHz", cores=2, memory_gib=4, system="Linux", load=[9])
    record = Anatomy(made=now(), machine=machine, python=python, layers=[], packages={"x": "1"})
    assert made(record).startswith("2 cores Intel Xeon E5-2673 v4, Python 3.13.0 (not optimised), 20")
    assert len(made(record)) <= 80
    assert described(record) == [made(record)]
    assert "x 1." in described(record, wide=True)
