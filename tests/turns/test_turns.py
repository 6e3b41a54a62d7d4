"""The instrument on real servers: turns add up, what ends or goes wrong costs only itself, and nothing is left."""

import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from asgi_anatomy.documents.notes import row_notes
from asgi_anatomy.documents.store import Keeper, read_record
from asgi_anatomy.errors import ServerFault
from asgi_anatomy.machine.cores import lane
from asgi_anatomy.machine.counters import Meter, clock, grown
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.decay import figures
from asgi_anatomy.turns.levels import Levels
from asgi_anatomy.turns.plan import Plan, Selection
from asgi_anatomy.turns.record import Bench as Record
from asgi_anatomy.turns.record import Instance, Load, Round, Turn, now
from asgi_anatomy.turns.run import Run
from asgi_anatomy.turns.turns import UNKNOWN, Seats, seated
from asgi_anatomy.turns.windows import take, verify
from asgi_anatomy.turns.wrk import Wrk
from tests.conftest import CATALOGUE, Quiet, called, groups_of, guardians, processes, require, spawn, wait_for

TURN, CYCLES = 0.05, 8
HERE = lane()
pytestmark = pytest.mark.skipif(not HERE, reason="turns need Linux")
MORTAL = {
    kind: Layer(
        name=kind, adds="", on="asyncio", answer="json", command=f"{{python}} -m tests.mortal_server {kind} {{port}}"
    )
    for kind in ("forking", "replacing", "abandoning", "threads", "calling", "varying")
}


ELSEWHERE = """
import subprocess, sys, time
ours = [sys.executable, "-m", "servers.protocol_server", "--port", sys.argv[1]]
code = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"
subprocess.run([sys.executable, "-c", code, *ours])
time.sleep(60)
"""


def app_layer(name: str) -> Layer:
    """An app of tests.odd_app, as the layer uvicorn is served."""
    uvicorn = CATALOGUE.layers["uvicorn"]
    app = f"tests.odd_app:{name}"
    return msgspec.structs.replace(uvicorn, name=name, app=app, on="asyncio")


class Seen(msgspec.Struct):
    """What a table of turns counted, and what could be seen from outside meanwhile."""

    turns: list[Turn]
    instances: dict[str, Instance]
    used_ns: dict[str, int]
    """CPU time of each server's first process."""
    wrks: list[int]
    sizes: dict[str, int | None]

    def of(self, name: str) -> list[Turn]:
        """A layer's turns."""
        return [turn for turn in self.turns if turn.layer == name]


@contextmanager
def table_of(layers: Sequence[Layer], contract: Contract, group: bool = True) -> Iterator[tuple[Seats, list[Server]]]:
    """Running servers at a table; without `group`, their CPU time comes from clocks."""
    assert HERE
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(layer, contract)) for layer in layers]
        for server in servers:
            if not group:
                server.meter = Meter(server.process.pid)
        plan = Plan(Selection([*layers], {}, contract), Load(), HERE, turn=TURN)
        yield stack.enter_context(seated(servers, plan, HERE)), servers


@pytest.fixture(scope="module")
def seen(contract: Contract) -> Seen:
    """Two servers and the loop, some cycles long."""
    layers = [CATALOGUE.layers[name] for name in ("endpoint", "asyncio", "uvicorn")]
    used: dict[str, int] = {}
    with table_of(layers, contract) as (table, servers):
        wrks = [seat.client.process.pid for seat in table.seats if isinstance(seat.client, Wrk)]
        for server in servers:
            used[server.layer.name] = -time.clock_gettime_ns(clock(server.process.pid))
        for _ in range(CYCLES):
            table.cycle()
        for server in servers:
            used[server.layer.name] += time.clock_gettime_ns(clock(server.process.pid))
        table.idle()
    instances = {seat.name: seat.instance for seat in table.seats}
    return Seen(table.turns, instances, used, wrks, {server.layer.name: server.answer_bytes for server in servers})


def test_a_cycle_is_a_turn_of_each(seen: Seen) -> None:
    assert len(seen.turns) == CYCLES * 3
    for cycle in range(CYCLES):
        assert {turn.layer for turn in seen.turns if turn.cycle == cycle} == {"endpoint", "asyncio", "uvicorn"}
    orders = {tuple(turn.layer for turn in seen.turns if turn.cycle == cycle) for cycle in range(CYCLES)}
    assert len(orders) > 1, "each cycle has an order of its own"
    for one, other in zip(seen.turns, seen.turns[1:], strict=False):
        assert other.at_us >= one.at_us + one.wall_us - 1000, "one at a time"


