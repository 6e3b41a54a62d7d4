"""Connections opened one after another, each asked once and then left open: how many a server holds, what they take.

wrk cannot do that: it opens all of them at once and loads the first while the last still wait to be accepted.
"""

import errno
import socket
import time
from collections import Counter
from collections.abc import Callable

from bench.data.errors import Broken
from bench.data.machine import Lane
from bench.data.sweep import Held
from bench.host.cores import on_core
from bench.host.http import receive
from bench.host.server import Server

TIMEOUT = 5.0  # seconds that a connection, and an answer, may take
GIVE_UP = 10
"""Connections that fail in a row, after which no more are tried."""


def hold(server: Server, point: Held, lane: Lane | None, seconds: float, read: Callable[[], None]) -> None:
    """Open a point's connections, for at most so many seconds, and call `read` while they are open.

    Writes down how many are open at the end, and what went wrong with the others, by kind.
    """
    asked = server.contract.asked[0]
    wire, status = asked.wire(), asked.expected(server.layer)
    streams: list[socket.socket] = []
    wrong: Counter[str] = Counter()
    row, deadline = 0, time.monotonic() + seconds
    try:
        with on_core(lane.client if lane else None):
            while len(streams) + wrong.total() < point.connections and row < GIVE_UP and time.monotonic() < deadline:
                if why := _one(server, wire, status, streams):
                    wrong[why] += 1
                    row += 1
                else:
                    row = 0
            point.kept = sum(map(_is_open, streams))
            read()
    finally:
        for stream in streams:
            stream.close()
    if closed := len(streams) - point.kept:
        wrong["closed"] += closed
    if left := point.connections - len(streams) - (wrong.total() - closed):
        wrong["not tried"] = left
    point.lost = dict(wrong)


def _one(server: Server, wire: bytes, status: int, streams: list[socket.socket]) -> str:
    """Open one connection and have a request answered on it: what went wrong, in a word or two, or an empty string."""
    try:
        stream = socket.create_connection((server.host, server.port), TIMEOUT)
    except OSError as error:
        return _word(error)
    streams.append(stream)
    try:
        stream.sendall(wire)
        answer = receive(stream)
        why = "" if answer.status == (status or answer.status) != 0 else "wrong answer"
    except Broken:
        why = "wrong answer"
    except OSError as error:
        why = _word(error)
    if why:
        streams.pop().close()
    return why


def _word(error: OSError) -> str:
    """The kind of an error."""
    if isinstance(error, TimeoutError):
        return "timeout"
    return {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.EMFILE: "open files"}.get(
        error.errno or 0, (errno.errorcode.get(error.errno or 0) or "other")
    )


def _is_open(stream: socket.socket) -> bool:
    """Whether the server has not closed it."""
    stream.setblocking(False)
    try:
        return bool(stream.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False
