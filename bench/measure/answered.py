"""What wrk counted -> whether all of it was answered as the workload says.

wrk tells how many requests were answered and how many bytes it read. scripts/workload.lua adds how many requests of
each kind were sent, and, where some are to be answered by an error, how many answers had each status. So every count
is known but for the requests in flight at the end.
"""

from collections import Counter

from msgspec.structs import asdict, replace

from bench.data.load import Errors, Summary
from bench.host.server import Server


def unexpected(summary: Summary, server: Server) -> Errors:
    """Errors by kind, without the statuses that the workload expects."""
    if not summary.statuses:
        return summary.errors
    expected = {str(asked.expected(server.layer)) for asked in server.contract.asked}
    other = sum(count for status, count in summary.statuses.items() if status not in expected and "0" not in expected)
    return replace(summary.errors, status=other)


def fault_of(summary: Summary, server: Server, unanswered: int) -> str | None:
    """Why a window does not count: an error of any kind, or statuses or bytes that are not those of what was sent.

    The last answer on a connection may have come in pieces, of which wrk counts the bytes but not the request. Answers
    whose size varies cannot be verified by bytes, nor those whose status varies by status.
    """
    if counts := {kind: count for kind, count in asdict(unexpected(summary, server)).items() if count}:
        return "wrk counted errors: " + ", ".join(f"{count} {kind}" for kind, count in counts.items())
    if not summary.requests:
        return "not one request was answered"
    sent = summary.sent or [summary.requests + unanswered]
    return _by_status(summary, sent, server, unanswered) or _by_bytes(summary, sent, server.sizes, unanswered)


def _by_status(summary: Summary, sent: list[int], server: Server, unanswered: int) -> str | None:
    expected: Counter[int] = Counter()
    for asked, count in zip(server.contract.asked, sent, strict=True):
        expected[asked.expected(server.layer)] += count
    if not summary.statuses or 0 in expected:
        return None
    for status, count in expected.items():
        found = summary.statuses.get(str(status), 0)
        if not count - unanswered <= found <= count:
            return f"{found} answers had the status {status}, expected {max(0, count - unanswered)} to {count}"
    return None


def _by_bytes(summary: Summary, sent: list[int], sizes: list[int | None], unanswered: int) -> str | None:
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    most = sum(count * size for count, size in zip(sent, known, strict=True))
    least = most - unanswered * max(known)
    if least <= summary.bytes <= most:
        return None
    if len(known) == 1:
        answers = f"{summary.requests} answers of {known[0]} bytes each"
        return f"wrk read {summary.bytes} bytes, expected {least} for {answers}"
    return f"wrk read {summary.bytes} bytes, expected {least} to {most} for {summary.requests} answers"
