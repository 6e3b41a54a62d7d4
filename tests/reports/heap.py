"""FastAPI with two million small objects alive and an endpoint that leaves cycles; FREEZE=1 freezes them first."""

import gc
import os

from fastapi import FastAPI
from pydantic import BaseModel

alive = [[i] for i in range(2_000_000)]
gc.collect()
if os.environ.get("FREEZE"):
    gc.freeze()


class User(BaseModel):
    """What is asked, and answered."""

    id: int
    name: str
    email: str


app = FastAPI()


@app.post("/")
async def user(user: User) -> User:
    for _ in range(20):
        cycle: list[object] = []
        cycle.append(cycle)
    return User(id=user.id, name=user.name, email=user.email)
