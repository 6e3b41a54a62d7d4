"""Layer `fastapi`: what FastAPI's users write, on the layer `starlette`.

It adds a typed body and return type: parsing by the standard library's json, validation and serialisation by
pydantic, dependencies, documentation. Compared with `starlette` this changes two things at once, the framework and the
validation library; `dumproute` shows the framework alone.
"""

from fastapi import FastAPI
from pydantic import BaseModel


class User(BaseModel):
    """share's User, as a pydantic model."""

    id: int
    name: str
    email: str


app = FastAPI()


@app.post("/")
async def user(user: User) -> User:
    """Return a new User, made from the one in the body."""
    return User(id=user.id, name=user.name, email=user.email)
