"""FastAPI with 99 other routes in 9 included routers; the route that answers the User request is included last."""

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel


class User(BaseModel):
    """What is asked, and answered."""

    id: int
    name: str
    email: str


app = FastAPI()


async def other(name: str, user: User) -> User:
    return User(id=user.id, name=name, email=user.email)


for group in range(9):
    router = APIRouter(prefix=f"/group{group}")
    for number in range(11):
        router.post(f"/other{number}/{{name}}")(other)
    app.include_router(router)

last = APIRouter()


@last.post("/{path:path}")
async def user(path: str, user: User) -> User:  # noqa: ARG001
    return User(id=user.id, name=user.name, email=user.email)


app.include_router(last)
