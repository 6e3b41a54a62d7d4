"""Layer `gunicorn`: a bare WSGI callable under gunicorn with threads, which Flask and Django stand on.

It is to WSGI what the layer `uvicorn` is to ASGI: no routing, every path and method reaches the endpoint.
"""

from collections.abc import Callable, Iterable
from typing import Any

from share import REFUSED, endpoint, refusal


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer the User request, in WSGI's terms: one call."""
    try:
        status, body = "200 OK", endpoint(environ["wsgi.input"].read())
    except REFUSED as why:
        status, body = "400 Bad Request", refusal(why)
    start_response(status, [("content-length", str(len(body))), ("content-type", "application/json")])
    return [body]
