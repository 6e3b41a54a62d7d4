"""A record of `make sweep`: layers with more and more connections, or at fixed rates."""

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from asgi_anatomy.errors import BadInput
from asgi_anatomy.machine.machine import Lane
from asgi_anatomy.turns.record import Amount, Count, Latency, Layers, Load, Window

LATE_MS = 100
"""An answer that takes longer counts as late, in milliseconds."""
MOST = 1_000_000
"""Connections that may be asked for."""
RATE = re.compile(r"\d{1,9}(\.\d{1,9})?%?")


class Held(msgspec.Struct, kw_only=True):
    """A layer with so many connections open at the same time, every one of them asking all the time."""

    layer: str
    connections: Count
    window: Window | None = None
    kept: Count | None = None
    """How many were open after each had been opened in its turn, and had one request answered; without load."""
    lost: dict[str, Count] = {}
    """What went wrong with the others, by kind."""
    before_bytes: Count | None = None
    """The server's resident memory before the first of these was opened."""
    open_bytes: Count | None = None
    """The server's resident memory with these open."""
    opened: Count | None = None
    """How many of wrk's connections the server had accepted just before the end of the window."""
    overflows: Count | None = None
    """How often, in the window, the kernel turned a connection away because the server's accept queue was full."""
    limit: str = ""
    """Why it was not measured, or empty."""
    fault: str = ""
    """What its server did wrong, which stands in its row as well, or empty."""

    @property
    def connection_bytes(self) -> float | None:
        """What a connection adds to the server's resident memory."""
        if self.before_bytes is None or self.open_bytes is None or not self.kept:
            return None
        return max(0, self.open_bytes - self.before_bytes) / self.kept


class Memory(msgspec.Struct, kw_only=True):
    """A layer's resident memory once it had started, and after many requests."""

    layer: str
    requests: Count
    start_bytes: Count | None = None
    end_bytes: Count | None = None


class Rated(msgspec.Struct, kw_only=True):
    """A layer that is sent requests at a fixed rate, whether it has answered those before or not."""

    layer: str
    asked: str
    """As it was typed: `50%` of what the layer can do, or requests per second."""
    rate: Amount
    """Requests per second."""
    connections: Count
    sent: Count = 0
    """How many requests were due, answered or not."""
    answered: Count = 0
    seconds: Amount = 0.0
    """From the first request to the last answer."""
    latency_us: Latency | None = None
    """From when a request was due, not from when a connection was free for it."""
    late: Count | None = None
    """How many answers took longer than `late_ms`; null: the run was cut off."""
    errors: dict[str, Count] = {}
    """By kind, as oha calls them; those with another status than expected are `status`."""
    server_cpu_ns: Count | None = None
    client_cpu_ns: Count | None = None
    cores: Annotated[int, Meta(ge=1)] = 1
    """How many cores the server had."""
    fault: str = ""
    """Why its figures are not shown, or empty."""

    @property
    def reached(self) -> float:
        """Answers per second."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def busy(self) -> float | None:
        """The server's share of its cores, 0 to 1."""
        return self.server_cpu_ns / 1e9 / self.seconds / self.cores if self.server_cpu_ns and self.seconds else None

    @property
    def client_busy(self) -> float | None:
        """The client's share of its core, 0 to 1."""
        return self.client_cpu_ns / 1e9 / self.seconds if self.client_cpu_ns and self.seconds else None


class Sweep(Layers, kw_only=True, tag="sweep"):
    """Layers with more and more connections, or at fixed rates."""

    timed: ClassVar[bool] = True
    ladder: str = ""
    load: Load
    """`seconds` is the shortest window; `connections` those at a fixed rate, and for the memory after many requests."""
    budget: Amount | None = None
    """The time limit, in seconds."""
    seconds: Amount | None = None
    """How long it took, in seconds."""
    cores: Lane | None = None
    """The cores of the servers and of the client; null: they were not pinned."""
    quota: Amount | None = None
    """The CPU time that the container may use, in cores; null: no limit, or unknown."""
    connections: list[Count] = msgspec.field(default_factory=list)
    """What was asked for, in this order."""
    rates: list[str] = msgspec.field(default_factory=list)
    late_ms: Count = LATE_MS
    client: str = ""
    """What held the rate, with its version."""
    backlog: Count | None = None
    """The longest accept queue that the kernel allows (net.core.somaxconn)."""
    held: list[Held] = msgspec.field(default_factory=list)
    served: list[Memory] = msgspec.field(default_factory=list)
    capacity: list[Window] = msgspec.field(default_factory=list)
    """What each layer can do: the window of which a rate is so many percent."""
    rated: list[Rated] = msgspec.field(default_factory=list)

    @property
    def about(self) -> Iterator[tuple[str, str]]:
        """All that was measured."""
        measured: list[Held | Memory | Window | Rated] = [*self.held, *self.served, *self.capacity, *self.rated]
        return ((each.layer, "a measurement") for each in measured)

    @property
    def windows(self) -> list[Window]:
        """All windows of wrk."""
        return [*(each.window for each in self.held if each.window), *self.capacity]

    @property
    def size(self) -> int:
        """How much was measured."""
        return len(self.windows) + len(self.served) + len(self.rated)


def read_numbers(text: str) -> list[int]:
    """Numbers of connections, in order, each once; raises BadInput."""
    words = text.replace(",", " ").split()
    if not words or not all(word.isdecimal() and len(word) < 10 and 0 < int(word) <= MOST for word in words):
        raise BadInput(f"CONNECTIONS must be numbers from 1 to {MOST:,}, such as '1 64 4096', not {text!r}")
    return sorted({*map(int, words)})


def read_rates(text: str) -> list[str]:
    """Rates as they were typed, each once; raises BadInput."""
    words = text.replace(",", " ").split()
    if not words or not all(RATE.fullmatch(word) and 0 < float(word.rstrip("%")) <= MOST * 100 for word in words):
        expected = "percentages of what a layer can do, or requests per second, such as '25% 50%' or 2000"
        raise BadInput(f"RATE must be {expected}, not {text!r}")
    return [*dict.fromkeys(words)]


def rate_of(asked: str, able: float | None) -> float | None:
    """Requests per second; `able` is what the layer can do. None if that is needed and not known."""
    if not asked.endswith("%"):
        return float(asked)
    return float(asked[:-1]) / 100 * able if able else None
