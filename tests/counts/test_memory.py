"""Allocations and the collector, from what callgrind says of functions."""

import shutil
from pathlib import Path

import pytest

from asgi_anatomy.counts import instructions
from asgi_anatomy.counts.figures import components, total
from asgi_anatomy.counts.instructions import (
    ALLOCATIONS,
    COLLECTIONS,
    count_instructions,
    memory,
    per_request,
    read_dump,
)
from asgi_anatomy.errors import Fault
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.record import COLLECTOR, Counts
from tests.conftest import CATALOGUE

DUMP = """# callgrind format
events: Ir
ob=(1) /usr/lib/libpython3.13.so.1.0
fn=(1) PyObject_Malloc
10 100
cfn=(2) _PyObject_Malloc
calls=3 5
10 300
fn=(3) _Py_HandlePending
cfn=(4) _Py_RunGC
calls=2 5
10 7000
fn=(4)
5 10
cfn=(5) gc_collect_main'2
calls=2 5
-1 6900
cfn=(2)
calls=1 5
10 90
cfn=(6) free
calls=9 5
10 90
totals: 110
"""


@pytest.mark.parametrize("length", [0, 60, DUMP.index("10 300") + 3, len(DUMP) - 2, DUMP.index("totals")])
def test_a_dump_that_is_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "out.1"
    path.write_text(DUMP[:length])
    with pytest.raises(Fault, match=r"^callgrind's out.1 (is cut short: is there room in TMPDIR|adds up to)"):
        read_dump(path)


def test_calls_of_allocators_and_what_the_collector_costs(tmp_path: Path) -> None:
    path = tmp_path / "out.1"
    path.write_text(DUMP)
    one = {ALLOCATIONS: 4, COLLECTIONS: 2, COLLECTOR: 7000}
    assert memory([read_dump(path)]) == one
    assert memory([read_dump(path)] * 2) == {name: 2 * each for name, each in one.items()}, "of several processes"
    idle = {ALLOCATIONS: 2, COLLECTIONS: 0, COLLECTOR: 7000}
    assert per_request(one, idle, 0.5, 10) == {ALLOCATIONS: 0.3, COLLECTIONS: 200, COLLECTOR: 350}
    path.write_text(DUMP.replace("_Py_RunGC", "0x12345"))
    assert memory([read_dump(path)])[COLLECTOR] == 6900, "where the one was merged into its caller, the other is left"


def test_an_interpreter_without_symbols(tmp_path: Path) -> None:
    path = tmp_path / "out.1"
    path.write_text(DUMP.replace("_PyObject_Malloc", "0x00000123"))
    assert memory([read_dump(path)]) == {}
    assert per_request({}, {}, 1.0, 10) == {}


@pytest.mark.all
@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
def test_garbage_is_collected(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "IDLE", 1.0)
    uvicorn = CATALOGUE.layers["uvicorn"]
    cyclic = Layer(name="cyclic", adds="", app="tests.cyclic_app:app", command=uvicorn.command)
    plain, found = (count_instructions(layer, contract, 150)[1] for layer in (uvicorn, cyclic))
    if not plain:
        pytest.skip("this Python was built without symbols")
    assert 50 < plain[ALLOCATIONS] < 200
    assert found[ALLOCATIONS] - plain[ALLOCATIONS] > 45, "a list's one item, if not the list, is an allocation"
    assert plain[COLLECTIONS] < 5
    assert 10 < found[COLLECTIONS] < 100, "one for each 2,000 objects, or 700 in older releases"
    assert found[COLLECTOR] > 50 * 50


def test_the_collector_is_a_component_where_it_was_counted() -> None:
    found = Counts(layer="a", instructions=[{"interpreter": 100, "libc": 5}])
    assert components(found) == {"interpreter": 100, "libc": 5}
    found.memory = {COLLECTOR: 30}
    assert components(found) == {"interpreter": 70, "libc": 5, "garbage collector": 30}
    assert total(found) == 105
