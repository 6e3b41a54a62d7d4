"""The machine, the versions, notes on the layers, and the command that makes it again."""

from bench.data.load import Load
from bench.data.plan import TURN
from bench.data.record import Bench, Kind, Layers, Measured, Pair
from bench.data.workloads import USER
from bench.report.origin import warnings
from bench.report.page.html import commands, definitions, folded, paragraphs
from bench.report.page.part import Part
from bench.report.source import Source
from bench.report.words import counted


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
        ("Load", _load(source.measured) if source.measured else ""),
        ("Suite", record.revision or ""),
        ("Records", ", ".join(filter(None, [source.measured_path, source.counted_path]))),
    ]


def _load(record: Measured) -> str:
    load = record.load
    return ", ".join(
        filter(
            None,
            [
                f"wrk {record.machine.wrk}" if record.machine and record.machine.wrk else "",
                counted(load.connections, "connection"),
                counted(load.threads, "thread"),
                f"turns of {record.turn_ms} ms" if record.turn_ms else "",
                f"plain windows of {load.seconds} s" if record.windows else "",
            ],
        )
    )


def again(source: Source) -> list[str]:
    """What to type for a page like this one."""
    lines = [command(record) for record in (source.measured, source.counted) if record]
    paths = " ".join(filter(None, [source.measured_path, source.counted_path]))
    return [*lines, f'make report RECORD="{paths}"   # this page again']


def command(record: Kind) -> str:
    """The command that makes a record like this one."""
    words = ["make", record.kind]
    if isinstance(record, Pair):
        words += [f"{name}={row.name}" for name, row in zip("AB", record.layers, strict=True)]
    elif (ladder := getattr(record, "ladder", "")) not in ("", "default"):
        words.append(f"LADDER={ladder}")
    words += [f"WORKLOAD={record.workload}"] if isinstance(record, Layers) and record.workload != USER else []
    return " ".join([*words, *(_measured(record) if isinstance(record, Measured) else [])])


def _measured(record: Measured) -> list[str]:
    """For how long it was measured, and how, as far as that is not as usual."""
    usual = Load()
    precision = record.precision if isinstance(record, Bench) else None
    threshold = record.threshold if isinstance(record, Pair) else None
    asked = {
        "BUDGET": record.budget,
        "PRECISION": precision,
        "THRESHOLD": threshold,
        "TURN": None if record.turn_ms == round(1000 * TURN) else record.turn_ms,
        "CONNECTIONS": None if record.load.connections == usual.connections else record.load.connections,
        "THREADS": None if record.load.threads == usual.threads else record.load.threads,
    }
    return [f"{name}={value:g}" for name, value in asked.items() if value]
