"""Layer `blacksheep`: a JSON endpoint as BlackSheep's documentation writes it, on the layer `uvicorn`.

It adds routing and HTTP messages in Cython, binding of the body to a dataclass, and dependencies.
"""

from dataclasses import dataclass

from blacksheep import Application, FromJSON, Response, json

app = Application()


@dataclass
class User:
    """share's User, as a dataclass."""

    id: int
    name: str
    email: str


@app.router.post("/")
async def user(data: FromJSON[User]) -> Response:
    """Return a new User, made from the one in the body."""
    given = data.value
    return json(User(id=given.id, name=given.name, email=given.email))
