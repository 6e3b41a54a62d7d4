"""uvicorn's worker for gunicorn, for the layer `gunicorn-uvicorn`, with the settings of the layer `uvicorn`.

CONFIG_KWARGS of a subclass is the documented way to pass settings to uvicorn's worker.
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
