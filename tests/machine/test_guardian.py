"""Nothing outlives the harness, however it ends, and failures are blamed on whoever caused them."""

import contextlib
import errno
import fcntl
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from asgi_anatomy.anatomy.run import dissect
from asgi_anatomy.counts.instructions import count_instructions
from asgi_anatomy.documents.store import read_record
from asgi_anatomy.errors import BadInput, Fault, ServerFault, Stopped, WrkFault
from asgi_anatomy.machine.children import Guard, clean_environment, guard, release
from asgi_anatomy.machine.cores import lane
from asgi_anatomy.machine.executor import Cores
from asgi_anatomy.machine.programs import run, scratch
from asgi_anatomy.machine.server import Server, require_ports
from asgi_anatomy.machine.signals import SIGNALS as SIGNALS
from asgi_anatomy.machine.signals import held, stop_on_signals
from asgi_anatomy.machine.versions import read_packages
from asgi_anatomy.suite.conformance import check as conformance_check
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import ROOT, Layer
from asgi_anatomy.turns import run as runs
from asgi_anatomy.turns.plan import Plan, Selection, select
from asgi_anatomy.turns.record import Anatomy, Load
from asgi_anatomy.turns.record import Bench as Record
from asgi_anatomy.turns.run import Run
from asgi_anatomy.turns.turns import seated
from asgi_anatomy.turns.wrk import Wrk
from tests.conftest import CATALOGUE, Bench, Quiet, called, family_of, groups_of, guardians, processes, spawn, wait_for

pytestmark = pytest.mark.faults

NOBODY = 65534
QUICK = ("--budget", 1)
DAEMON = """
import os, runpy, sys
if os.fork():
    {parent}
os.setsid()
if os.fork():
    os._exit(0)
{daemon}
"""
"""What forks twice: its grandchild is in a session of its own and has lost its parents."""
SERVE = "sys.path.insert(0, os.getcwd()); sys.argv[1:] = ['--port', sys.argv[1]];"
SERVE += "runpy.run_module('servers.protocol_server', run_name='__main__')"
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def own() -> Iterator[Guard]:
    """A guardian in addition to that of the other tests."""
    mine = Guard()
    yield mine
    mine.close()


def gone(folder: Path) -> bool:
    """Whether no process is left of those that were started with this folder, and no file in it but the records."""
    return not processes(folder) and {path.name for path in folder.iterdir()} <= {"results", "lines"}


def later(seconds: float, what: Callable[[], Any]) -> None:
    """Do something meanwhile."""
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """As in the suite's own process."""
    before = [(number, signal.getsignal(number)) for number in SIGNALS]
    stop_on_signals()
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def kill_first(folder: Path, name: str, number: signal.Signals = signal.SIGKILL) -> int:
    """Signal the first process of that name as soon as there is one; returns which it was."""

    def find() -> int:
        for process in called(name, folder):
            process.send_signal(number)
            return process.pid
        return 0

    return wait_for(find)


def test_a_child_and_how_it_ended(own: Guard) -> None:
    folder = own.folder
    assert folder.stat().st_mode & 0o777 == 0o700
    child = own.start([sys.executable, "-c", "sum(range(10**6)); exit(7)"])
    assert os.getsid(child.pid) == child.pid
    assert child.poll() is None
    assert child.wait(10) == 7
    assert 1e6 < child.cpu_ns < 10e9
    killed = own.start(["sleep", "60"])
    assert killed.wait(0.05) is None
    killed.kill()
    assert killed.wait(5) == -signal.SIGKILL
    halted = own.start(["sleep", "60"])
    halted.kill(signal.SIGSTOP)
    assert wait_for(lambda: halted.stopped)
    with pytest.raises(FileNotFoundError):
        own.start(["no-such-program"])
    own.close()
    assert not folder.exists()
    assert not psutil.pid_exists(halted.pid)


def test_children_that_end_at_once(own: Guard) -> None:
    """How one ended may be said together with that it runs."""
    assert [own.start(["true"]).wait(5) for _ in range(100)] == [0] * 100
    several = [own.start(["true"]) for _ in range(20)]
    assert [each.wait(5) for each in several] == [0] * 20


