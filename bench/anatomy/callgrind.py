"""A process under valgrind -> instructions in user space, by component."""

import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.data.errors import Fault, ServerFault
from bench.host.counters import family
from bench.host.programs import run

COMPONENTS = (
    ("interpreter", re.compile(r"/(libpython[^/]*|python[0-9.]*)$|/lib-dynload/[^/]*$")),
    ("uvloop/libuv", re.compile(r"/uvloop/")),
    ("httptools/llhttp", re.compile(r"/httptools/")),
    ("msgspec", re.compile(r"/msgspec/")),
    ("pydantic-core", re.compile(r"/pydantic_core/")),
    ("axum-server", re.compile(r"/axum-server$")),
    ("libc", re.compile(r"/libc[.-][^/]*$")),
    ("ld.so", re.compile(r"/ld[-.][^/]*$")),
)
"""Each component, and what the path of its shared objects looks like. ld.so looks up thread-local variables."""
PACKAGE = re.compile(r"/site-packages/(\w+)")
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
CONTROL = 20.0  # seconds that an order may take to be carried out


def component(shared_object: str) -> str:
    """The component that a shared object belongs to."""
    for name, pattern in COMPONENTS:
        if pattern.search(shared_object):
            return name
    package = PACKAGE.search(shared_object)
    return package[1] if package else "the rest"


def command(folder: Path) -> list[str]:
    """The command prefix that runs a program under callgrind, with counting off, and its files in a folder."""
    files = [f"--callgrind-out-file={folder}/out.%p", f"--vgdb-prefix={folder}/vgdb"]
    return ["valgrind", "--tool=callgrind", "--quiet", "--trace-children=yes", "--instr-atstart=no", *files]


class Callgrind:
    """A process under callgrind and its descendants, controlled by vgdb, as callgrind_control does.

    `require_alive` raises ServerFault or Fault if the process has ended: otherwise an order would wait in vain.
    """

    def __init__(self, pid: int, folder: Path, what: str, require_alive: Callable[[], None]) -> None:
        self.pids = family(pid)
        self.folder = folder
        self.what = what
        self.require_alive = require_alive
        self.dumps = 0
        self.begin = 0.0

    def control(self, order: str) -> None:
        """Give all of them an order; raises ServerFault if it is not carried out."""
        for pid in self.pids:
            self._control(order, pid)

    def _control(self, order: str, pid: int) -> None:
        self.require_alive()
        command = ["vgdb", f"--vgdb-prefix={self.folder}/vgdb", f"--pid={pid}", "--max-invoke-ms=1", *order.split()]
        try:
            code, said = run(command, CONTROL, self.require_alive)
        except OSError as error:
            raise Fault(f"vgdb cannot be started ({error.strerror}): type `make tools`") from None
        self.require_alive()
        if code is None:
            raise ServerFault(self.what, f"cannot be counted: no reply from valgrind to {order} in {CONTROL:.0f} s")
        if code:
            last = (said.strip().splitlines() or [f"nothing (exit code {code})"])[-1]
            raise ServerFault(self.what, f"cannot be counted: vgdb {order} said {last}")

    def start(self) -> None:
        """Count from here on."""
        self.control("instrumentation on")
        self.begin = time.monotonic()

    def dump(self) -> tuple[Counter[str], float]:
        """The instructions by component since the last dump, or since the start, and the seconds since then."""
        self.control("dump")
        before, self.begin = self.begin, time.monotonic()
        self.dumps += 1
        total: Counter[str] = sum(map(read_dump, self.files()), Counter())
        return total, self.begin - before

    def files(self) -> list[Path]:
        """The files of the last dump, one for each process."""
        return [self.folder / f"out.{pid}.{self.dumps}" for pid in self.pids]


def read_dump(path: Path) -> Counter[str]:
    """Instructions by component in a callgrind file; raises Fault unless they add up to its total.

    The format is in valgrind's manual, "Callgrind Format Specification": a cost line adds to the shared object named by
    the last `ob=`; the line after `calls=` holds the cost of a callee, which is counted at the callee.
    """
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    current, total, is_call = "", 0, False
    for line in path.read_text(errors="replace").splitlines():
        if line[:1].isdigit() or line[:1] in tuple("+-*"):
            if not is_call:
                counts[component(current)] += int(line.split()[1])
            is_call = False
        elif line.startswith("calls="):
            is_call = True
        elif line.startswith(("ob=", "cob=")):
            key, _, name = line.partition("=")[2].partition(" ")
            names.setdefault(key, name)
            if line[0] == "o":
                current = names[key]
        elif line.startswith(("totals:", "summary:")):
            total = int(line.split()[1])
    if counts.total() != total:
        raise Fault(f"callgrind's {path.name} adds up to {counts.total()}, not {total}: unknown format")
    return counts
