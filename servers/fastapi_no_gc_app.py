"""Layer `fastapi-no-gc`: the layer `fastapi` without the garbage collector: reference cycles are never freed."""

import gc

from servers.fastapi_app import app

__all__ = ["app"]
gc.disable()
