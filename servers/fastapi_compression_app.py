"""Layer `fastapi-compression`: the layer `fastapi` with the GZipMiddleware of the layer `starlette-compression`."""

from fastapi.middleware.gzip import GZipMiddleware

from servers.fastapi_app import app

app.add_middleware(GZipMiddleware)
