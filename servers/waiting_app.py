"""The layers `wait-...`: the layer `starlette` with a 1 ms wait, as for a database, with three kinds of concurrency.

`coroutine` lets others run while it waits. `threads` waits in a thread of Starlette's pool, as a `def` endpoint does.
`blocking` blocks its whole process while it waits, so only more processes help.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from share import REFUSED, endpoint, refusal

WAIT = 0.001  # seconds


def answer(body: bytes) -> Response:
    """The answer to a body."""
    try:
        return Response(endpoint(body), media_type="application/json")
    except REFUSED as why:
        return Response(refusal(why), status_code=400, media_type="application/json")


def answer_late(body: bytes) -> Response:
    """The answer to a body, after a wait that blocks the thread."""
    time.sleep(WAIT)
    return answer(body)


async def wait_as_coroutine(request: Request) -> Response:
    """Wait, letting others run."""
    body = await request.body()
    await asyncio.sleep(WAIT)
    return answer(body)


async def wait_in_thread(request: Request) -> Response:
    """Wait in a thread of the pool."""
    return await run_in_threadpool(answer_late, await request.body())


async def wait_and_block(request: Request) -> Response:
    """Wait, blocking the event loop."""
    return answer_late(await request.body())


def app(user: Callable[[Request], Awaitable[Response]]) -> Starlette:
    """One endpoint as an app."""
    return Starlette(routes=[Route("/", user, methods=["POST"])])


coroutine, threads, blocking = app(wait_as_coroutine), app(wait_in_thread), app(wait_and_block)
