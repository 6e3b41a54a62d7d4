"""Layer `uvicorn`: a bare ASGI callable, on the layer `asyncio`.

It adds uvicorn: a complete HTTP/1.1 parser (httptools), headers, a scope and a task per request, flow control,
timeouts, lifespan. It leaves out routing: every path and method reaches the endpoint.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from share import REFUSED, endpoint, refusal

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Answer the User request, in ASGI's terms: messages in, messages out."""
    if scope["type"] == "lifespan":
        return await live(receive, send)
    chunks, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        chunks.append(message["body"])
        more = message["more_body"]
    try:
        status, body = 200, endpoint(b"".join(chunks))
    except REFUSED as why:
        status, body = 400, refusal(why)
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def live(receive: Receive, send: Send) -> None:
    """Acknowledge the server's start-up and shutdown: there is nothing to open or close."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
