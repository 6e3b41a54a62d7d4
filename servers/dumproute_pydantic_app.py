"""Layer `dumproute-pydantic`: the layer `dumproute`, with pydantic's TypeAdapter instead of msgspec."""

from fastapi import FastAPI

from servers.dumproute_app import DumpRoute
from servers.pydantic_endpoint import REFUSED, endpoint


class PydanticRoute(DumpRoute):
    """A DumpRoute whose endpoint raises pydantic's errors."""

    refused = REFUSED


app = FastAPI()
app.router.route_class = PydanticRoute
app.router.post("/")(endpoint)
