"""Layer `fastapi-depends`: the layer `fastapi` with one dependency that does nothing."""

from typing import Annotated

from fastapi import Depends, FastAPI

from servers.fastapi_app import User

app = FastAPI()


async def something() -> int:
    """What an endpoint might depend on."""
    return 1


@app.post("/")
async def user(user: User, _something: Annotated[int, Depends(something)]) -> User:
    """Return a new User, made from the one in the body."""
    return User(id=user.id, name=user.name, email=user.email)
