"""Layer `starlette-pydantic`: the layer `starlette`, with pydantic's TypeAdapter instead of msgspec."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from servers.pydantic_endpoint import REFUSED, endpoint
from share import refusal


async def user(request: Request) -> Response:
    """Answer the User request, in Starlette's terms."""
    body = await request.body()
    try:
        return Response(endpoint(body), media_type="application/json")
    except REFUSED as why:
        return Response(refusal(why), status_code=400, media_type="application/json")


app = Starlette(routes=[Route("/", user, methods=["POST"])])
