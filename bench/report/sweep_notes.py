"""What limited the figures of a sweep: a remark for a point, and the lines below the table."""

from collections.abc import Sequence
from itertools import groupby

from bench.data.sweep import Held, Rated, Sweep
from bench.report.words import counted

MIB = 2**20
FULL = 0.95
"""Share of its core from which a client or a server counts as the limit."""
NEAR = 0.98
"""Share of the rate asked for from which it counts as reached."""


def remark(point: Held | Rated) -> str:
    """What to know about one point, or an empty string."""
    return "; ".join(_held(point) if isinstance(point, Held) else _rated(point))


def _held(point: Held) -> list[str]:
    window = point.window
    if point.limit or not window:
        return [point.limit] if point.limit else ["it has no server: see below"]
    said = []
    if window.errors and (counts := [(count, kind) for kind, count in _kinds(window.errors) if count]):
        said.append(", ".join(f"{count:,} {kind} errors" for count, kind in counts))
    elif window.fault:
        said.append(window.fault)
    if point.lost:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in point.lost.items())
        said.append(f"only {point.kept or 0:,} held without load ({kinds})")
    if point.opened is not None and point.opened < point.connections:
        said.append(f"wrk's were not all accepted: {point.opened:,} by the end of the window")
    if point.overflows:
        said.append(f"the accept queue was full {point.overflows:,} times")
    if window.client_cpu_ns and window.duration_us and window.busy is not None and window.busy < FULL:
        used = window.client_cpu_ns / 1e3 / window.duration_us
        said += [f"wrk used {100 * used:.0f}% of its core, so it was the limit"] if used >= FULL else []
    return said


def _kinds(errors: object) -> list[tuple[str, int]]:
    names: Sequence[str] = getattr(errors, "__struct_fields__", ())
    return [(name, getattr(errors, name)) for name in names]


def _rated(point: Rated) -> list[str]:
    if point.fault:
        return [point.fault]
    said = [f"{count:,} {kind}" for kind, count in point.errors.items()]
    if left := point.sent - point.answered - sum(count for kind, count in point.errors.items() if kind != "status"):
        said.append(
            f"{left:,} of {point.sent:,} were still waiting to be sent at the end: with them latency would be longer"
            if left > point.connections
            else ""
        )
    if point.reached < NEAR * point.rate:
        why = "the rate was not reached"
        if (point.client_busy or 0) >= FULL and (point.busy or 0) < FULL:
            why += f": oha used {100 * (point.client_busy or 0):.0f}% of its core"
        elif (point.busy or 0) >= FULL:
            why += ": the server used its core up, so latency grows for as long as this goes on"
        elif point.busy is not None:
            why += ": neither the server nor oha could use a whole core, so look for what else runs here"
        said.append(why)
    return [each for each in said if each]


def notes(record: Sweep, wide: bool) -> list[str]:
    """The lines below the table: what is remarkable, layer by layer, and how to read it."""
    said = [f"{row.name}: {fault}" for row in record.layers for fault in row.faults]
    if record.rates:
        said += [f"{each.layer} at {each.asked}: {text}." for each in record.rated if (text := remark(each))]
        said.append(
            f"late: answers after more than {record.late_ms} ms. Latency counts from when a request was due, on"
            f" {counted(record.load.connections, 'connection')}; {record.client or 'oha'} sends what is due once per"
            " millisecond."
        )
        if record.capacity:
            said.append("%: of the req/s in one saturated window of wrk. CPU %: of the server's core.")
        return said
    faults = [fault for row in record.layers for fault in row.faults]
    limits = [(each.limit, each) for each in record.held if each.limit and not any(map(each.limit.endswith, faults))]
    for limit, group in groupby(limits, key=lambda each: each[0]):
        points = [point for _, point in group]
        names = ", ".join(dict.fromkeys(point.layer for point in points))
        counts = ", ".join(dict.fromkeys(f"{point.connections:,}" for point in points))
        noun = "connection" if counts == "1" else "connections"
        said.append(f"Not measured: {counts} {noun} ({names}): {limit}.")
    said += [
        f"{each.layer}, {counted(each.connections, 'connection')}: {text}."
        for each in record.held
        if each.window and not each.limit and (text := remark(each))
    ]
    if any(each.overflows for each in record.held) and record.backlog:
        said.append(
            "A connection for which the accept queue has no room tries again after 1 s, 3 s and so on. The kernel"
            f" allows queues of {record.backlog:,} (net.core.somaxconn); each server asks for its own length."
        )
    said.append(
        "memory: what a connection adds to the server's resident memory once it has had one answer, without load; <: it"
        " grew by less than 1 MiB. CPU µs/req includes opening and closing the connections."
    )
    said.append(
        "CPU µs/req is that under a wrk with a core of its own, not by turns: do not compare it with `make bench`."
    )
    if wide:
        said.append("A window is at least SECONDS long, and long enough for about five answers per connection.")
    return said
