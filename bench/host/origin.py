"""Where and with what a record is made, now."""

from typing import Any

from bench.data.record import now
from bench.host.machine import read_machine, read_python
from bench.host.versions import read_revision


def origin() -> dict[str, Any]:
    """What every kind of record says of where it comes from, by the names of its fields."""
    return {
        "made": now(),
        "machine": read_machine(),
        "python": read_python(),
        "revision": read_revision(),
    }
