"""Layer `starlette-no-gc`: the layer `starlette` without the garbage collector: reference cycles are never freed."""

import gc

from servers.starlette_app import app

__all__ = ["app"]
gc.disable()
