"""How fast the servers' core is at every moment, as a small process on it sees it: see sensor_loop.py.

Another tenant on the core's other hardware thread slows a program by half or more, and no counter of this machine's
shows it. A loop of known work does: its CPU time is one of two, and goes from one to the other when the neighbour comes
or goes. The sensor takes under 1% of the core.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from bench.host.sensor_loop import COUNT, PLACES, READING, SIZE
from bench.host.signals import held

EVERY_MS = 16
LOOP = Path(__file__).with_name("sensor_loop.py")


class Sensor:
    """The readings of a sensor that runs."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def count(self) -> int:
        """How many readings there are until now."""
        self.file.seek(0)
        return int(COUNT.unpack(self.file.read(COUNT.size))[0])

    def since(self, count: int) -> list[int]:
        """The readings after the first `count`, in tenths of a microsecond."""
        now = self.count()
        found = self.file.read(SIZE - COUNT.size)
        places = [each % PLACES for each in range(max(count, now - PLACES), now)]
        return [READING.unpack_from(found, place * READING.size)[0] for place in places]


@contextmanager
def sensor(core: int | None) -> Iterator[Sensor | None]:
    """A sensor on this core for as long as the context lasts; None without a core, or where none can be started."""
    with ExitStack() as stack:
        found = None
        with suppress(OSError):  # a full disk, no more processes: figures then are those of the mixture, and say so
            if core is not None:
                file = stack.enter_context(tempfile.TemporaryFile(buffering=0))
                file.truncate(SIZE)
                stack.enter_context(_process(core, file))
                found = Sensor(file)
        yield found


@contextmanager
def _process(core: int, file: IO[bytes]) -> Iterator[None]:
    """The process itself, which writes into this file. It has ended on leaving, or when this process dies."""
    argv = [sys.executable, "-I", "-S", str(LOOP), str(core), str(EVERY_MS)]
    with held():
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.DEVNULL, start_new_session=True
        )
    try:
        yield
    finally:
        with held():
            process.kill()
            process.communicate()
