"""Layer `dumproute`: FastAPI, with a route that hands the body to the shared endpoint, on the layer `starlette`.

It adds FastAPI's application and router around the work of the layer `starlette`. It leaves out what people choose
FastAPI for: declared types, validation by pydantic, dependencies; the layer `fastapi` shows what they cost.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute

from share import REFUSED, endpoint, refusal


class DumpRoute(APIRoute):
    """A route that ignores its endpoint's signature: bytes in, bytes out."""

    refused: tuple[type[Exception], ...] = REFUSED

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Replace FastAPI's own handler, which parses, validates and serialises."""

        async def handle(request: Request) -> Response:
            body = await request.body()
            try:
                return Response(self.endpoint(body), media_type="application/json")
            except self.refused as why:
                return Response(refusal(why), status_code=400, media_type="application/json")

        return handle


app = FastAPI()
app.router.route_class = DumpRoute
app.router.post("/")(endpoint)
