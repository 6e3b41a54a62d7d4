"""Layer `arena-flask`: the endpoints of the workloads `arena-...`, as Flask's documentation writes them."""

import gzip
import json
from typing import Any

from flask import Flask, Response, request

from servers.arena_data import ITEMS, LARGE, MUCH, STOCK, rows, totals

PIECE = 64 * 1024
app = Flask(__name__)


def plain(value: object) -> Response:
    """A plain-text answer."""
    return Response(str(value), mimetype="text/plain")


@app.route("/baseline", methods=["GET", "POST"])
def baseline() -> Response:
    """The sum of two query numbers, and of the number in a body."""
    total = int(request.args["a"]) + int(request.args["b"])
    if request.method == "POST":
        total += int(request.get_data())
    return plain(total)


@app.get("/pipeline")
def ok() -> Response:
    """The shortest answer."""
    return plain("ok")


@app.get("/json")
def items() -> dict[str, Any]:
    """50 items, made for each request."""
    return {"items": totals(STOCK), "count": ITEMS}


@app.post("/upload")
def upload() -> Response:
    """The size of the body, which is read in pieces."""
    size = 0
    while piece := request.stream.read(PIECE):
        size += len(piece)
    return plain(size)


@app.get("/compression")
def compression() -> Response:
    """1.1 MB of JSON, by gzip."""
    body = json.dumps({"items": totals(MUCH), "count": LARGE}).encode()
    headers = {"Content-Encoding": "gzip"}
    return Response(gzip.compress(body, 1, mtime=0), mimetype="application/json", headers=headers)


@app.get("/db")
def database() -> dict[str, Any]:
    """Rows of a SQLite file."""
    found = rows(int(request.args["low"]), int(request.args["high"]))
    return {"items": found, "count": len(found)}
