"""The answer in words, made from the figures: the head of the page.

The machine, the versions, notes on the layers, and the command that makes it again.

What it means for you: the framework's share of a request that does work of its own, and the cores that takes.

The course of a run: every turn over time, so that a run with noisy neighbours looks like one.

The sections of the page, in order: one file each, or one picture each.

A section is a function of a source that makes a part, or None where there is nothing to say. To add one, write a file
here and put it into the list. Two versions of a package have parts of their own, versus.py, and so have its releases,
history.py.
"""

from collections.abc import Callable

import msgspec

from asgi_anatomy.anatomy.page import INSTRUCTIONS_TITLE, instructions_picture
from asgi_anatomy.anatomy.page import TITLE as BYTECODES_TITLE
from asgi_anatomy.anatomy.page import picture as bytecodes_picture
from asgi_anatomy.bench.page import (
    DECAYS_TITLE,
    LATENCY_TITLE,
    WAKEUPS_TITLE,
    decays_picture,
    latency_picture,
    turns_picture,
    wakeups_picture,
)
from asgi_anatomy.bench.page import TITLE as COST_TITLE
from asgi_anatomy.bench.page import picture as cost_picture
from asgi_anatomy.documents.document import Column, Table
from asgi_anatomy.documents.icicle import part as tree_part
from asgi_anatomy.documents.origin import warnings
from asgi_anatomy.documents.part import Part, commands, definitions, folded, html_table, of_pictures, paragraphs, text
from asgi_anatomy.documents.source import Source
from asgi_anatomy.documents.words import counted
from asgi_anatomy.pages.readme import row, words
from asgi_anatomy.suite.workloads import USER
from asgi_anatomy.turns.plan import TURN
from asgi_anatomy.turns.record import Bench, Kind, Layers, Load, Measured, Pair


def part(source: Source) -> Part:
    """Headline and two or three sentences."""
    headline, said = words(source)
    kind = (
        "a pair" if isinstance(source.measured, Pair) else f"ladder {source.ladder}" if source.ladder else source.label
    )
    kind += f", workload {source.record.workload}" if source.record.workload != USER else ""
    body = f'<p class="eyebrow">{text(kind)}</p><p class="headline">{text(headline)}</p>{paragraphs(said, "lead")}'
    return Part("answer", "The answer", body=body, hero=True)


def made_part(source: Source) -> Part:
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


STEPS_MS = (0, 0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100)
STEPS_RPS = (10, 20, 50, 100, 200, 500, 1000, 2000, 3000, 5000, 7000, 10_000, 20_000, 50_000, 100_000)
OWN_MS, RPS = 5.0, 2000.0
"""Where the sliders stand at first; the address keeps what they are moved to (assets/page.js)."""
COLUMNS = (
    Column("layer", "layer", left=True),
    Column("share", "framework", "%", "{share:.1f}"),
    Column("request", "CPU per request", "ms", "{request:.2f}"),
    Column("per_core", "req/s per core", "", "{per_core:,.0f}"),
    Column("cores", "cores needed", "", "{cores:.2f}"),
)


def yours_part(source: Source) -> Part | None:
    """Two sliders, and a row for each layer."""
    costs = {each.layer: round(each.cpu_us or 0, 4) for each in source.shown()}
    if not costs:
        return None
    rows = [row(layer, cpu_us, OWN_MS, RPS) for layer, cpu_us in costs.items()]
    body = (
        '<div class="sliders">'
        + _slider("own_ms", "CPU time of your own code per request", STEPS_MS.index(OWN_MS), len(STEPS_MS), "5 ms")
        + _slider("rps", "Requests per second", STEPS_RPS.index(RPS), len(STEPS_RPS), "2,000")
        + "</div>"
        + html_table(Table(COLUMNS, rows), "What it means for you")
        + '<p class="note">Only CPU time counts here: the 20 ms that a request waits for a database take none.'
        " Framework: the share of a request that the layer and everything below it take. Cores are fully used;"
        " leave room for peaks.</p>"
    )
    layers = [{"layer": layer, "cpu_us": cpu_us} for layer, cpu_us in costs.items()]
    data = {"layers": layers, "own_ms": STEPS_MS, "rps": STEPS_RPS, "at": [OWN_MS, RPS]}
    return Part("yours", "What it means for you", "", (), f'<p class="sentence" aria-live="polite"></p>{body}', data)


def _slider(key: str, label: str, at: int, steps: int, shown: str) -> str:
    return (
        f'<label><span>{text(label)}</span><output data-for="{key}">{text(shown)}</output>'
        f'<input type="range" name="{key}" min="0" max="{steps - 1}" step="1" value="{at}"></label>'
    )


def course_part(source: Source) -> Part | None:
    """The turns of a record of times."""
    return of_pictures("course", "How the run went", turns_picture(source)) if source.measured else None


Section = Callable[[Source], Part | None]


def _cost(source: Source) -> Part:
    part = of_pictures("cost", COST_TITLE, cost_picture(source))
    if not part.charts or not source.table:
        return part
    shown = {row.layer for row in source.shown()}
    lacking = [f"{row['layer']} has no figure: {row['note']}" for row in source.table.rows if row["layer"] not in shown]
    figures = folded("The figures", html_table(source.table, "The decay table"))
    return msgspec.structs.replace(part, body=paragraphs(lacking, "missing") + part.body + figures)


def _wake_ups(source: Source) -> Part:
    return of_pictures("wake-ups", WAKEUPS_TITLE, wakeups_picture(source))


def _decays(source: Source) -> Part:
    return of_pictures("decays", DECAYS_TITLE, decays_picture(source))


def _instructions(source: Source) -> Part:
    return of_pictures("instructions", INSTRUCTIONS_TITLE, instructions_picture(source))


def _bytecodes(source: Source) -> Part:
    return of_pictures("bytecodes", BYTECODES_TITLE, bytecodes_picture(source))


def _latency(source: Source) -> Part:
    return of_pictures("latency", LATENCY_TITLE, latency_picture(source))


SECTIONS: tuple[Section, ...] = (
    part,
    yours_part,
    _cost,
    _wake_ups,
    _decays,
    _instructions,
    _bytecodes,
    tree_part,
    _latency,
    course_part,
    made_part,
)
