"""Layer `fastapi-middleware`: the layer `fastapi` with one BaseHTTPMiddleware that does nothing."""

from fastapi import Request, Response
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint

from servers.fastapi_app import app


class Nothing(BaseHTTPMiddleware):
    """Passes the request on and the answer back."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Do nothing."""
        return await call_next(request)


app.add_middleware(Nothing)
