"""Layer `fastapi-sync`: the layer `fastapi` with a `def` endpoint, which FastAPI runs in its thread pool."""

from fastapi import FastAPI

from servers.fastapi_app import User

app = FastAPI()


@app.post("/")
def user(user: User) -> User:
    """Return a new User, made from the one in the body."""
    return User(id=user.id, name=user.name, email=user.email)
