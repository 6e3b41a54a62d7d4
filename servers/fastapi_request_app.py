"""Layer `fastapi-request`: a normal FastAPI route that takes the Request, on the layer `dumproute`.

It adds what FastAPI does around every endpoint: it resolves dependencies, and opens and closes exit stacks. It leaves
out declared types: the shared endpoint gets bytes.
"""

from fastapi import FastAPI, Request, Response

from share import REFUSED, endpoint, refusal

app = FastAPI()


@app.post("/")
async def user(request: Request) -> Response:
    """Answer the User request, as bytes."""
    body = await request.body()
    try:
        return Response(endpoint(body), media_type="application/json")
    except REFUSED as why:
        return Response(refusal(why), status_code=400, media_type="application/json")