def test_what_a_child_is_given(own: Guard) -> None:
    odd = os.fsdecode(b"\xff\n")
    reader, writer = os.pipe()
    said, writes = os.pipe()
    code = "import os, sys; open(os.environ['WHERE'], 'w').write('here'); print([*map(os.fsencode, sys.argv[1:])],"
    code += " os.environb[b'ODD'], len(os.environ['LONG']), sorted(os.sched_getaffinity(0)))"
    environment = {**os.environ, "ODD": odd, "LONG": "x" * 100_000}
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        child = own.start([sys.executable, "-c", code, odd], environment, stdout=writes, paths={"WHERE": writer})
    finally:
        os.sched_setaffinity(0, before)
    os.close(writer)
    os.close(writes)
    with os.fdopen(reader) as here, os.fdopen(said) as told:
        assert here.read() == "here"
        assert told.read() == f"[{os.fsencode(odd)!r}] {os.fsencode(odd)!r} 100000 [{max(before)}]\n"
    assert child.wait(5) == 0


def settled(own: Guard) -> list[psutil.Process]:
    """What was left behind, once nothing but the last of it lives."""
    left = own.strays()
    with contextlib.suppress(psutil.Error):
        if [(each.ppid(), each.status()) for each in left] == [(own.process.pid, psutil.STATUS_SLEEPING)]:
            return left
    return []


@pytest.mark.parametrize("end", ["sweep", "close"])
def test_what_forked_twice_is_found(own: Guard, tmp_path: Path, end: str) -> None:
    script = tmp_path / "daemon.py"
    script.write_text(DAEMON.format(parent="os._exit(0)", daemon=SLEEP))
    other = own.start(["sleep", "60"])
    child = own.start([sys.executable, str(script)])
    assert child.wait(10) == 0
    (stray,) = wait_for(lambda: settled(own))
    own.sweep()
    assert own.strays() == [stray], "it may belong to the one that runs"
    if end == "sweep":
        other.kill()
        assert other.wait(5)
        own.sweep()
        assert own.strays() == []
    else:
        own.close()
    assert not psutil.pid_exists(stray.pid)


def test_a_program_that_takes_too_long_or_whose_watch_raises() -> None:
    assert run(["sh", "-c", "echo one; echo two >&2; exit 3"]) == (3, "one\ntwo\n")
    assert run(["sleep", "60"], 0.1) == (None, "")

    def watch() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        run(["sleep", "61"], watch=watch)
    ours = psutil.Process().children(recursive=True)
    assert not [each for each in ours if each.cmdline() == ["sleep", "61"]]


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("bench", signal.SIGKILL),
        ("anatomy", signal.SIGUSR1),
        pytest.param("bench", signal.SIGUSR1, marks=pytest.mark.all),
        pytest.param("anatomy", signal.SIGKILL, marks=pytest.mark.all),
    ],
)
def test_a_harness_that_is_killed_leaves_nothing(tmp_path: Path, command: str, number: signal.Signals) -> None:
    harness = spawn(tmp_path, command, "--layers", "asyncio uvicorn", "--results", tmp_path / "results")
    what = "wrk" if command == "bench" else "callgrind"
    assert wait_for(lambda: called(what, tmp_path))
    harness.send_signal(number)
    assert harness.wait(5) == -number
    assert wait_for(lambda: gone(tmp_path), 10), family_of(tmp_path)
    harness.communicate()


def test_a_guardian_that_is_killed_ends_the_run(own: Guard, tmp_path: Path) -> None:
    harness = spawn(tmp_path, "bench", "--layers", "asyncio uvicorn", "--results", tmp_path / "results")
    assert wait_for(lambda: called("wrk", tmp_path))
    made = guardians(tmp_path)
    os.kill(made[0], signal.SIGKILL)
    _, err = harness.communicate(timeout=20)
    assert harness.returncode == 1
    assert "Traceback" not in err
    assert "error: the process that starts servers (asgi_anatomy.machine.guardian) has ended or does not answer" in err
    assert wait_for(lambda: gone(tmp_path), 5), family_of(tmp_path)
    own.sweep()
    assert not groups_of(made), "another guardian removes them"


def stopped_or_killed(number: signal.Signals, what: Callable[[Callable[[], None]], object]) -> float:
    """Do something in a thread, whose guardian gets a signal meanwhile; returns the seconds until it says so."""
    begin = time.monotonic()

    def work() -> None:
        mine = guard()
        try:
            what(lambda: mine.process.send_signal(number))
        finally:
            release()

    with ThreadPoolExecutor(1) as thread, pytest.raises(Fault, match=SAYS[number]):
        thread.submit(work).result()
    return time.monotonic() - begin


