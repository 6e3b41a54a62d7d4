"""A sweep as text: a sentence, tables of layers with more connections or at fixed rates, and what limited them."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

from msgspec.structs import asdict

from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.origin import described
from asgi_anatomy.documents.words import counted, span
from asgi_anatomy.sweep.record import Held, Memory, Rated, Sweep
from asgi_anatomy.turns.record import Errors, Latency

MIB = 2**20
FULL = 0.95
"""Share of its core from which a client or a server counts as the limit."""
NEAR = 0.98
"""Share of the rate asked for from which it counts as reached."""


def _span(key: str) -> Callable[[Values], str]:
    return lambda row: "-" if row[key] is None else span(row[key])


def _millis(key: str) -> Callable[[Values], str]:
    def show(row: Values) -> str:
        if row[key] is None:
            return "-"
        value = row[key] / 1e3
        return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"

    return show


def _mib(*keys: str) -> Callable[[Values], str]:
    return lambda row: " - ".join("-" if row[key] is None else f"{row[key] / MIB:.1f}" for key in keys)


def _memory(row: Values) -> str:
    if row["connection_bytes"] is None:
        return "-"
    if (clear := _clear(row)) is None:
        return f"<{MIB / 1e3 / max(1, row['kept']):,.{0 if row['kept'] < 100 else 1}f}"
    return f"{clear / 1e3:,.1f}"


def _clear(row: Values) -> float | None:
    """What a connection takes; None where the server's memory grew by less than 1 MiB, which may have other reasons."""
    grew = (row["open_bytes"] or 0) - (row["before_bytes"] or 0)
    return row["connection_bytes"] if grew >= MIB else None


def _note(row: Values) -> str:
    return row["note"] or "-"


def _rate(row: Values) -> str:
    if row["rate"] is None:
        return str(row["asked"])
    return f"{row['rate']:,.0f}" + (f" ({row['asked']})" if row["asked"].endswith("%") else "")


