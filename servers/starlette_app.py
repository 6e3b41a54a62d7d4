"""Layer `starlette`: `Request` in, `Response` out, on the layer `uvicorn`.

It adds routing by path and method, request and response objects, and the middleware that turns exceptions into
error answers. It leaves out declared types: the endpoint takes bytes and returns bytes.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from share import REFUSED, endpoint, refusal


async def user(request: Request) -> Response:
    """Answer the User request, in Starlette's terms."""
    body = await request.body()
    try:
        return Response(endpoint(body), media_type="application/json")
    except REFUSED as why:
        return Response(refusal(why), status_code=400, media_type="application/json")


app = Starlette(routes=[Route("/", user, methods=["POST"])])