@pytest.mark.parametrize("name", ["endpoint", "asyncio", "uvicorn"])
def test_turns_add_up_to_what_the_server_used(seen: Seen, name: str) -> None:
    turns = seen.of(name)
    counted = sum(turn.cpu_ns or 0 for turn in turns)
    assert all(turn.cpu_ns for turn in turns)
    assert counted == pytest.approx(seen.used_ns[name], rel=0.02)
    assert seen.instances[name].cpu_from in ("group", "clocks")
    for turn in turns:
        assert 1000 * turn.wall_us >= 0.9e9 * TURN
        assert turn.span_us >= turn.wall_us


@pytest.mark.all
@pytest.mark.parametrize("name", ["endpoint", "asyncio", "uvicorn"])
def test_a_layer_and_its_client_fill_the_core(seen: Seen, name: str) -> None:
    """Only where nothing else runs on it."""
    walls = 1000 * sum(turn.wall_us for turn in seen.of(name))
    assert sum((turn.cpu_ns or 0) + turn.client_cpu_ns for turn in seen.of(name)) > 0.8 * walls


@pytest.mark.parametrize("name", ["asyncio", "uvicorn"])
def test_requests_are_what_wrk_counted(seen: Seen, name: str) -> None:
    instance, size = seen.instances[name], seen.sizes[name]
    assert size
    assert not instance.fault
    assert instance.requests * size <= instance.bytes <= (instance.requests + 64) * size
    in_turns = sum(turn.bytes for turn in seen.of(name))
    assert 0.6 * instance.bytes < in_turns <= instance.bytes, "the rest was the warm-up"
    sleeps = sum(turn.client_sleeps for turn in seen.of(name)) / (in_turns / size)
    assert sleeps < 0.1, "wrk works through all connections at a time"
    assert instance.end_bytes
    assert instance.idle_us > 250_000
    assert instance.idle_cpu_ns is not None
    assert instance.idle_cpu_ns < 5e6
    assert instance.user_ns
    assert instance.system_ns, "it reads from a socket and writes to it"
    whole = sum(turn.cpu_ns or 0 for turn in seen.of(name))
    assert instance.user_ns + instance.system_ns == pytest.approx(whole, abs=0.1 * whole + 2e7), "of its turns alone"


def test_the_loop_takes_turns_without_a_client(seen: Seen) -> None:
    turns, instance, size = seen.of("endpoint"), seen.instances["endpoint"], seen.sizes["endpoint"]
    assert size
    assert not instance.fault
    assert sum(turn.client_cpu_ns + turn.client_sleeps for turn in turns) == 0
    cost = sum(turn.cpu_ns or 0 for turn in turns) / sum(turn.bytes for turn in turns) * size
    below = sum(turn.cpu_ns or 0 for turn in seen.of("asyncio")) / sum(turn.bytes for turn in seen.of("asyncio"))
    assert 100 < cost < below * (seen.sizes["asyncio"] or 0)


def test_every_wrk_has_ended(seen: Seen) -> None:
    assert len(seen.wrks) == 2
    assert not [pid for pid in seen.wrks if psutil.pid_exists(pid)]


@pytest.mark.parametrize("group", [pytest.param(True, marks=pytest.mark.all), False], ids=["group", "clocks"])
@pytest.mark.parametrize(
    "kind", ["forking", *(pytest.param(kind, marks=pytest.mark.all) for kind in ("replacing", "threads", "calling"))]
)
def test_processes_that_end_keep_their_cpu_time(contract: Contract, tmp_path: Path, kind: str, group: bool) -> None:
    with table_of([CATALOGUE.layers["asyncio"], MORTAL[kind]], contract, group) as (table, servers):
        whole = Meter(servers[1].process.pid, servers[1].process.group)
        require("" if whole.group else "no control group can be made here")
        used = -whole.cpu_ns()
        for _ in range(CYCLES):
            table.cycle()
        used += whole.cpu_ns()
        table.idle()
    _, mortal = (seat.instance for seat in table.seats)
    assert not mortal.fault
    assert mortal.requests > 50
    assert mortal.cpu_from == ("group" if group else "clocks" if kind == "threads" else "waited")
    turns = [turn for turn in table.turns if turn.layer == kind]
    counted = sum(turn.cpu_ns or 0 for turn in turns)
    assert counted == pytest.approx(used, rel=0.02 if group else 0.15)
    layers = [seat.server.layer for seat in table.seats]
    record = Record(
        load=Load(),
        layers=Selection(layers, {"asyncio": None, kind: "asyncio"}, contract).rows(),
        turn_ms=round(1000 * TURN),
        rounds=[Round(start=now(), seconds=1.0, turns=table.turns, instances=[each.instance for each in table.seats])],
    )
    again = read_record(Keeper(record, tmp_path).finish(), Record)
    assert again.rounds == record.rounds
    asyncio, upper = figures(again)
    assert asyncio.cpu_us
    assert upper.cpu_us
    assert upper.cpu_us > 1.5 * asyncio.cpu_us