HELD = (
    Column("layer", "layer", left=True),
    Column("connections", "connections", "", "{connections:,}"),
    Column("rps", "req/s", "", "{rps:,.0f}"),
    Column("cpu_us", "CPU", "µs/req", "{cpu_us:,.1f}"),
    Column("p50_us", "p50", "", _span("p50_us")),
    Column("p99_us", "p99", "", _span("p99_us")),
    Column("connection_bytes", "memory", "kB/conn.", _memory),
    Column("errors", "errors", "", "{errors:,}"),
    Column("kept", "held", "", "{kept:,}", wide=True),
    Column("opened", "under wrk", "", "{opened:,}", wide=True),
    Column("overflows", "turned", "away", "{overflows:,}", wide=True),
    Column("seconds", "window", "s", "{seconds:.1f}", wide=True),
    Column("server_cpu", "server", "%", "{server_cpu:.0f}", wide=True),
    Column("client_cpu", "wrk", "%", "{client_cpu:.0f}", wide=True),
    Column("before_bytes open_bytes", "memory", "MiB", _mib("before_bytes", "open_bytes"), wide=True),
    *(Column(f"{kind}_errors") for kind in Errors.__struct_fields__),
    Column("requests start_bytes end_bytes end_requests"),
    Column("note", "note", left=True, wide=True, wraps=True, show=_note),
)
MEMORY = (
    Column("layer", "layer", left=True),
    Column("requests", "requests", "", "{requests:,}"),
    Column("start_bytes", "at start", "MiB", _mib("start_bytes")),
    Column("end_bytes", "after them", "MiB", _mib("end_bytes")),
)
RATED = (
    Column("layer", "layer", left=True),
    Column("rate", "asked", "req/s", _rate),
    Column("reached", "reached", "req/s", "{reached:,.0f}"),
    Column("server_cpu", "CPU", "%", "{server_cpu:.0f}"),
    *(Column(f"{key}_us", name, "ms", _millis(f"{key}_us"))
      for key, name in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9"), ("max", "max"))),
    Column("late", "late", "", "{late:,}"),
    Column("errors", "errors", "", "{errors:,}"),
    Column("client_cpu", "oha", "%", "{client_cpu:.0f}", wide=True),
    Column("answered", "answers", "", "{answered:,}", wide=True),
    Column("asked capacity sent seconds connections"),
    Column("note", "note", left=True, wide=True, wraps=True, show=_note),
)  # fmt: skip


def sweep_document(record: Sweep, wide: bool = False, source: str = "") -> Document:
    """A sentence, the tables, and what limited the figures."""
    table = Table(RATED, rated_figures(record)) if record.rates else Table(HELD, figures(record))
    parts: list[str | Table] = [sentence(record), "", table, ""]
    if record.served:
        heading = f"memory after 100,000 requests on {counted(record.load.connections, 'connection')}:"
        parts += [heading, Table(MEMORY, [asdict(memory) for memory in record.served]), ""]
    parts += [*notes(record, wide), *described(record, wide), *([f"Record: {source}"] if source else [])]
    return Document(parts, table)


def sentence(record: Sweep) -> str:
    """The answer, from the highest number of connections or the highest rates."""
    return _rate_sentence(record) if record.rates else _connections_sentence(record)


def _connections_sentence(record: Sweep) -> str:
    """What remains of each layer's req/s with the most connections, what a connection takes, and what went wrong."""
    rows = [row for row in figures(record) if row["rps"] is not None]
    most = max((row["connections"] for row in rows), default=0)
    last = [row for row in rows if row["connections"] == most]
    if not last:
        return "Nothing was measured."
    best = {row["layer"]: row["rps"] for row in sorted(rows, key=lambda row: row["rps"])}  # the highest is kept
    shares = ", ".join(f"{row['layer']} {100 * row['rps'] / best[row['layer']]:.0f}%" for row in last)
    many = counted(most, "connection")
    words = f"Requests/s with {many}, in percent of each layer's highest in this table: {shares}"
    if known := [clear for row in last if (clear := _clear(row)) is not None]:
        low, high = f"{min(known) / 1e3:.1f}", f"{max(known) / 1e3:.1f}"
        words += f"; a connection takes {low if low == high else f'{low} to {high}'} kB"
    errors = sum(row["errors"] or 0 for row in rows)
    words += f"; {counted(errors, 'error') if errors else 'no errors'}"
    if sum(row["kept"] == most for row in last) == len(last) > 1:
        words += f", all of them held {most:,} open"
    return f"{words}."


def _rate_sentence(record: Sweep) -> str:
    """The p99 of each layer at the highest rate that it was asked for and kept up with."""
    if not record.rated:
        return "Nothing was measured."
    by_rate = sorted(record.rated, key=lambda point: point.rate)
    best = {point.layer: point for point in by_rate if point.latency_us and not remark(point)}  # the highest is kept
    parts = [
        f"{row.name} {span(latency.p99)} at {best[row.name].asked}"
        for row in record.layers
        if row.name in best and (latency := best[row.name].latency_us)
    ]
    if not parts:
        return "No layer kept up with a rate."
    return f"99% of requests were answered within: {', '.join(parts)} (the highest rate that each kept up with)."


def figures(record: Sweep) -> list[dict[str, Any]]:
    """The rows of the table of connections, for charts."""
    memories = {memory.layer: memory for memory in record.served}
    return [_held_row(point, memories.get(point.layer, Memory(layer="", requests=0))) for point in record.held]


def _held_row(point: Held, memory: Memory) -> dict[str, Any]:
    window = point.window if point.window and point.window.requests else None
    errors = asdict(window.errors) if window and window.errors else {}
    row = dict.fromkeys(("rps", "cpu_us", "p50_us", "p99_us", "seconds", "server_cpu", "client_cpu", "requests"))
    if window:
        latency, seconds, client = window.latency_us, window.duration_us / 1e6, window.client_cpu_ns
        row = {
            "rps": window.rps,
            "cpu_us": window.cpu_us,
            "p50_us": latency.p50 if latency else None,
            "p99_us": latency.p99 if latency else None,
            "seconds": seconds,
            "server_cpu": None if window.busy is None else min(100, 100 * window.busy),
            "client_cpu": None if client is None else client / 1e7 / seconds,
            "requests": window.requests,
        }
    return {
        **asdict(point),
        **row,
        **{f"{kind}_errors": errors.get(kind) for kind in Errors.__struct_fields__},
        "errors": sum(errors.values()) + sum(point.lost.values()) if window or point.lost else None,
        "connection_bytes": point.connection_bytes,
        "start_bytes": memory.start_bytes,
        "end_bytes": memory.end_bytes,
        "end_requests": memory.requests or None,
        "note": remark(point),
    }


def rated_figures(record: Sweep) -> list[dict[str, Any]]:
    """The rows of the table of rates, for charts."""
    able = {window.layer: window.rps for window in reversed(record.capacity)}
    return [
        {
            **asdict(point),
            "rate": point.rate or None,
            "reached": point.reached if point.answered else None,
            "server_cpu": None if point.busy is None else 100 * point.busy,
            "client_cpu": None if point.client_busy is None else 100 * point.client_busy,
            **{f"{key}_us": getattr(point.latency_us, key, None) for key in Latency.__struct_fields__},
            "errors": sum(point.errors.values()) if point.answered else None,
            "capacity": able.get(point.layer),
            "note": remark(point),
        }
        for point in record.rated
    ]


def remark(point: Held | Rated) -> str:
    """What to know about one point, or an empty string."""
    return "; ".join(_held_remarks(point) if isinstance(point, Held) else _rated_remarks(point))


def _held_remarks(point: Held) -> list[str]:
    window = point.window
    if point.limit or point.fault or not window:
        return [point.limit or point.fault or "it has no server: see below"]
    remarks = []
    errors = {kind: count for kind, count in asdict(window.errors).items() if count} if window.errors else {}
    if errors or window.fault:
        remarks.append(", ".join(f"{count:,} {kind} errors" for kind, count in errors.items()) or window.fault or "")
    if point.lost:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in point.lost.items())
        remarks.append(f"only {point.kept or 0:,} held without load ({kinds})")
    if point.opened is not None and point.opened < point.connections:
        remarks.append(f"wrk's were not all accepted: {point.opened:,} by the end of the window")
    if point.overflows:
        remarks.append(f"the accept queue was full {point.overflows:,} times")
    if window.client_cpu_ns and window.duration_us and window.busy is not None and window.busy < FULL:
        used = window.client_cpu_ns / 1e3 / window.duration_us
        remarks += [f"wrk used {100 * used:.0f}% of its core, so it was the limit"] if used >= FULL else []
    return remarks


