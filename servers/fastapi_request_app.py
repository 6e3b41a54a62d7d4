"""Layer `fastapi-request`: a normal FastAPI route that takes the Request, on the layer `dumproute`.

It adds what FastAPI does around any endpoint of its own: dependencies are solved, exit stacks are opened and closed. It
leaves out declared types: the shared endpoint is handed bytes.
"""

from fastapi import FastAPI, Request, Response

from share import REFUSED, endpoint, refusal

app = FastAPI()


@app.post("/")
async def user(request: Request) -> Response:
    """The User request, as bytes."""
    body = await request.body()
    try:
        return Response(endpoint(body), media_type="application/json")
    except REFUSED as why:
        return Response(refusal(why), status_code=400, media_type="application/json")
