"""What runs on another machine, which only has a clone of this suite: one `make bench`, or installing sides."""

import os
import socket
import uuid
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from bench.data.errors import BadInput, Fault
from bench.data.layers import PYTHON, ROOT, Layer
from bench.host.environments import build
from bench.host.programs import last_line, run, scratch
from bench.host.sides import Side, install


def bench_here(arguments: list[str], seconds: float) -> bytes:
    """Run `make bench` on the machine of this worker, at most this long; raises Fault if it leaves no record."""
    with scratch() as folder:
        os.chdir(ROOT)
        command = [os.fspath(PYTHON), "-m", "bench", "bench", "--results", str(folder), *arguments]
        code, said = run(command, seconds)
        found = sorted(Path(folder).glob("*-bench.json"))
        if found and code == 0:
            return found[0].read_bytes()
    if code is None:
        raise Fault(f"{socket.gethostname()}: make bench did not end within {seconds:,.0f} s")
    raise Fault(f"{socket.gethostname()}: make bench failed: {last_line(said).removeprefix('error: ')}")


def machine_here() -> tuple[str, str]:
    """The name of this host, and an id of its machine, which containers share: that of its boot."""
    try:
        return socket.gethostname(), Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname(), f"{uuid.getnode():x}"


def install_here(layers: list[Layer], sides: list[Side]) -> None:
    """Install sides, each on the group of the layers that it serves, in this worker's clone.

    Raises BadInput for a wheel that is not on this machine, or Fault where something cannot be installed.
    """
    os.chdir(ROOT)
    for side in sides:
        for pin in side.resolution.packages.values():
            path = url2pathname(urlsplit(pin.url).path)
            if pin.url and not Path(path).is_file():
                raise BadInput(
                    f"{socket.gethostname()} has no {path}: a checkout or a wheel can only be counted by workers that"
                    " see the disk it is on"
                )
    if failed := build(layers, lambda _: None):
        raise Fault(f"{socket.gethostname()}: {next(iter(failed.values()))}")
    for side in sides:
        install(side.mark, side.said, side.resolution, side.below, lambda _: None)
