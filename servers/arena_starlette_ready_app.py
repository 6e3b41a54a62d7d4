"""Layer `arena-starlette-ready`: the endpoints of `arena-starlette`, but the 50 items are kept as a ready body.

It leaves out building the items, and their JSON, for each request. Its other endpoints are those of `arena-starlette`.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from servers.arena_data import ITEMS, STOCK, totals
from servers.arena_starlette_app import baseline, compression, database, ok, upload

BODY = JSONResponse({"items": totals(STOCK), "count": ITEMS}).body


async def items(_request: Request) -> Response:
    """50 items, made once."""
    return Response(BODY, media_type="application/json")


app = Starlette(
    routes=[
        Route("/baseline", baseline, methods=["GET", "POST"]),
        Route("/pipeline", ok),
        Route("/json", items),
        Route("/upload", upload, methods=["POST"]),
        Route("/compression", compression),
        Route("/db", database),
    ]
)
