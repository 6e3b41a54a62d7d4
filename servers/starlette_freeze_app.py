"""Layer `starlette-freeze`: the layer `starlette` with gc.freeze() at start: the collector skips imports."""

import gc

from servers.starlette_app import app

__all__ = ["app"]
gc.collect()
gc.freeze()
