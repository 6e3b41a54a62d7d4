"""Where and with what a record is being made."""

from typing import Any

from bench.data.record import now
from bench.host.machine import read_machine, read_python
from bench.host.versions import read_revision


def origin() -> dict[str, Any]:
    """The fields that say where a record comes from, common to all kinds."""
    return {
        "made": now(),
        "machine": read_machine(),
        "python": read_python(),
        "revision": read_revision(),
    }
