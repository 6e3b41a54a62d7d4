"""ASGI apps that are measured in ways of their own: two wait, one works while nobody asks it anything."""

import asyncio
import os
import threading
import time

from servers import uvicorn_app
from servers.uvicorn_app import Message, Receive, Send

WAIT = float(os.environ.get("WAIT", "0.05"))
"""Seconds."""
SHARE = 0.02
"""How much of a core the thread of `restless` burns."""


async def waiting(scope: Message, receive: Receive, send: Send) -> None:
    """Wait, then answer."""
    await asyncio.sleep(WAIT)
    await uvicorn_app.app(scope, receive, send)


async def blocking(scope: Message, receive: Receive, send: Send) -> None:
    """Keep everybody waiting, then answer."""
    time.sleep(2 * WAIT)
    await uvicorn_app.app(scope, receive, send)


def burn() -> None:
    """Use SHARE of a core."""
    while True:
        end = time.thread_time_ns() + round(SHARE * 20e6)
        while time.thread_time_ns() < end:
            pass
        time.sleep(0.02)


async def restless(scope: Message, receive: Receive, send: Send) -> None:
    """Answer, with a thread that burns in the background."""
    if not any(each.name == "burn" for each in threading.enumerate()):
        threading.Thread(target=burn, name="burn", daemon=True).start()
    await uvicorn_app.app(scope, receive, send)