def test_cpu_time_that_nobody_knows_is_no_figure(contract: Contract) -> None:
    """Of processes that ended without being waited for, in turns and in a plain window: not a smaller figure."""
    with table_of([MORTAL["abandoning"]], contract, group=False) as (table, servers):
        for _ in range(CYCLES):
            table.cycle()
        table.idle()
    (seat,) = table.seats
    assert seat.instance.requests > 300
    assert seat.instance.fault == UNKNOWN
    with Server(MORTAL["abandoning"], contract) as server:
        server.meter = Meter(server.process.pid)
        window = take(server, Load(), HERE, 0)
    assert window.requests > 300
    assert window.server_cpu_ns is None
    assert window.cpu_us is None
    assert servers


def test_a_counter_that_falls_is_unknown() -> None:
    assert [grown(1, 3), grown(3, 3), grown(3, 1)] == [2, 0, None]


def test_an_answer_whose_head_varies_is_checked_by_its_body(contract: Contract) -> None:
    """In length, and by the Connection: close of the last on a connection."""
    with table_of([MORTAL["varying"]], contract) as (table, servers):
        for _ in range(2):
            table.cycle()
    (seat,) = table.seats
    assert servers[0].answer_bytes is None or len({*servers[0].sizes}) == 1
    assert not seat.instance.fault
    assert seat.instance.requests > 300
    assert not table.faults


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.all)])
def test_a_wrk_that_is_killed_costs_its_instance_alone(contract: Contract, number: signal.Signals) -> None:
    with table_of([CATALOGUE.layers["asyncio"], CATALOGUE.layers["uvicorn"]], contract) as (table, _):
        table.cycle()
        lost, other = table.seats
        assert isinstance(lost.client, Wrk)
        lost.client.process.kill(number)
        lost.client.process.kill(signal.SIGCONT)
        for _ in range(2):
            table.cycle()
        table.idle()
    assert lost.instance.fault
    assert lost.instance.fault.startswith("wrk, which loaded asyncio, ")
    assert not other.instance.fault
    assert other.instance.requests > 100
    assert [turn.layer for turn in table.turns].count("uvicorn") == 3
    assert not table.faults, "the server did nothing wrong"


@pytest.fixture(scope="module")
def odd(contract: Contract) -> Record:
    """One round of a server that waits, one that works in the background, and what they stand on."""
    layers = [CATALOGUE.layers["asyncio"], app_layer("waiting"), app_layer("restless")]
    selection = Selection(layers, {"asyncio": None, "waiting": "asyncio", "restless": "asyncio"}, contract)
    record = Record(load=Load(), layers=selection.rows())
    run = Run(Plan(selection, Load(), HERE, budget=10, turn=TURN), record, Quiet())
    run.round(layers, 1.5)
    return record


def test_what_waits_is_measured_in_plain_windows(odd: Record) -> None:
    row, figure = odd.row("waiting"), figures(odd)[1]
    assert row.plain.startswith("an answer takes 5")
    assert not [turn for made in odd.rounds for turn in made.turns if turn.layer == "waiting"]
    assert {window.layer for window in odd.windows} == {"asyncio", "waiting"}, "what it stands on has one, too"
    assert not row.faults
    assert figure.plain_rps == pytest.approx(64 / 0.05, rel=0.25)
    assert figure.cpu_us
    assert 10 < figure.cpu_us < 5000
    assert figure.decay
    assert any(row.plain in note.text for note in row_notes(odd)["waiting"])