SAYS = {signal.SIGSTOP: r"does not answer: it was stopped \(SIGSTOP\)$", signal.SIGKILL: "its connection is closed$"}


@pytest.mark.parametrize("number", SAYS)
def test_a_guardian_is_to_blame_for_what_it_ran(number: signal.Signals) -> None:
    assert stopped_or_killed(number, lambda signalled: run(["sleep", "60"], watch=signalled)) < 5


def test_a_guardian_is_to_blame_for_the_files_that_went_with_it() -> None:
    def look(signalled: Callable[[], None]) -> None:
        with scratch() as folder:
            signalled()
            assert wait_for(lambda: guard().process.poll() is not None)
            (folder / "lines").read_text()

    assert stopped_or_killed(signal.SIGKILL, look) < 5


def test_a_stopped_guardian_is_ended(own: Guard) -> None:
    child = own.start(["sleep", "60"])
    own.process.send_signal(signal.SIGSTOP)
    begin = time.monotonic()
    own.close()
    assert time.monotonic() - begin < 5
    assert not psutil.pid_exists(child.pid)


def test_a_closed_terminal_ends_the_run(tmp_path: Path) -> None:
    """The session leader, which may be make, is told and stays; others on the same terminal are not told."""
    leader = "import subprocess, sys; from tests.conftest import default_signals; import signal;"
    leader += "signal.signal(signal.SIGHUP, signal.SIG_IGN); subprocess.run(sys.argv[1:], preexec_fn=default_signals)"
    bench = [sys.executable, "-m", "asgi_anatomy", "bench", "--results", str(tmp_path / "results")]
    master, terminal = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-c", leader, *bench], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(terminal)
    assert wait_for(lambda: called("wrk", tmp_path))
    os.close(master)
    begin = time.monotonic()
    started.wait(10)
    assert time.monotonic() - begin < 5
    assert wait_for(lambda: gone(tmp_path), 5), family_of(tmp_path)


