"""What a run measured by turns, as its record has it. See docs/RECORD.md.

All servers of a round run on one core, each with a client of its own there. A turn is one layer's time on it, a cycle
one turn of each layer. Everything is counted from the end of a turn to the end of the same layer's next turn, when the
server is at rest, so that nothing falls between two turns.
"""

from datetime import datetime
from typing import Literal

import msgspec

from bench.data.load import Count, Errors


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """One turn of one layer: an array in the record."""

    layer: str
    cycle: Count
    """0, 1, 2 ... within its round."""
    at_us: Count
    """When it began, from the beginning of the round's first turn."""
    wall_us: Count
    """From its beginning until the server was at rest."""
    span_us: Count
    """Since the layer's last turn ended: everything below is counted over this time."""
    cpu_ns: Count | None
    """CPU time of the server; null: unknown, since a counter fell."""
    bytes: Count
    """Read by the client."""
    client_cpu_ns: Count
    sleeps: Count
    """How often the server slept until something came."""
    client_sleeps: Count


class Instance(msgspec.Struct, kw_only=True):
    """One start of a layer's server: what its client counted from its start to the end of the round."""

    layer: str
    requests: Count = 0
    bytes: Count = 0
    """Read by the client, in answers to these requests."""
    errors: Errors | None = None
    statuses: dict[str, Count] = {}
    """How many answers had each status, where the workload expects errors."""
    cpu_from: Literal["group", "clocks", "waited"] = "clocks"
    """Where CPU times come from: a control group; the clocks of processes that lived throughout; or these and what
    parents know of children that have ended, in hundredths of a second, so that only the sum over the round counts."""
    idle_cpu_ns: Count | None = None
    """CPU time of the server while nobody asked it anything, in `idle_us`."""
    idle_us: Count = 0
    start_bytes: Count | None = None
    """Resident memory once it had started, before any load."""
    end_bytes: Count | None = None
    """The same after its last turn."""
    fault: str | None = None
    """Why its turns do not count, or null."""


class Round(msgspec.Struct, kw_only=True):
    """Servers started, cycles of turns, servers stopped."""

    start: datetime
    seconds: float
    """From starting the servers until they had ended, without plain windows."""
    throttled: Count | None = None
    """How often the kernel stopped the container meanwhile, because it had used up its share of the CPU."""
    instances: list[Instance] = []
    turns: list[Turn] = []
