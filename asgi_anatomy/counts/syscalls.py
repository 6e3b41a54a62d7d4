"""A server under strace -> system calls per request, by name.

strace slows a server down, so it polls for events less often than usual, and a poll that returns several events makes
a request cost fewer calls. One connection, with a pause between requests, avoids that.
"""

import re
import time
from collections import Counter
from pathlib import Path

from asgi_anatomy.counts.connection import connected
from asgi_anatomy.machine.programs import scratch
from asgi_anatomy.machine.server import Server
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.suite.layers import Layer

WARM_UP = 100
REQUESTS = 200
IDLE = 1.5  # seconds
SETTLE = 0.1  # seconds after the last answer, for the server to finish its work
SLOWER = 3  # times as long as otherwise a server has to start answering
CALL = re.compile(r"^\d+ +([a-z0-9_]+)\(", re.MULTILINE)
"""One line of `strace -f`: a thread, a call. A call that is split in the log is counted where it begins."""


def count_syscalls(layer: Layer, contract: Contract) -> dict[str, float]:
    """System calls per request by name, the most frequent first; raises ServerFault, or OSError."""
    with scratch() as folder:
        log = folder / "log"
        wrap = ["strace", "-f", "-qq", "-o", str(log)]
        with (
            Server(layer, contract, wrap=wrap, patience=SLOWER * layer.start_timeout) as server,
            connected(server) as connection,
        ):
            count = connection.whole(REQUESTS)
            connection.warm_up(connection.whole(WARM_UP))
            time.sleep(SETTLE)
            begin = log.stat().st_size
            connection.rest(IDLE)
            middle = log.stat().st_size
            seconds = connection.ask(count)
            time.sleep(SETTLE)
            (folder / "room").write_bytes(bytes(4096))  # raises OSError where the log may lack its end
            idle, busy = (_count(log, *span) for span in ((begin, middle), (middle, log.stat().st_size)))
    share = (seconds + SETTLE) / IDLE
    calls = {name: round((busy[name] - idle[name] * share) / count, 2) for name, _ in busy.most_common()}
    return {name: number for name, number in calls.items() if number > 0}


def _count(log: Path, begin: int, end: int) -> Counter[str]:
    """The calls in a part of the log, from one byte to another."""
    with log.open("rb") as file:
        file.seek(begin)
        return Counter(CALL.findall(file.read(end - begin).decode(errors="replace")))
