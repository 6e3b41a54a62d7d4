"""The layer `asyncio`, gone wrong: `python -m tests.bad_server WHAT AFTER PORT`, after so many requests."""

import itertools
import os
import sys

import uvloop

import share
from servers import asyncio_server

what, after, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
calls = itertools.count()


def endpoint(data: bytes) -> bytes:
    """Endpoint as share has it, until it is time to go wrong."""
    if next(calls) < after:
        return share.endpoint(data)
    match what:
        case "die":
            os.write(2, b"out of luck\n")
            os._exit(9)
        case "fail":
            asyncio_server.OK = b"500 Internal Server Error"  # type: ignore[attr-defined]
        case "lie":
            return share.endpoint(data).replace(b"Ada", b"Bob")
    return share.endpoint(data)


if what == "exit":
    sys.exit("first line\nno database here")
asyncio_server.endpoint = endpoint  # type: ignore[attr-defined]
uvloop.run(asyncio_server.listen("127.0.0.1", port))
