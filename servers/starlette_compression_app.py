"""Layer `starlette-compression`: the layer `starlette` with Starlette's GZipMiddleware and its defaults.

It compresses only answers of 500 bytes or more, for clients that ask. The User is smaller, so this is what the
middleware costs when there is nothing to compress: it looks at each request, and holds each answer back.
"""

from starlette.middleware.gzip import GZipMiddleware

from servers.starlette_app import app

app.add_middleware(GZipMiddleware)
