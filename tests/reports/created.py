"""204 without a body, 201 with a new id in each answer, and 202."""

from itertools import count

from fastapi import FastAPI, Response
from pydantic import BaseModel

app = FastAPI()
numbers = count(1)


class Data(BaseModel):
    """What is created."""

    a: str


@app.post("/data", status_code=204)
async def data(data: Data) -> None:  # noqa: ARG001
    return None


@app.post("/items", status_code=201)
async def items(data: Data, response: Response) -> dict[str, object]:
    number = next(numbers)
    response.headers["Location"] = f"/items/{number}"
    return {"id": number, "a": data.a}
