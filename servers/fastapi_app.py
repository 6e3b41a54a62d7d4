"""Layer `fastapi`: what FastAPI's users write, on the layer `starlette`.

It adds a typed body and return type: parsing by the standard library's json, validation and serialisation by
pydantic, dependencies, documentation. So it changes two things at once against `starlette`, the framework and the
library that validates; `dumproute` shows the framework alone.
"""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel


class User(BaseModel):
    """share's User, as pydantic has it."""

    id: int
    name: str
    email: str


async def refuse(_request: Request, error: RequestValidationError) -> JSONResponse:
    """FastAPI's 422 without the input: its own handler echoes that, and answers 500 where it has no JSON (a NaN)."""
    detail = [{key: part[key] for key in ("type", "loc", "msg")} for part in error.errors()]
    return JSONResponse({"detail": detail}, status_code=422)


refused: dict[Any, Any] = {RequestValidationError: refuse}
app = FastAPI(exception_handlers=refused)


@app.post("/")
async def user(user: User) -> User:
    """Take a User, make a new one of it, and return that."""
    return User(id=user.id, name=user.name, email=user.email)
