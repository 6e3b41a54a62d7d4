"""A plain window: one layer under a wrk with a core of its own, as everybody runs it. See docs/RECORD.md."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bench.data.load import Count, Errors, Latency


class Window(msgspec.Struct, kw_only=True):
    """One wrk run of fixed length against one layer. What was not measured is null."""

    layer: str
    round: Count
    """The round at whose end it was measured: 0, 1, 2 ..."""
    requests: Count
    duration_us: Count
    start: datetime | None = None
    bytes: Count | None = None
    errors: Errors | None = None
    latency_us: Latency | None = None
    unanswered: Count = 0
    """Requests in flight at the end: wrk does not count them, but they cost the server as well."""
    statuses: dict[str, Count] = {}
    """How many answers had each status, where the workload expects errors."""
    cores: Annotated[int, Meta(ge=1)] = 1
    """How many cores the server had; more than one only for a layer with several processes."""
    server_cpu_ns: Count | None = None
    client_cpu_ns: Count | None = None
    client_sleeps: Count | None = None
    """How often wrk slept until an answer came: a server pays for each time that it wakes wrk on another core."""
    switches: Count | None = None
    """Involuntary context switches of the server."""
    peak_bytes: Count | None = None
    """The server's peak resident memory since it started."""
    rss_bytes: Count | None = None
    """The server's resident memory at the end of the window."""
    fault: str | None = None
    """Why the window does not count, or null."""

    @property
    def rps(self) -> float:
        """Requests per second."""
        return self.requests * 1e6 / self.duration_us if self.duration_us else 0.0

    @property
    def cpu_us(self) -> float | None:
        """CPU time of the server, microseconds per request."""
        served = self.requests + self.unanswered
        return self.server_cpu_ns / 1e3 / served if self.server_cpu_ns and self.requests else None

    @property
    def busy(self) -> float | None:
        """The server's share of its cores, 0 to 1."""
        if not self.server_cpu_ns or not self.duration_us:
            return None
        return self.server_cpu_ns / 1e3 / self.duration_us / self.cores

    @property
    def sleeps(self) -> float | None:
        """How often wrk slept per request."""
        return self.client_sleeps / self.requests if self.client_sleeps is not None and self.requests else None
