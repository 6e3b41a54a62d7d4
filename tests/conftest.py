"""What the tests share: the catalogue, the contract, and layers that run."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

from asgi_anatomy.cli import run as cli_run
from asgi_anatomy.machine.guardian import NAME, own_group
from asgi_anatomy.machine.server import Server
from asgi_anatomy.machine.signals import SIGNALS
from asgi_anatomy.suite.contract import Contract, read_contract
from asgi_anatomy.suite.layers import ROOT, Catalogue, read_catalogue

for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKE_PID", "MAKE_WORDS"):
    os.environ.pop(name, None)  # of the make that runs the tests: theirs are not below it
CATALOGUE = read_catalogue()
SERVED = ["protocol", "httptools", *CATALOGUE.ladders["default"].layers]
"""The layers that meet clients of every kind."""
RAW = ["protocol", "httptools", "asyncio"]
"""Those of them that are this project's own: they bound what a client may send, which stock packages do not."""


MEASURING = "measuring"
TOGETHER = {
    **dict.fromkeys(("bench", "pair", "sweep", "suite/test_own.py", "machine/test_guardian.py"), MEASURING),
    **dict.fromkeys((f"turns/test_{name}.py" for name in ("turns", "workloads", "session", "display")), MEASURING),
    # these remove the environments that they made, or look at all that there are
    **dict.fromkeys(("packages", "versus", "test_action.py"), "environments"),
    # these take long, or share what takes seconds to start
    "pages": "browser",
    "test_style.py": "style",
    "servers": "servers",
    "test_setup.py": "checkout",
}
"""Rooms and files whose tests one worker of pytest-xdist runs, one after another, by the name of their group: what
takes turns on a core must not meet another run there.
"""
LONG = 1200
"""Seconds that a test of `make test-all` may take; pyproject.toml says it for others."""


def group_of(nodeid: str) -> str:
    """The group of a test, or an empty string."""
    path = Path(nodeid.partition("::")[0])
    return next((group for start, group in TOGETHER.items() if path.is_relative_to(Path("tests", start))), "")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give a worker a whole group, or one test that is in none; --dist=loadgroup has no effect under pytest 9.2."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = lambda nodeid: group_of(nodeid) or nodeid
    return scheduler


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups go first, in their order, so that no worker has a long one left when the others are done."""
    order = [*dict.fromkeys(TOGETHER.values()), ""]
    items.sort(key=lambda item: order.index(group_of(item.nodeid)))
    for item in items:
        if item.get_closest_marker("all") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Workers that do not measure give way to the one that does."""
    if "PYTEST_XDIST_WORKER" in os.environ and group_of(item.nodeid) != MEASURING:
        os.setpriority(os.PRIO_PROCESS, 0, 10)


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM and SIGHUP end the tests as Ctrl-C does: each still cleans up, whichever worker runs it."""
    is_worker = hasattr(config, "workerinput")

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        for child in () if is_worker else psutil.Process().children():
            if any("sys.stdin.readline" in word for word in child.cmdline()):  # how xdist starts a worker
                child.send_signal(number)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    for name in ("COLUMNS", "LINES"):  # xdist sets them for its workers, and programs wrap what they say
        os.environ.pop(name, None)
    for name in ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"):  # a make that a test starts has words of its own
        os.environ.pop(name, None)


def require(missing: str) -> None:
    """Skip a test for what is missing here, on one line; where all should be there (CI=true), it fails."""
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)


def require_tool(name: str) -> None:
    """Skip a test where a program is not installed."""
    require("" if shutil.which(name) else f"{name} is not installed: `make tools` does that")


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return CATALOGUE


@pytest.fixture(scope="session")
def contract() -> Contract:
    return read_contract()


@pytest.fixture(scope="session")
def servers(catalogue: Catalogue, contract: Contract) -> Iterator[dict[str, Server]]:
    """Each layer of SERVED, running on a port of its own."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(Server(catalogue.layers[name], contract)) for name in SERVED}


@pytest.fixture(params=SERVED)
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    """Each layer in turn."""
    return servers[request.param]


@pytest.fixture(params=RAW)
def raw_server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    """Each layer of RAW in turn."""
    return servers[request.param]


Bench = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Run `python -m asgi_anatomy` with so many arguments, records going to a temporary folder."""

    def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "asgi_anatomy", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


@pytest.fixture
def quick_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The same in this process, in a tenth of the time: for what starts no server and ends by itself."""

    def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        with monkeypatch.context() as patch:
            patch.chdir(ROOT)
            patch.setattr(sys, "argv", ["bench", *map(str, arguments)])
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                code = cli_run()
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        said = capsys.readouterr()
        return subprocess.CompletedProcess([*map(str, arguments)], code, said.out, said.err)

    return run


class Quiet:
    """Watches a run, and shows nothing."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        """What it was told."""

    def tell(self, what: str, seconds: float) -> None:  # noqa: ARG002 (as every watch)
        """Note it."""
        self.lines.append(what)

    def keep(self) -> None:
        """Nothing is kept."""


def default_signals() -> None:
    """In a child before it runs: signals as a terminal gives them. Where the suite was itself started with some ignored
    (in the background, by nohup, by some CI), its children would ignore them as well, and a test would wait for ever.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def spawn(folder: Path, *arguments: object, **environment: str) -> "subprocess.Popen[str]":
    """Start `python -m asgi_anatomy`, all its temporary files in a folder, to be sent a signal."""
    return subprocess.Popen(
        [sys.executable, "-m", "asgi_anatomy", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=default_signals,
    )


def family_of(folder: Path) -> list[psutil.Process]:
    """The processes that were started with this folder for their temporary files, and still live."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("TMPDIR") == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def called(name: str, folder: Path) -> list[psutil.Process]:
    """Those of them whose name begins so, and that a guardian started: not the `wrk -v` that asks for a version."""
    found = []
    for process in family_of(folder):
        with contextlib.suppress(psutil.Error):  # it may have ended by now
            guarded = any("asgi_anatomy.machine.guardian" in each.cmdline() for each in process.parents())
            found += [process] if guarded and process.name().startswith(name) else []
    return found


def processes(folder: Path) -> set[int]:
    """Their numbers."""
    return {process.pid for process in family_of(folder)}


def wait_for[T](what: Callable[[], T], seconds: float = 20.0) -> T:
    """What a function returns as soon as that is something."""
    deadline = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def running(folder: Path, what: str) -> list[psutil.Process]:
    """The processes that were started with this folder, and have this in their command."""
    found = []
    for process in family_of(folder):
        with contextlib.suppress(psutil.Error):  # it may have ended by now
            found += [process] if any(what in word for word in process.cmdline()) else []
    return found


def guardians(folder: Path) -> list[int]:
    """The guardians among them."""
    return [each.pid for each in running(folder, "asgi_anatomy.machine.guardian")]


def groups_of(guardians: list[int]) -> list[Path]:
    """The control groups that they made, and that are still there."""
    own = own_group()
    return [path for pid in guardians for path in own.glob(f"{NAME}{pid}-*")] if own else []
