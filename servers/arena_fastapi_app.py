"""Layer `arena-fastapi`: the endpoints of the workloads `arena-...`, as FastAPI's documentation writes them.

Compared with `arena-starlette` it adds typed query numbers and answers, which pydantic validates and serialises.
"""

import gzip
import json

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from servers.arena_data import ITEMS, LARGE, MUCH, STOCK, rows, totals


class Rating(BaseModel):
    """What customers think."""

    score: int
    count: int


class Row(BaseModel):
    """An item as the SQLite file has it."""

    id: int
    name: str
    price: int
    quantity: int


class Item(Row):
    """A whole item."""

    category: str
    active: bool
    tags: list[str]
    rating: Rating
    total: int


class Items(BaseModel):
    """An answer with items."""

    items: list[Item]
    count: int


class Rows(BaseModel):
    """An answer with rows."""

    items: list[Row]
    count: int


app = FastAPI()


@app.get("/baseline", response_class=PlainTextResponse)
async def add(a: int, b: int) -> str:
    """The sum of two query numbers."""
    return str(a + b)


@app.post("/baseline", response_class=PlainTextResponse)
async def add_body(a: int, b: int, request: Request) -> str:
    """The sum of two query numbers and of the number in a body."""
    return str(a + b + int(await request.body()))


@app.get("/pipeline", response_class=PlainTextResponse)
async def ok() -> str:
    """The shortest answer."""
    return "ok"


@app.get("/json")
async def items() -> Items:
    """50 items, made for each request."""
    return Items(items=[Item(**each) for each in totals(STOCK)], count=ITEMS)


@app.post("/upload", response_class=PlainTextResponse)
async def upload(request: Request) -> str:
    """The size of the body, which is read in pieces."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return str(size)


@app.get("/compression")
async def compression() -> Response:
    """1.1 MB of JSON, by gzip."""
    body = json.dumps({"items": totals(MUCH), "count": LARGE}).encode()
    headers = {"Content-Encoding": "gzip"}
    return Response(gzip.compress(body, 1, mtime=0), media_type="application/json", headers=headers)


@app.get("/db")
async def database(low: int, high: int) -> Rows:
    """Rows of a SQLite file."""
    found = rows(low, high)
    return Rows(items=[Row(**each) for each in found], count=len(found))
