"""Layer `fastapi-freeze`: the layer `fastapi` with gc.freeze() at start: the collector skips imports."""

import gc

from servers.fastapi_app import app

__all__ = ["app"]
gc.collect()
gc.freeze()
