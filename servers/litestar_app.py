"""Layer `litestar`: a JSON endpoint as Litestar's documentation writes it, on the layer `uvicorn`.

It adds routing, a typed body and answer (a dataclass, by msgspec), dependencies, layered middleware and settings.
"""

from dataclasses import dataclass

from litestar import Litestar, post


@dataclass
class User:
    """share's User, as a dataclass."""

    id: int
    name: str
    email: str


@post("/", status_code=200)
async def user(data: User) -> User:
    """Return a new User, made from the one in the body."""
    return User(id=data.id, name=data.name, email=data.email)


app = Litestar([user])
