"""Layer `starlette-middleware`: the layer `starlette` with one pure ASGI middleware that does nothing."""

from starlette.types import ASGIApp, Receive, Scope, Send

from servers.starlette_app import app


class Nothing:
    """Passes everything on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do nothing."""
        await self.app(scope, receive, send)


app.add_middleware(Nothing)
