"""Layer `starlette-orjson`: the layer `starlette` with orjson instead of msgspec; it validates nothing."""

from dataclasses import dataclass

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from share import refusal


@dataclass
class User:
    """share's User, as a dataclass, which orjson encodes by itself."""

    id: int
    name: str
    email: str


async def user(request: Request) -> Response:
    """Answer the User request, in Starlette's terms."""
    body = await request.body()
    try:
        user = orjson.loads(body)
        answer = orjson.dumps(User(id=user["id"], name=user["name"], email=user["email"]))
        return Response(answer, media_type="application/json")
    except (ValueError, LookupError, TypeError) as why:
        return Response(refusal(why), status_code=400, media_type="application/json")


app = Starlette(routes=[Route("/", user, methods=["POST"])])
