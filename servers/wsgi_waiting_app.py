"""Layer `wait-greenlets`: the layer `gunicorn-gevent` with an endpoint that waits 1 ms.

gevent's worker replaces time.sleep with one that lets other greenlets run, though the code reads as if it blocked.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from servers import wsgi_app

WAIT = 0.001  # seconds


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Wait, then answer the User request."""
    time.sleep(WAIT)
    return wsgi_app.app(environ, start_response)
