"""Counts of one request: exact, the same on every start, and an injected slow-down shows up as what it is."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from asgi_anatomy.anatomy.run import LOOP
from asgi_anatomy.anatomy.text import COLUMNS, anatomy_document
from asgi_anatomy.counts import instructions
from asgi_anatomy.counts.bytecodes import Raw, count_python, less
from asgi_anatomy.counts.changes import Change, FunctionChange, compare_functions
from asgi_anatomy.counts.figures import lines
from asgi_anatomy.counts.instructions import component, count_endpoint, count_instructions, read_dump
from asgi_anatomy.counts.jobs import Job, count
from asgi_anatomy.counts.syscalls import count_syscalls
from asgi_anatomy.counts.trees import by_package, collapsed, package
from asgi_anatomy.documents.store import latest, read_record, schema
from asgi_anatomy.documents.trees import collapsed_text, profiles
from asgi_anatomy.errors import Fault
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT, Layer, multiply
from asgi_anatomy.turns.record import Anatomy, Counts, Frame, Row
from tests.conftest import CATALOGUE, Bench

valgrind = pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
BATCH = 100

TREE = Frame(
    "", "", 0, 0,
    [
        Frame("a", "f", 1, 10, [Frame("b", "g", 2, 5), Frame("b", "h", 1, 1, [Frame("b", "g", 1, 2)])]),
        Frame("c", "k", 0, 3),
    ],
)  # fmt: skip


def injected(turns: int) -> Layer:
    """The layer `uvicorn` with so many empty loop iterations per request."""
    asgi = CATALOGUE.layers["uvicorn"].command
    return Layer(
        name="injected", adds="", app="asgi_anatomy.pair.injected_app:app", command=f"env ITERATIONS={turns} {asgi}"
    )


def depth(frame: Frame) -> int:
    return 1 + max(map(depth, frame.children), default=0)


def totals(repeats: list[dict[str, float]]) -> list[float]:
    return [sum(each.values()) for each in repeats]


@pytest.mark.parametrize("name", ["asyncio", pytest.param("fastapi-middleware", marks=pytest.mark.all)])
def test_calls_and_bytecodes_are_the_same_on_every_start(contract: Contract, name: str) -> None:
    seen: list[Frame] = []
    while (first := count_python(CATALOGUE.layers[name], contract)) not in seen:
        seen.append(first)  # on a machine so busy that a request came late, one may have polled once more
        assert len(seen) < 5, "no two of five starts agree"
    calls, bytecodes = by_package(first)
    assert all(count == int(count) for count in [*calls.values(), *bytecodes.values()]), "a tick got in"
    assert ("share.py" in bytecodes) == (name == "asyncio")
    assert ("fastapi" in bytecodes) == ("email" in bytecodes) == (name != "asyncio")
    assert depth(first) < 50, "tasks that hand over to each other are no deeper than their calls"


def test_several_processes_are_counted_as_one(contract: Contract) -> None:
    one, two = multiply([CATALOGUE.layers["uvicorn"]], [2])
    (calls, bytecodes), (calls_two, bytecodes_two) = (by_package(count_python(each, contract)) for each in (one, two))
    for package_, called in calls.items():  # a look at its processes now and then is the supervisor's, not a request's
        assert calls_two[package_] == pytest.approx(called, abs=0.5, rel=0.25)  # it looks more often where all is slow
        assert bytecodes_two[package_] == pytest.approx(bytecodes[package_], abs=20, rel=0.25)


def test_of_a_loop_only_what_it_calls_counts(contract: Contract) -> None:
    found = count(Job(CATALOGUE.layers["endpoint"], contract, "calls and bytecodes")).counts
    assert found.calls == {"share.py": 1}


def test_what_runs_without_requests_is_not_their_doing() -> None:
    def raw(name: str, calls: int, bytecodes: int, *children: Raw) -> Raw:
        return Raw("", name, calls, bytecodes, [*children])

    tick, longer = raw("tick", 8, 80), raw("tick", 9, 100, raw("once a second", 1, 10))
    busy = raw("", 0, 0, raw("loop", 60, 610, longer, raw("request", 50, 500)), raw("tick", 9, 90))
    idle = raw("", 0, 0, raw("loop", 10, 100, tick), tick)
    assert less(busy, idle) == raw("", 0, 0, raw("loop", 50, 510, raw("request", 50, 500)))


def test_an_injected_slow_down_is_counted_where_it_is(contract: Contract) -> None:
    (calls, plain), (calls_again, loaded) = (by_package(count_python(injected(turns), contract)) for turns in (0, 100))
    assert calls == calls_again
    file = "asgi_anatomy/pair/injected_app.py"
    assert loaded.pop(file) - plain.pop(file) in (200, 300), "FOR_ITER, STORE_FAST, and JUMP_BACKWARD where it is one"
    assert plain == loaded


@valgrind
@pytest.mark.all
def test_instructions_are_the_same_on_every_start(contract: Contract) -> None:
    plain, again = (count_instructions(injected(0), contract, BATCH)[0] for _ in range(2))
    repeats = totals(plain[1:]) + totals(again[1:])
    assert max(repeats) / min(repeats) < 1.01


@valgrind
@pytest.mark.all  # 18 s under valgrind for what bytecodes say above, and repeats of two layers in test_jobs.py
def test_injected_instructions_are_the_interpreters(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "WARM_UP", 200)  # less warm than for a user, who waits longer
    monkeypatch.setattr(instructions, "IDLE", 1.0)
    plain, loaded = (count_instructions(injected(turns), contract, BATCH)[0] for turns in (0, 1000))
    repeats = totals(plain[1:])
    assert max(repeats) / min(repeats) < 1.01
    assert 50_000 < repeats[0] < 300_000
    added = {name: loaded[1][name] - plain[1].get(name, 0) for name in loaded[1]}
    assert added["interpreter"] > 10_000
    assert added["interpreter"] / sum(added.values()) == pytest.approx(1, abs=0.05)
    assert loaded[1]["httptools/llhttp"] == pytest.approx(plain[1]["httptools/llhttp"], rel=0.01)
    assert loaded[1]["msgspec"] == pytest.approx(plain[1]["msgspec"], rel=0.01)


@valgrind
def test_the_endpoint_alone(contract: Contract) -> None:
    repeats = count_endpoint(LOOP, contract)
    assert max(totals(repeats)) / min(totals(repeats)) < 1.01
    assert repeats[0]["msgspec"] > 1000
    assert "httptools/llhttp" not in repeats[0]


@strace
def test_system_calls(contract: Contract) -> None:
    counts = count_syscalls(CATALOGUE.layers["asyncio"], contract)
    assert counts["read"] == pytest.approx(1, abs=0.05)
    assert sum(count for name, count in counts.items() if name.startswith(("write", "send"))) == pytest.approx(
        1, abs=0.05
    )
    assert 0.9 < sum(count for name, count in counts.items() if name.startswith("epoll")) < 2.5


def test_the_anatomy_of_a_layer(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()  # without valgrind, which takes its time and is tested above
    if found_strace := shutil.which("strace"):
        (tmp_path / "bin" / "strace").symlink_to(found_strace)
    arguments = ("anatomy", "--layers", "asyncio", "--results", tmp_path / "results")
    done = bench(*arguments, "--format", "json", PATH=str(tmp_path / "bin"))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert tuple(row) == tuple(column.keys for column in COLUMNS)
    assert row["calls"] == int(row["calls"]) > 0
    (path,) = (tmp_path / "results").glob("*-anatomy.json")
    jsonschema.validate(json.loads(path.read_bytes()), schema())
    (found,) = read_record(path, Anatomy).anatomy
    assert sum(found.bytecodes.values()) == row["bytecodes"]
    split = json.loads(bench("anatomy", "--record", path, "--format", "json", "--split").stdout)
    assert sum(each["count"] for each in split if each["unit"] == "bytecodes") == row["bytecodes"]
    folder = path.with_suffix("")
    stacks = (folder / "asyncio.collapsed.txt").read_text().splitlines()
    assert sum(int(line.rpartition(" ")[2]) for line in stacks) == row["bytecodes"]
    assert any("share.py:endpoint" in line for line in stacks)
    assert json.loads((folder / "asyncio.speedscope.json").read_text())["profiles"][0]["endValue"] == row["bytecodes"]
    text = bench("anatomy", "--record", path).stdout
    assert "bytecodes by package" in text


def test_the_table() -> None:
    made = Anatomy(layers=[Row(name="low"), Row(name="high", on="low")])
    made.endpoint = Counts(layer="share.endpoint", instructions=[{"libc": 10}])
    made.anatomy = [
        Counts(
            layer="low", instructions=[{"libc": 99}, {"libc": 60, "msgspec": 40}, {"libc": 101}], syscalls={"read": 1}
        ),
        Counts(layer="high", instructions=[{"libc": 400}], calls={"a": 2, "b": 1}, bytecodes={"a": 50, "b": 7}),
    ]
    low, high = lines(made)
    assert low.spread == pytest.approx(2)
    assert (low.instructions, low.decay, low.useful_share) == (100, None, 10)
    assert (high.instructions, high.decay, high.added, high.useful_share) == (400, 75, 300, 2.5)
    assert (low.calls, low.syscalls, high.calls, high.bytecodes, high.syscalls) == (None, 1, 3, 57, None)
    made.anatomy[0].instructions.append({"libc": 110})
    assert (lines(made)[1].decay, lines(made)[1].added) == (None, None), "not against repeats that differ so much"
    said = anatomy_document(made).render("markdown")
    assert "low: its repeats differ by 11%, as with a JIT: do not quote or compare its figures" in said
    rows = [[*row.values()] for row in anatomy_document(made, split=True).data.rows]
    assert ["low", "libc", "instructions", 100] in rows
    assert ["high", "b", "bytecodes", 7] in rows


def test_what_cannot_be_counted_is_said(bench: Bench, tmp_path: Path) -> None:
    """Without valgrind and strace, and for a server without a probe, the rest is still counted."""
    catalogue = tmp_path / "layers.toml"
    text = (ROOT / "layers.toml").read_text()  # -E: as a server would that is not Python, it looks at no PYTHONPATH
    catalogue.write_text(text.replace("{python} -m servers.asyncio_server", "{python} -E -m servers.asyncio_server"))
    arguments = ("--catalogue", catalogue, "anatomy", "--layers", "asyncio uvicorn", "--results", tmp_path)
    done = bench(*arguments, PATH="/nowhere")
    assert done.returncode == 0, done.stderr
    assert "asyncio: no calls and bytecodes: asyncio has no probe in it" in done.stdout
    assert "uvicorn: no instructions: valgrind is not installed here" in done.stdout
    assert "uvicorn: no system calls: strace is not installed here" in done.stdout
    assert "bytecodes by package" in done.stdout


def test_a_dump_adds_up(tmp_path: Path) -> None:
    path = tmp_path / "out.1"
    text = """# callgrind format