def test_a_server_that_does_one_slow_request_after_another(contract: Contract) -> None:
    """What is queued at the end of a window is answered before its CPU time is read."""
    alone = msgspec.structs.replace(contract, cases={})
    layer = msgspec.structs.replace(app_layer("blocking"), differs={})
    selection = Selection([layer], {"blocking": None}, alone)
    record = Record(load=Load(connections=20), layers=selection.rows(), cores=HERE)
    Run(Plan(selection, record.load, HERE, budget=10, turn=TURN), record, Quiet()).round(selection.layers, 0.1)
    (window,), (row,) = record.windows, record.layers
    assert not row.faults
    assert not window.fault
    assert window.requests < 20, "they wait for each other"
    assert window.requests + window.unanswered > 20
    assert window.server_cpu_ns
    assert 30 < (window.cpu_us or 0) < 3000
    assert row.plain.startswith("an answer takes 1")


def test_a_limit_says_what_ran_out(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(app_layer("blocking"), contract) as server:
        assert server.limit(20) == pytest.approx(7, abs=0.5)
        server.slowest = 0.001
        monkeypatch.setattr("asgi_anatomy.machine.server.TIMEOUT", 0.05)
        said = "^blocking was not answered within 0.051 s, with 300 queued: try fewer CONNECTIONS, or a longer BUDGET"
        with pytest.raises(ServerFault, match=said):
            verify(server, 300, left=0.0)
        with pytest.raises(ServerFault, match=r"was not answered within 0.051 s(;|$)"):
            verify(server)


@pytest.mark.parametrize("group", [True, False], ids=["group", "clocks"])
def test_work_of_a_process_that_left_its_parents(
    contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: bool
) -> None:
    """A command that only starts a server elsewhere: its control group knows, and without one it has no figure."""
    script = tmp_path / "elsewhere.py"
    script.write_text(ELSEWHERE)
    command = f"{{python}} {script} {{port}}"
    left = msgspec.structs.replace(CATALOGUE.layers["protocol"], name="left", on="asyncio", command=command)
    layers = [CATALOGUE.layers["asyncio"], left]
    selection = Selection(layers, {"asyncio": None, "left": "asyncio"}, contract)
    record = Record(load=Load(), layers=selection.rows())
    if group:
        with Server(CATALOGUE.layers["asyncio"], contract) as server:
            require("" if server.meter.group else "no control group can be made here")
    else:
        monkeypatch.setattr("asgi_anatomy.machine.server.Meter", lambda pid, _: Meter(pid))
    Run(Plan(selection, Load(), HERE, budget=10, turn=TURN), record, Quiet()).round(layers, 0.5)
    low, high = figures(record)
    assert low.cpu_us
    if group:
        assert not record.layers[1].faults
        assert high.cpu_us
        assert high.cpu_us > 1
    else:
        assert re.fullmatch(
            r"its processes used [\d.]+ ms of CPU time for [\d,]{3,} answers: .*", record.layers[1].faults[0]
        )
        assert high.cpu_us is None


def test_what_works_in_the_background_is_subtracted(odd: Record) -> None:
    row, figure = odd.row("restless"), figures(odd)[2]
    assert not row.plain
    assert figure.idle == pytest.approx(2, abs=1.5)
    assert any("of a core while nobody asks it anything" in note.text for note in row_notes(odd)["restless"])
    turns = [turn for made in odd.rounds for turn in made.turns if turn.layer == "restless"]
    costs = [cost for cost in Levels(odd).costs if cost.layer == "restless"]
    spans = sum(turn.span_us for turn in turns)
    idle = sum(turn.cpu_ns or 0 for turn in turns) / 1000 - sum(cost.cpu_us for cost in costs)
    assert figure.idle
    assert idle == pytest.approx(spans * figure.idle / 100, rel=0.02)


@pytest.mark.faults
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, *(pytest.param(each, marks=pytest.mark.all) for each in (signal.SIGINT, signal.SIGKILL))]
)
def test_a_signal_in_a_round_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """No process, no control group, no folder for temporary files."""
    run = spawn(tmp_path, "bench", "--layers", "asyncio uvicorn", "--results", tmp_path / "results")
    assert wait_for(lambda: len(called("wrk", tmp_path)) == 2)
    made = guardians(tmp_path)
    time.sleep(0.5)
    run.send_signal(number)
    run.communicate(timeout=20)
    assert run.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert wait_for(lambda: not processes(tmp_path), 10)
    assert wait_for(lambda: {path.name for path in tmp_path.iterdir()} <= {"results"}, 5), [*tmp_path.iterdir()]
    assert wait_for(lambda: not groups_of(made), 5), groups_of(made)
