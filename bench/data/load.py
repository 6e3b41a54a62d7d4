"""How wrk drives a server, and what it reports about a window."""

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=10**15)]


class Load(msgspec.Struct, frozen=True):
    """How wrk drives a server: the length of a plain window in whole seconds, its connections, its threads."""

    seconds: Count = 1
    connections: Count = 64
    threads: Count = 1
    pipelining: Annotated[int, Meta(ge=1)] = 1
    """How many requests are sent at once on a connection, before the answers to all of them are read."""
    requests_per_connection: Count = 0
    """After how many requests a connection is closed, on average; 0: never."""
    timeout: Count = 2
    """Seconds after which a request without an answer counts as an error."""


class Errors(msgspec.Struct, frozen=True):
    """wrk's errors by kind: how many."""

    connect: Count
    read: Count
    write: Count
    status: Count
    timeout: Count


class Latency(msgspec.Struct, frozen=True):
    """Latency percentiles of a window, in microseconds."""

    p50: Count
    p90: Count
    p99: Count
    p999: Count
    max: Count


class Summary(msgspec.Struct, frozen=True):
    """What wrk reports about one window; `bytes` are those read, heads included."""

    requests: int
    duration_us: int
    bytes: int
    errors: Errors
    latency_us: Latency | None = None
    sent: list[int] = []
    """By scripts/workload.lua: how many requests of each kind were sent, answered or not."""
    statuses: dict[str, int] = {}
    """By scripts/workload.lua, where the workload expects errors: how many answers had each status."""