positions: line
events: Ir
ob=(1) /usr/lib/libpython3.13.so.1.0
fl=(1) a.c
fn=(1) f
10 100
+2 20
cob=(2) /site-packages/msgspec/_core.so
cfn=(2) g
calls=3 5
10 7000
-1 4
ob=(2)
fn=(2)
* 50
ob=(3) /lib/x86_64-linux-gnu/libc.so.6
fn=(3) h
7 6
totals: 180
"""
    path.write_text(text)
    assert read_dump(path).cost == {"interpreter": 124, "msgspec": 50, "libc": 6}
    path.write_text(text.replace("totals: 180", "totals: 181"))
    with pytest.raises(Fault, match="adds up to 180, not 181"):
        read_dump(path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/usr/bin/python3.13", "interpreter"),
        ("/x/lib/libpython3.13.so.1.0", "interpreter"),
        ("/x/lib/python3.13/lib-dynload/_json.cpython-313-x86_64-linux-gnu.so", "interpreter"),
        ("/x/site-packages/uvloop/loop.cpython-313-x86_64-linux-gnu.so", "uvloop/libuv"),
        ("/x/site-packages/httptools/parser/parser.so", "httptools/llhttp"),
        ("/x/site-packages/pydantic_core/_pydantic_core.so", "pydantic-core"),
        ("/x/site-packages/falcon/routing/converters.so", "falcon"),
        ("/x/servers/axum/target/release/axum-server", "axum-server"),
        ("/lib/x86_64-linux-gnu/libc-2.31.so", "libc"),
        ("/lib64/ld-linux-x86-64.so.2", "ld.so"),
        ("/lib/x86_64-linux-gnu/libm.so.6", "the rest"),
        ("???", "the rest"),
    ],
)
def test_components(path: str, name: str) -> None:
    assert component(path) == name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("/v/lib/python3.13/site-packages/starlette/routing.py", "starlette"),
        ("/v/lib/python3.13/site-packages/six.py", "six"),
        (json.__file__, "json"),
        ("<frozen os>", "os"),
        ("<frozen importlib._bootstrap>", "importlib"),
        (str(ROOT / "share.py"), "share.py"),
        (str(ROOT / "servers" / "fastapi_app.py"), "servers/fastapi_app.py"),
        ("<string>", "<string>"),
        ("", "-"),
    ],
)
def test_packages(file: str, name: str) -> None:
    assert package(file) == name


def test_call_trees_as_files() -> None:
    stacks = collapsed(TREE)
    assert stacks == {"a:f": 10, "a:f;b:g": 5, "a:f;b:h": 1, "a:f;b:h;b:g": 2, "c:k": 3}
    assert collapsed_text(stacks).splitlines()[1] == "a:f;b:g 5"
    scope = json.loads(profiles({"layer": TREE}))
    (profile,) = scope["profiles"]
    names = [frame["name"] for frame in scope["shared"]["frames"]]
    assert [";".join(names[place] for place in sample) for sample in profile["samples"]] == [*stacks]
    assert profile["endValue"] == sum(profile["weights"]) == 21


def test_what_a_layer_added() -> None:
    upper = Frame("", "", 0, 0, [Frame("a", "f", 1, 10), Frame("d", "new", 4, 40), Frame("b", "g", 3, 8)])
    changes = compare_functions(TREE, upper)
    functions = {change.name: change for change in changes}
    assert functions["d:new"] == FunctionChange("d:new", Change(0, 4), Change(0, 40))
    assert functions["b:g"] == FunctionChange("b:g", Change(3, 3), Change(7, 8)), "from wherever it is called"
    assert "a:f" not in functions
    assert all(abs(one.bytecodes.delta) >= abs(other.bytecodes.delta) for one, other in pairwise(changes))


def test_diff(quick_bench: Bench) -> None:
    path = latest("anatomy", ROOT / "results" / "reference" / "default")
    said = quick_bench("diff", "--a", "starlette", "--b", "dumproute", "--record", path, "--format", "json")
    rows = {row["function"]: row for row in json.loads(said.stdout)}
    assert any(name.startswith("fastapi:") and row["calls_a"] == 0 for name, row in rows.items())
    wrong = quick_bench("diff", "--a", "starlette", "--b", "nothing", "--record", path)
    assert wrong.returncode == 2
    assert f"{path.name}, only of asyncio, uvicorn, starlette, dumproute, fastapi: type `make anatomy" in wrong.stderr
    assert "no call tree of 'nothing' in " in wrong.stderr