@pytest.mark.parametrize("layer", ["asyncio", "uvicorn"])
def test_ctrl_c_ends_what_is_served(tmp_path: Path, layer: str) -> None:
    """It does so, too, where the suite itself was started with that signal ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serving = spawn(tmp_path, "serve", layer, "--port", 0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert serving.stderr
    port = int(serving.stderr.readline().partition("127.0.0.1:")[2].split()[0])
    with socket.socket() as probe:
        assert wait_for(lambda: probe.connect_ex(("127.0.0.1", port)) == 0)
    serving.send_signal(signal.SIGINT)
    out, err = serving.communicate(timeout=10)
    assert (serving.returncode, out, err) == (130, "", "")
    assert gone(tmp_path)


def test_a_signal_while_wrks_are_stopped_leaves_none(
    contract: Contract, monkeypatch: pytest.MonkeyPatch, servers: dict[str, Server]
) -> None:
    plan, stop, told = Plan(Selection([], {}, contract), lane=lane()), Wrk.stop, []

    def signalled(wrk: Wrk) -> None:
        told.append(wrk.process.pid)
        os.kill(os.getpid(), signal.SIGTERM)
        stop(wrk)

    monkeypatch.setattr(Wrk, "stop", signalled)
    assert plan.lane
    both = [servers["asyncio"], servers["uvicorn"]]
    with stopping_on_signals(), pytest.raises(Stopped), seated(both, plan, plan.lane) as table:
        table.cycle()
    assert len({*told}) == 2
    assert not [pid for pid in told if psutil.pid_exists(pid)]


def test_a_signal_is_heard_while_starting_fails() -> None:
    def start() -> None:
        with contextlib.suppress(OSError), held():
            os.kill(os.getpid(), signal.SIGTERM)
            guard().start(["no-such-program"])

    with stopping_on_signals(), pytest.raises(Stopped):
        start()


def test_a_signal_is_heard_where_faults_are_coped_with(tmp_path: Path) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nkill -HUP $PPID\nsleep 10\n")
    slow.chmod(0o755)
    assert read_packages("no-such-python") == {}
    with stopping_on_signals(), pytest.raises(Stopped, match="stopped by SIGHUP"):
        read_packages(str(slow))


def test_a_signal_is_heard_while_an_object_is_finalised() -> None:
    class Finalised:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.01)

    def work() -> None:
        Finalised()
        time.sleep(5)

    with stopping_on_signals(), pytest.raises(Stopped, match="stopped by SIGHUP"):
        work()


def test_a_server_that_goes_into_the_background(bench: Bench, tmp_path: Path) -> None:
    script = tmp_path / "lines"
    script.write_text(DAEMON.format(parent="os._exit(0)", daemon=SERVE))
    options = ("--serve", f"{{python}} {script} {{port}}", "--name", "mine", "--results", tmp_path / "results")
    done = bench("bench", *QUICK, "--layers", "asyncio", *options)
    assert done.returncode == 1
    assert "mine put itself in the background, where process " in done.stderr
    assert (
        "is serving (it must stay in the foreground: try an option such as `--no-daemon` or `daemon off;`)"
        in done.stderr
    )
    assert gone(tmp_path)


def test_what_a_server_forks_twice_ends_with_it(tmp_path: Path) -> None:
    script = tmp_path / "forks.py"
    script.write_text(DAEMON.format(parent=f"os.wait(); {SERVE}", daemon=f"open({str(tmp_path / 'pid')!r}, 'w')"
                                    f".write(str(os.getpid())); {SLEEP}"))  # fmt: skip
    layer = Layer(name="forks", adds="", command=f"{{python}} {script} {{port}}")
    code = "import sys; from pathlib import Path; from asgi_anatomy.suite.layers import Layer;"
    code += "from asgi_anatomy.machine.server import *;"
    code += "from asgi_anatomy.suite.contract import read_contract; import psutil;"
    code += f"layer = Layer(name='forks', adds='', command={layer.command!r})\n"
    code += "with Server(layer, read_contract()): pid = int(Path(sys.argv[1]).read_text()); psutil.Process(pid)\n"
    code += "print(psutil.pid_exists(pid))"
    argv = [sys.executable, "-c", code, str(tmp_path / "pid")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_wrk_that_is_killed_costs_no_layer(quick_bench: Bench, tmp_path: Path) -> None:
    harness = spawn(tmp_path, "bench", "--layers", "asyncio", "--budget", 4, "--results", tmp_path / "results")
    assert harness.stderr
    line = ""
    while "round 1: turns of asyncio" not in line:
        line = harness.stderr.readline()
    kill_first(tmp_path, "wrk")
    _, err = harness.communicate(timeout=20)
    assert harness.returncode == 0, err
    (path,) = (tmp_path / "results").glob("*.json")
    faults = [each.fault for made in read_record(path, Record).rounds for each in made.instances]
    assert faults[0]
    assert faults[0].startswith("wrk, which loaded asyncio, ")
    assert faults[1:] == [None] * len(faults[1:])
    assert f"1 of {len(faults)} rounds left out" in " ".join(
        quick_bench("table", "--record", path, "--wide").stdout.split()
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_wrk_is_blamed_for_what_befell_it(server_of: Callable[[str], Server], number: signal.Signals) -> None:
    wrk = Wrk(server_of("asyncio"), Load(1, 4))
    later(0.2, lambda: wrk.process.kill(number))
    begin = time.monotonic()
    with pytest.raises(
        WrkFault, match=rf"^wrk, which loaded asyncio, was (ended|stopped).*{number.name}.* from outside"
    ):
        wrk.finish()
    assert time.monotonic() - begin < 3
    assert not psutil.pid_exists(wrk.process.pid)


@pytest.fixture
def server_of(servers: dict[str, Server]) -> Callable[[str], Server]:
    return servers.__getitem__


def test_a_wrk_that_fails_twice_is_a_window_left_out(
    contract: Contract, monkeypatch: pytest.MonkeyPatch, servers: dict[str, Server]
) -> None:
    tries = []

    def fail(*_: object, **__: object) -> None:
        tries.append(1)
        raise WrkFault("wrk was ended")

    monkeypatch.setattr(runs, "take", fail)
    selection = select(CATALOGUE, contract, names="asyncio uvicorn")
    record = Record(load=Load(), layers=selection.rows())
    told = Quiet()
    run = Run(Plan(selection, budget=1), record, told)
    run._window(servers["asyncio"])
    assert len(tries) == 2
    assert told.lines[-1] == "wrk was ended: the window is left out"
    assert [(each.layer, each.fault) for each in record.windows] == [("asyncio", "wrk was ended")]
    assert not any(row.faults for row in record.layers)


def callgrind_of(word: str) -> int:
    """Kill what we run under callgrind with that word in its command, as soon as there is one."""

    def find() -> int:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and process.name().startswith("callgrind") and any(word in each for each in process.cmdline()):
                    process.kill()
                    return process.pid
        return 0

    return wait_for(find)


def test_a_valgrind_that_is_killed_under_a_server(contract: Contract) -> None:
    later(2.0, lambda: callgrind_of("asyncio_server"))
    begin = time.monotonic()
    with pytest.raises(ServerFault, match=r"^asyncio (did not start|died while its work was counted) .*SIGKILL\)$"):
        count_instructions(CATALOGUE.layers["asyncio"], contract)
    assert time.monotonic() - begin < 8


def test_a_valgrind_that_is_killed_is_started_once_more(contract: Contract) -> None:
    record = Anatomy(layers=[])
    later(0.5, lambda: callgrind_of("servers.endpoint_server"))
    with Cores() as cores:
        dissect(Selection([], {}, contract), record, Quiet(), cores)
    assert record.endpoint
    assert record.endpoint.notes == []
    assert record.endpoint.instructions


@pytest.mark.all
def test_a_valgrind_that_is_killed_twice_leaves_the_rest_of_an_anatomy(contract: Contract) -> None:
    record = Anatomy(layers=[])
    later(0.5, lambda: [callgrind_of("servers.endpoint_server") for _ in range(2)])
    begin = time.monotonic()
    with Cores() as cores:
        dissect(Selection([], {}, contract), record, Quiet(), cores)
    assert time.monotonic() - begin < 12
    assert record.endpoint
    (note,) = record.endpoint.notes
    assert re.match(r"no instructions: share.endpoint (did not start|died while .*) \(ended by SIGKILL\)$", note)


def test_the_last_lines_are_none_that_the_contract_provoked(contract: Contract) -> None:
    with Server(CATALOGUE.layers["uvicorn"], contract) as server:
        assert conformance_check(contract, server.layer, server.host, server.port) == []
        assert "Invalid HTTP request" in "".join(server.printed())
        server.mark()
        assert server.printed() == []
        server.process.kill()
        assert server.process.wait(5)
        with pytest.raises(ServerFault, match=r"^uvicorn died \(ended by SIGKILL\)$"):
            server.require_alive("died")


def test_no_more_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(Fault, match="^cannot start another process: the process limit .`ulimit -u`. is reached$"):
        Guard()


def test_ports_that_do_not_suffice() -> None:
    with pytest.raises(BadInput, match="^PORT=65535 leaves too few ports for 5 layers: expected at most 65531$"):
        require_ports("127.0.0.1", 65535, 5)
    with pytest.raises(BadInput, match="^port 70000 does not exist"):
        require_ports("127.0.0.1", 70000, 5)
    require_ports("127.0.0.1", 0, 5)


def test_a_server_of_the_suite_gets_a_clean_environment(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "PYTHONSTARTUP", "PYTHONINSPECT"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("PYTHONHASHSEED", "5")
    clean = clean_environment()
    assert "/nowhere" not in clean.values()
    assert clean["PYTHONHASHSEED"] == "5"
    assert clean["PATH"] == os.environ["PATH"]
    with Server(CATALOGUE.layers["asyncio"], contract, environment={"PYTHONHASHSEED": "7"}) as server:
        mine = psutil.Process(server.process.pid).environ()
        assert mine["PYTHONHASHSEED"] == "7"
        assert "PYTHONHOME" not in mine
    own = Layer(name="own", adds="", command="true", own=True, environment={"FREEZE": "1"})
    environment = Server(own, contract).environment
    assert (environment["PYTHONPATH"], environment["FREEZE"]) == ("/nowhere", "1")


def test_no_more_processes_for_the_guardian_either(tmp_path: Path) -> None:
    """Root has no such limit: it does this as a user who may read, as root does, wherever this Python is."""
    code = "import resource; from asgi_anatomy.errors import Fault\n"
    code += "from asgi_anatomy.machine.children import Guard; own = Guard()\n"
    code += "limit = resource.getrlimit(resource.RLIMIT_NPROC)\n"
    code += "resource.prlimit(own.process.pid, resource.RLIMIT_NPROC, (1, limit[1]))\n"
    code += "try: own.start(['true'])\nexcept Fault as fault: print(fault.message)"
    user: list[str] = []
    if os.geteuid() == 0:
        os.chown(tmp_path, NOBODY, NOBODY)
        reads = [f"--{kind}-caps=-all,+dac_read_search" for kind in ("inh", "ambient")]
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *reads]
    done = subprocess.run(
        [*user, sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("cannot start another process"), done.stderr
