"""Layer `starlette-routes`: the layer `starlette` with 100 routes, of which the last one matches, and a path parameter.

Starlette tries its routes one by one. The last takes any path as its parameter, which is empty for `/`.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from servers import starlette_app


async def user(request: Request) -> Response:
    """Answer the User request at any path."""
    request.path_params["path"]
    return await starlette_app.user(request)


others = [Route(f"/other{number}/{{name}}", user, methods=["POST"]) for number in range(99)]
app = Starlette(routes=[*others, Route("/{path:path}", user, methods=["POST"])])
