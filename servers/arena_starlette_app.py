"""Layer `arena-starlette`: the endpoints of the workloads `arena-...`, as Starlette's documentation writes them.

Routes, requests and responses; query numbers are converted by hand, and items are answered as they are.
"""

import gzip
import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from servers.arena_data import ITEMS, LARGE, MUCH, STOCK, rows, totals


async def baseline(request: Request) -> Response:
    """The sum of two query numbers, and of the number in a body."""
    total = int(request.query_params["a"]) + int(request.query_params["b"])
    if request.method == "POST":
        total += int(await request.body())
    return PlainTextResponse(str(total))


async def ok(_request: Request) -> Response:
    """The shortest answer."""
    return PlainTextResponse("ok")


async def items(_request: Request) -> Response:
    """50 items, made for each request."""
    return JSONResponse({"items": totals(STOCK), "count": ITEMS})


async def upload(request: Request) -> Response:
    """The size of the body, which is read in pieces."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return PlainTextResponse(str(size))


async def compression(_request: Request) -> Response:
    """1.1 MB of JSON, by gzip."""
    body = json.dumps({"items": totals(MUCH), "count": LARGE}).encode()
    headers = {"Content-Encoding": "gzip"}
    return Response(gzip.compress(body, 1, mtime=0), media_type="application/json", headers=headers)


async def database(request: Request) -> Response:
    """Rows of a SQLite file."""
    found = rows(int(request.query_params["low"]), int(request.query_params["high"]))
    return JSONResponse({"items": found, "count": len(found)})


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
