"""uvicorn's worker for gunicorn, for the layer `gunicorn-uvicorn`, with the settings that the layer `uvicorn` has.

CONFIG_KWARGS of a subclass is how uvicorn's documentation hands settings to its worker.
"""

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    """uvicorn as the layer `uvicorn` runs it."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "http": "httptools",
        "loop": "uvloop",
        "date_header": False,
        "server_header": False,
        "access_log": False,
    }
