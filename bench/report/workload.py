"""What was asked of the layers of a record, and what wrk could not do of it, in words."""

from bench.data.load import Load
from bench.data.record import Layers, Measured
from bench.data.versus import Versus
from bench.data.workloads import USER
from bench.report.words import counted


def driven(load: Load) -> str:
    """How wrk drove a server, in a few words."""
    words = [counted(load.connections, "connection"), counted(load.threads, "thread")]
    if load.pipelining > 1:
        words.append(f"{load.pipelining} requests at once on each")
    if load.requests_per_connection:
        words.append(f"{load.requests_per_connection} to a connection")
    return f"wrk with {', '.join(words[:-1])} and {words[-1]}"


def named(record: Layers | Versus) -> list[str]:
    """The workload of a record, where it is not the User request again and again."""
    return [f"Workload: {record.workload} (docs/WORKLOADS.md)."] if record.workload != USER else []


def workload_lines(record: Measured) -> list[str]:
    """The workload of a record, and how far wrk could drive it."""
    load, lines = record.load, named(record)
    if load.pipelining > 1:
        lines.append(
            f"wrk sends {load.pipelining} requests at once, and the next {load.pipelining} when all are answered; its"
            " latency is that of all of them, to the last answer."
        )
    if load.requests_per_connection > 1:
        lines.append(
            f"{load.requests_per_connection} requests per connection is an average: wrk does not say which connection a"
            " request is for, so chance decides which is its last."
        )
    if statuses := sorted({status for each in record.windows for status in each.statuses}):
        lines.append(f"The workload expects answers with status {', '.join(statuses)}, and counts them separately.")
    return lines
