"""Layer `starlette-compression`: the layer `starlette` with Starlette's GZipMiddleware, as it comes.

It looks at each request and holds each answer back, but compresses only answers of 500 bytes or more, and only for
clients that ask: the User is smaller. So this is what it costs where there is nothing to compress.
"""

from starlette.middleware.gzip import GZipMiddleware

from servers.starlette_app import app

app.add_middleware(GZipMiddleware)
