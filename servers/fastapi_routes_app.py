"""Layer `fastapi-routes`: the layer `fastapi` with 100 routes, the last of which is asked, and a path parameter.

FastAPI tries its routes one by one, as Starlette does. That of the User request takes any path as its parameter, for
`/` an empty one.
"""

from fastapi import FastAPI

from servers.fastapi_app import User

app = FastAPI()


async def other(name: str, user: User) -> User:
    """Answer at one of the other paths."""
    return User(id=user.id, name=name, email=user.email)


for number in range(99):
    app.post(f"/other{number}/{{name}}")(other)


@app.post("/{path:path}")
async def user(path: str, user: User) -> User:  # noqa: ARG001 (a parameter is what this layer adds)
    """Take a User at any path, make a new one of it, and return that."""
    return User(id=user.id, name=user.name, email=user.email)
