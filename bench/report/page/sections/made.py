"""The machine, the versions, notes on the layers, and the command that makes it again."""

from bench.data.load import Load
from bench.data.record import Bench, Kind, Layers, Measured, Pair
from bench.data.workloads import USER
from bench.report.origin import warnings
from bench.report.page.html import commands, definitions, folded, paragraphs
from bench.report.page.part import Part
from bench.report.source import Source


def part(source: Source) -> Part:
    """Where the figures come from."""
    record = source.record
    said = warnings(source.measured or record)
    notes = [f"{row['layer']}: {row['note']}" for row in (source.table.rows if source.table else ()) if row["note"]]
    if source.counted:
        notes += [f"{each.layer}: {note}" for each in source.counted.anatomy for note in each.notes]
        notes += [f"{row.name}: {fault}" for row in source.counted.layers for fault in row.faults]
    if source.measured and not source.counted:
        said.append(
            "No anatomy of the same layers, versions and machine: `make anatomy` counts one, then `make report`."
        )
    if source.counted and not source.measured:
        said.append("Counts only, no times: `make bench` measures the same layers, then `make report`.")
    body = definitions(_facts(source)) + paragraphs(said, "missing" if said else "note")
    if notes:
        body += folded(f"Notes on the layers ({len(notes)})", paragraphs(notes, "note"))
    versions = ", ".join(f"{name} {version}" for name, version in record.packages.items())
    body += folded("All versions", paragraphs([versions], "note")) if versions else ""
    return Part("made", "How it was made, and how to make it again", "", (), body + commands(again(source)))


def _facts(source: Source) -> list[tuple[str, str]]:
    record = source.record
    machine, python = record.machine, record.python
    windows = source.measured
    load = windows.load if windows else None
    chosen = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic")
    return [
        ("Made", f"{record.made:%Y-%m-%d %H:%M} UTC" if record.made else ""),
        ("Source", record.source),
        (
            "Machine",
            f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib:.0f} GiB, {machine.system}" if machine else "",
        ),
        ("Python", f"{python.version} ({python.implementation}, {python.compiler})" if python else ""),
        ("Packages", ", ".join(f"{name} {record.packages[name]}" for name in chosen if name in record.packages)),
        ("Load", _load(windows, load) if windows and load else ""),
        ("Suite", record.revision or ""),
        ("Records", ", ".join(filter(None, [source.measured_path, source.counted_path]))),
    ]


def _load(record: Measured, load: Load) -> str:
    wrk = f"wrk {record.machine.wrk}, " if record.machine and record.machine.wrk else ""
    threads = f"{load.threads} thread{'s' * (load.threads != 1)}"
    return f"{wrk}{load.connections} connections, {threads}, windows of {load.seconds} s"


def again(source: Source) -> list[str]:
    """What to type for a page like this one."""
    lines = [command(record) for record in (source.measured, source.counted) if record]
    paths = " ".join(filter(None, [source.measured_path, source.counted_path]))
    return [*lines, f'make report RECORD="{paths}"   # this page again']


def command(record: Kind) -> str:
    """The command that makes a record like this one."""
    if isinstance(record, Pair):
        a, b = (row.name for row in record.layers)
        return f"make pair A={a} B={b}" + (f" BUDGET={record.budget:g}" if record.budget else "")
    ladder = getattr(record, "ladder", "")
    words = ["make", record.kind, *([f"LADDER={ladder}"] if ladder not in ("", "default") else [])]
    words += [f"WORKLOAD={record.workload}"] if isinstance(record, Layers) and record.workload != USER else []
    if isinstance(record, Bench):
        words += [f"BUDGET={record.budget:g}"] if record.budget else []
        standard = Load()
        pairs = (("SECONDS", "seconds"), ("CONNECTIONS", "connections"), ("THREADS", "threads"))
        words += [
            f"{name}={getattr(record.load, key)}"
            for name, key in pairs
            if getattr(record.load, key) != getattr(standard, key)
        ]
    return " ".join(words)
