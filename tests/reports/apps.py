"""Small FastAPI apps, each with what a public report is about. All answer the User request."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send


class User(BaseModel):
    """What is asked, and answered."""

    id: int
    name: str
    email: str


async def user(user: User) -> User:
    """Answer the same user."""
    return User(id=user.id, name=user.name, email=user.email)


async def other(name: str, user: User) -> User:
    """Answer another user: nobody asks for it."""
    return User(id=user.id, name=name, email=user.email)


def app_with(*groups: list[str]) -> FastAPI:
    """An app with these paths, the User request last; each group after the first is an included router."""
    app = FastAPI()
    for place, paths in enumerate(groups):
        router: FastAPI | APIRouter = APIRouter() if place else app
        for path in paths:
            router.post(path)(other)
        if isinstance(router, APIRouter):
            app.include_router(router)
    app.post("/")(user)
    return app


PATHS = [[f"/group{group}/other{number}/{{name}}" for number in range(11)] for group in range(9)]
bare = app_with([])
flat = app_with([path for group in PATHS for path in group])
included = app_with([], *PATHS)

timed = app_with([])


@timed.middleware("http")
async def with_time(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """As FastAPI's tutorial has it."""
    begin = time.perf_counter()
    response = await call_next(request)
    response.headers["X-Process-Time"] = str(time.perf_counter() - begin)
    return response


class Timed:
    """The same as pure ASGI."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the header to the start of the answer."""
        begin = time.perf_counter()

        async def timed_send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                took = str(time.perf_counter() - begin).encode()
                message = {**message, "headers": [*message["headers"], (b"x-process-time", took)]}  # type: ignore[misc]
            await send(message)

        await self.app(scope, receive, timed_send)  # type: ignore[arg-type]


timed_asgi = Timed(app_with([]))


def leaf() -> int:
    """The deepest dependency."""
    return 1


def middle(value: Annotated[int, Depends(leaf)]) -> int:
    """One that depends on another."""
    return value


def dependent() -> FastAPI:
    """An app whose endpoint has two dependencies, one below the other."""
    app = FastAPI()

    @app.post("/")
    async def with_dependencies(user: User, _: Annotated[int, Depends(middle)]) -> User:
        return User(id=user.id, name=user.name, email=user.email)

    return app


depends, overridden = dependent(), dependent()
overridden.dependency_overrides[dependent] = leaf  # of something that no request asks for

WAIT = float(os.environ.get("WAIT", "0.2"))
waiting, threaded, blocking = FastAPI(), FastAPI(), FastAPI()


@waiting.post("/")
async def wait(user: User) -> User:
    """Wait, and let others run."""
    await asyncio.sleep(WAIT)
    return user


@threaded.post("/")
def wait_in_a_thread(user: User) -> User:
    """Wait in one of 40 threads."""
    time.sleep(WAIT)
    return user


@blocking.post("/")
async def block(user: User) -> User:
    """Wait, and keep everybody else waiting."""
    time.sleep(WAIT)
    return user
