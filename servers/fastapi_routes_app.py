"""Layer `fastapi-routes`: the layer `fastapi` with 100 routes, of which the last one matches, and a path parameter.

FastAPI tries its routes one by one, as Starlette does. The last takes any path as its parameter, which is empty for
`/`.
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
    """Return a new User, made from the one in the body, at any path."""
    return User(id=user.id, name=user.name, email=user.email)
