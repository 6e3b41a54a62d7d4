"""Layer `arena-fastapi-ready`: the endpoints of `arena-fastapi`, but the 50 items are kept as a ready body.

Compared with `arena-starlette-ready` it adds FastAPI, but no models: an endpoint that returns a Response has nothing to
validate or serialise. Its other endpoints are those of `arena-fastapi`.
"""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response

from servers.arena_data import ITEMS, STOCK, totals
from servers.arena_fastapi_app import Item, Items, add, add_body, compression, database, ok, upload

BODY = Items(items=[Item(**each) for each in totals(STOCK)], count=ITEMS).model_dump_json().encode()
app = FastAPI()
app.get("/baseline", response_class=PlainTextResponse)(add)
app.post("/baseline", response_class=PlainTextResponse)(add_body)
app.get("/pipeline", response_class=PlainTextResponse)(ok)


@app.get("/json")
async def items() -> Response:
    """50 items, made once."""
    return Response(BODY, media_type="application/json")


app.post("/upload", response_class=PlainTextResponse)(upload)
app.get("/compression")(compression)
app.get("/db")(database)
