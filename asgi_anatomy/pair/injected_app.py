"""The layer `uvicorn` with an injected slow-down of known size: ITERATIONS iterations of an empty loop per request."""

import os
from itertools import repeat

from servers.uvicorn_app import Message, Receive, Send
from servers.uvicorn_app import app as plain

ITERATIONS = int(os.environ["ITERATIONS"])


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Do nothing ITERATIONS times, then what the layer does."""
    for _ in repeat(None, ITERATIONS):  # a range would create integers, the first 257 cheaper than the others
        pass
    await plain(scope, receive, send)
