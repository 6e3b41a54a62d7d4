"""Layer `lihil`: a JSON endpoint as lihil's documentation writes it, on the layer `uvicorn`.

It adds routing, a typed body and answer (a msgspec Struct), and dependencies.
"""

from lihil import Lihil, Payload, Route


class User(Payload):
    """share's User, as lihil's kind of a msgspec Struct."""

    id: int
    name: str
    email: str


users = Route("/")


@users.post
async def user(data: User) -> User:
    """Return a new User, made from the one in the body."""
    return User(id=data.id, name=data.name, email=data.email)


app = Lihil(users)
