"""What limited the figures of a sweep: a remark for a point, and the lines below the table.

A sweep -> a sentence and tables: what layers do with more and more connections, or at fixed rates.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from msgspec.structs import asdict

from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.origin import origin_origin
from asgi_anatomy.documents.words import counted, span
from asgi_anatomy.sweep.record import Held, Rated, Served, Sweep
from asgi_anatomy.turns.record import Errors

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


LEAST = MIB
"""Bytes: a server's memory may grow by so much for other reasons, so less says little about connections."""


def _spanned(key: str) -> Callable[[Values], str]:
    return lambda row: _span(row[key])


def _millis(key: str) -> Callable[[Values], str]:
    def show(row: Values) -> str:
        if row[key] is None:
            return "-"
        value = row[key] / 1e3
        return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"

    return show


HELD = (
    Column("layer", "layer", left=True),
    Column("connections", "connections", "", "{connections:,}"),
    Column("rps", "req/s", "", "{rps:,.0f}"),
    Column("cpu_us", "CPU", "µs/req", "{cpu_us:,.1f}"),
    Column("p50_us", "p50", "", _spanned("p50_us")),
    Column("p99_us", "p99", "", _spanned("p99_us")),
    Column("connection_bytes", "memory", "kB/conn.", lambda row: _memory(row)),
    Column("errors", "errors", "", "{errors:,}"),
    Column("kept", "held", "", "{kept:,}", wide=True),
    Column("opened", "under wrk", "", "{opened:,}", wide=True),
    Column("overflows", "turned", "away", "{overflows:,}", wide=True),
    Column("seconds", "window", "s", "{seconds:.1f}", wide=True),
    Column("server_cpu", "server", "%", "{server_cpu:.0f}", wide=True),
    Column("client_cpu", "wrk", "%", "{client_cpu:.0f}", wide=True),
    Column(
        "before_bytes open_bytes", "memory", "MiB", lambda row: _from_to(row, "before_bytes", "open_bytes"), wide=True
    ),
    *(Column(f"{kind}_errors") for kind in Errors.__struct_fields__),
    Column("requests"),
    Column("start_bytes"),
    Column("end_bytes"),
    Column("end_requests"),
    Column("note", "note", left=True, wide=True, wraps=True, show=lambda row: row["note"] or "-"),
)
SERVED = (
    Column("layer", "layer", left=True),
    Column("requests", "requests", "", "{requests:,}"),
    Column("start_bytes", "at start", "MiB", lambda row: _mib(row["start_bytes"])),
    Column("end_bytes", "after them", "MiB", lambda row: _mib(row["end_bytes"])),
)
RATED = (
    Column("layer", "layer", left=True),
    Column("rate", "asked", "req/s", lambda row: _rate(row)),
    Column("reached", "reached", "req/s", "{reached:,.0f}"),
    Column("server_cpu", "CPU", "%", "{server_cpu:.0f}"),
    *(Column(f"{key}_us", name, "ms", _millis(f"{key}_us"))
      for key, name in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9"), ("max", "max"))),
    Column("late", "late", "", "{late:,}"),
    Column("errors", "errors", "", "{errors:,}"),
    Column("client_cpu", "oha", "%", "{client_cpu:.0f}", wide=True),
    Column("answered", "answers", "", "{answered:,}", wide=True),
    Column("asked"),
    Column("capacity"),
    Column("sent"),
    Column("seconds"),
    Column("connections"),
    Column("note", "note", left=True, wide=True, wraps=True, show=lambda row: row["note"] or "-"),
)  # fmt: skip
LATENCIES = ("p50", "p90", "p99", "p999", "max")


def sweep_document(record: Sweep, wide: bool = False, source: str = "") -> Document:
    """A sentence, the tables, and what limited the figures."""
    said: list[str | Table] = []
    if record.rates:
        table = Table(RATED, rated_figures(record))
        said += [rate_sentence(record), "", table, ""]
    else:
        table = Table(HELD, figures(record))
        said += [sentence(record), "", table, ""]
        if record.served:
            rows = [asdict(point) for point in record.served]
            heading = f"memory after 100,000 requests on {counted(record.load.connections, 'connection')}:"
            said += [heading, Table(SERVED, rows), ""]
    said += [*notes(record, wide), *origin_origin(record, wide)]
    if source:
        said.append(f"Record: {source}")
    return Document(said, table)


def figures(record: Sweep) -> list[dict[str, Any]]:
    """The rows of the table of connections, for charts."""
    return [_sweep_held(record, point) for point in record.held]


def rated_figures(record: Sweep) -> list[dict[str, Any]]:
    """The rows of the table of rates, for charts."""
    return [_sweep_rated(record, point) for point in record.rated]


def _sweep_held(record: Sweep, point: Held) -> dict[str, Any]:
    window = point.window if point.window and point.window.requests else None
    latency = window.latency_us if window else None
    errors = asdict(window.errors) if window and window.errors else {}
    served = next((each for each in record.served if each.layer == point.layer), Served(layer="", requests=0))
    busy = window.busy if window else None
    client = window.client_cpu_ns if window else None
    return {
        "layer": point.layer,
        "connections": point.connections,
        "rps": window.rps if window else None,
        "cpu_us": window.cpu_us if window else None,
        "p50_us": latency.p50 if latency else None,
        "p99_us": latency.p99 if latency else None,
        "connection_bytes": point.connection_bytes,
        "errors": sum(errors.values()) + sum(point.lost.values()) if window or point.lost else None,
        "kept": point.kept,
        "opened": point.opened,
        "overflows": point.overflows,
        "seconds": window.duration_us / 1e6 if window else None,
        "server_cpu": min(100, 100 * busy) if busy is not None else None,
        "client_cpu": client / 1e1 / window.duration_us if window and client is not None else None,
        "before_bytes": point.before_bytes,
        "open_bytes": point.open_bytes,
        **{f"{kind}_errors": errors.get(kind) for kind in Errors.__struct_fields__},
        "requests": window.requests if window else None,
        "start_bytes": served.start_bytes,
        "end_bytes": served.end_bytes,
        "end_requests": served.requests or None,
        "note": remark(point),
    }


def _sweep_rated(record: Sweep, point: Rated) -> dict[str, Any]:
    latency = point.latency_us
    able = next((window.rps for window in record.capacity if window.layer == point.layer), None)
    good = bool(point.answered)
    busy, client = point.busy, point.client_busy
    return {
        "layer": point.layer,
        "rate": point.rate or None,
        "asked": point.asked,
        "reached": point.reached if good else None,
        "server_cpu": 100 * busy if busy is not None else None,
        **{f"{key}_us": getattr(latency, key) if latency else None for key in LATENCIES},
        "late": point.late,
        "errors": sum(point.errors.values()) if good else None,
        "client_cpu": 100 * client if client is not None else None,
        "answered": point.answered,
        "capacity": able,
        "sent": point.sent,
        "seconds": point.seconds,
        "connections": point.connections,
        "note": remark(point),
    }


def sentence(record: Sweep) -> str:
    """What remains of each layer's req/s with the most connections, what a connection takes, and what went wrong."""
    rows = [row for row in figures(record) if row["rps"] is not None]
    most = max((row["connections"] for row in rows), default=0)
    last = [row for row in rows if row["connections"] == most]
    if not last:
        return "Nothing was measured."
    parts = []
    for row in last:
        best = max(each["rps"] for each in rows if each["layer"] == row["layer"])
        parts.append(f"{row['layer']} {100 * row['rps'] / best:.0f}%")
    many = counted(most, "connection")
    said = f"Requests/s with {many}, in percent of each layer's highest in this table: {', '.join(parts)}"
    known = [each for row in last if (each := _clear(row)) is not None]
    if known:
        low, high = min(known) / 1e3, max(known) / 1e3
        takes = f"{low:.1f} kB" if f"{low:.1f}" == f"{high:.1f}" else f"{low:.1f} to {high:.1f} kB"
        said += f"; a connection takes {takes}"
    wrong = sum(row["errors"] or 0 for row in rows)
    held = sum(row["kept"] == most for row in last)
    ends = [f"{wrong:,} error{'s' * (wrong > 1)}" if wrong else "no errors"]
    ends += [f"all of them held {most:,} open"] if held == len(last) > 1 else []
    return f"{said}; {', '.join(ends)}."


def rate_sentence(record: Sweep) -> str:
    """The p99 of each layer at the highest rate that it was asked for and kept up with."""
    by_rate = sorted(record.rated, key=lambda each: each.rate)
    names = [row.name for row in record.layers]
    found = {each.layer: each for each in by_rate if each.latency_us and not remark(each)}  # the highest is kept
    kept = {name: found[name] for name in names if name in found}
    if not kept:
        return "No layer kept up with a rate." if record.rated else "Nothing was measured."
    parts = [f"{name} {span(each.latency_us.p99)} at {each.asked}" for name, each in kept.items() if each.latency_us]
    return f"99% of requests were answered within: {', '.join(parts)} (the highest rate that each kept up with)."


def _clear(row: Values) -> float | None:
    """What a connection takes, where the server's memory grew enough to tell."""
    grew = (row["open_bytes"] or 0) - (row["before_bytes"] or 0)
    return row["connection_bytes"] if grew >= LEAST else None


def _memory(row: Values) -> str:
    if row["connection_bytes"] is None:
        return "-"
    if (clear := _clear(row)) is None:
        return f"<{LEAST / 1e3 / max(1, row['kept']):,.{0 if row['kept'] < 100 else 1}f}"
    return f"{clear / 1e3:,.1f}"


def _rate(row: Values) -> str:
    if row["rate"] is None:
        return str(row["asked"])
    return f"{row['rate']:,.0f}" + (f" ({row['asked']})" if row["asked"].endswith("%") else "")


def _span(value: float | None) -> str:
    return "-" if value is None else span(value)


def _mib(value: float | None) -> str:
    return "-" if value is None else f"{value / MIB:.1f}"


def _from_to(row: Values, *keys: str) -> str:
    return " - ".join(_mib(row[key]) for key in keys)


def failed(record: Sweep) -> Sequence[str]:
    """The layers that have a fault, or a point without figures for another reason than a limit known before."""
    faulty = [row.name for row in record.layers if row.faults]
    faulty += [each.layer for each in record.rated if each.fault]
    return [*dict.fromkeys(faulty)]
