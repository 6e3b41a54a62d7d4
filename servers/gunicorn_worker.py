"""uvicorn's worker for gunicorn, for the layer `gunicorn-uvicorn`: the answer is that of uvicorn alone, to the byte."""

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

import servers.run_uvicorn  # noqa: F401  (its bounds are in force once it is imported)


class Worker(UvicornWorker):
    """uvicorn as the layer `uvicorn` runs it."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "http": "httptools",
        "loop": "uvloop",
        "date_header": False,
        "server_header": False,
        "access_log": False,
    }