def _rated_remarks(point: Rated) -> list[str]:
    if point.fault:
        return [point.fault]
    remarks = [f"{count:,} {kind}" for kind, count in point.errors.items()]
    left = point.sent - point.answered - sum(count for kind, count in point.errors.items() if kind != "status")
    if left > point.connections:
        waiting = f"{left:,} of {point.sent:,} were still waiting to be sent at the end"
        remarks.append(f"{waiting}: with them latency would be longer")
    if point.reached < NEAR * point.rate:
        client, server = point.client_busy or 0, point.busy or 0
        if server >= FULL:
            why = ": the server used its core up, so latency grows for as long as this goes on"
        elif client >= FULL:
            why = f": oha used {100 * client:.0f}% of its core"
        elif point.busy is not None:
            why = ": neither the server nor oha could use a whole core, so look for what else runs here"
        else:
            why = ""
        remarks.append(f"the rate was not reached{why}")
    return remarks


def notes(record: Sweep, wide: bool) -> list[str]:
    """The lines below the table: what is remarkable, layer by layer, and how to read it."""
    faults = [f"{row.name}: {fault}" for row in record.layers for fault in row.faults]
    return [*faults, *(_rates_notes(record) if record.rates else _connections_notes(record, wide))]


def _rates_notes(record: Sweep) -> list[str]:
    lines = [f"{point.layer} at {point.asked}: {words}." for point in record.rated if (words := remark(point))]
    lines.append(
        f"late: answers after more than {record.late_ms} ms. Latency counts from when a request was due, on"
        f" {counted(record.load.connections, 'connection')}; {record.client or 'oha'} sends what is due once per"
        " millisecond."
    )
    if record.capacity:
        lines.append("%: of the req/s in one saturated window of wrk. CPU %: of the server's core.")
    return lines


def _connections_notes(record: Sweep, wide: bool) -> list[str]:
    lines = []
    for limit, group in groupby((point for point in record.held if point.limit), key=lambda point: point.limit):
        points = [*group]
        names = ", ".join(dict.fromkeys(point.layer for point in points))
        numbers = ", ".join(dict.fromkeys(f"{point.connections:,}" for point in points))
        lines.append(f"Not measured: {numbers} connection{'' if numbers == '1' else 's'} ({names}): {limit}.")
    lines += [
        f"{point.layer}, {counted(point.connections, 'connection')}: {words}."
        for point in record.held
        if point.window and not point.limit and not point.fault and (words := remark(point))
    ]
    if any(point.overflows for point in record.held) and record.backlog:
        lines.append(
            "A connection for which the accept queue has no room tries again after 1 s, 3 s and so on. The kernel"
            f" allows queues of {record.backlog:,} (net.core.somaxconn); each server asks for its own length."
        )
    lines += [
        "memory: what a connection adds to the server's resident memory once it has had one answer, without load; <: it"
        " grew by less than 1 MiB. CPU µs/req includes opening and closing the connections.",
        "CPU µs/req is that under a wrk with a core of its own, not by turns: do not compare it with `make bench`.",
    ]
    if wide:
        lines.append("A window is at least SECONDS long, and long enough for about five answers per connection.")
    return lines


def failed(record: Sweep) -> list[str]:
    """The layers that have a fault, or a point without figures for another reason than a limit known before."""
    names = [row.name for row in record.layers if row.faults] + [point.layer for point in record.rated if point.fault]
    return [*dict.fromkeys(names)]
