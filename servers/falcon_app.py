"""Layer `falcon`: a JSON endpoint as Falcon's documentation writes it for ASGI, on the layer `uvicorn`.

It adds routing to resources, request and response objects, and media handlers by content type. It validates nothing.
"""

import falcon.asgi


class UserResource:
    """The resource at one path."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Return a new User, made from the one in the body."""
        user = await req.get_media()
        resp.media = {"id": user["id"], "name": user["name"], "email": user["email"]}


app = falcon.asgi.App()
app.add_route("/", UserResource())
