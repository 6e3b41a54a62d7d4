"""One `make bench` on a host that only has a clone of this suite: its record."""

import os
import socket
from pathlib import Path

from bench.data.errors import Fault
from bench.data.layers import PYTHON, ROOT
from bench.host.programs import run, scratch


def bench_here(arguments: list[str]) -> bytes:
    """Run `make bench` on the machine of this worker; raises Fault if it leaves no record."""
    with scratch() as folder:
        os.chdir(ROOT)
        code, said = run([os.fspath(PYTHON), "-m", "bench", "bench", "--results", str(folder), *arguments])
        found = sorted(Path(folder).glob("*-bench.json"))
        if found and not code:
            return found[0].read_bytes()
    lines = [line for line in said.splitlines() if line.strip()] or [f"exit code {code}"]
    raise Fault(f"{socket.gethostname()}: make bench failed: {lines[-1].removeprefix('error: ')}")


def name_here() -> str:
    """What this host calls itself."""
    return socket.gethostname()
