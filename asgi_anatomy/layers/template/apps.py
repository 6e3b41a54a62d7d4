"""Two ASGI apps that answer the User request: replace them with your own."""

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


class User(BaseModel):
    """What is asked, and answered."""

    id: int
    name: str
    email: str


async def user(request: Request) -> JSONResponse:
    """Answer the User that the body has."""
    body = await request.json()
    return JSONResponse({"id": body["id"], "name": body["name"], "email": body["email"]})


plain = Starlette(routes=[Route("/", user, methods=["POST"])])
checked = FastAPI()


@checked.post("/")
async def checked_user(user: User) -> User:
    """Answer the User that the body has, once it is valid."""
    return User(id=user.id, name=user.name, email=user.email)
