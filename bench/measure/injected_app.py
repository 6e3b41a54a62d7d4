"""The layer `uvicorn` with work of a known size injected into it: TURNS turns of an empty loop per request."""

import os
from itertools import repeat

from servers.uvicorn_app import Message, Receive, Send
from servers.uvicorn_app import app as plain

TURNS = int(os.environ["TURNS"])


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Do nothing, so many times, then what the layer does."""
    for _ in repeat(None, TURNS):  # a range would make numbers, the first 257 of them cheaper than the others
        pass
    await plain(scope, receive, send)
