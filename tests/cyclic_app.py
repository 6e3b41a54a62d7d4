"""The app of the layer `uvicorn`, leaving 50 lists behind for each request that only the garbage collector can free."""

from servers import uvicorn_app
from servers.uvicorn_app import Message, Receive, Send


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Make garbage, and answer."""
    for _ in range(50):
        garbage: list[object] = []
        garbage.append(garbage)
    await uvicorn_app.app(scope, receive, send)
