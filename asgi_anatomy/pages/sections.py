"""The page of records of layers: the answer, what it means for you, a section for each picture, and how it was made.

To add a section, write a function of a source that makes a part, or None where there is nothing to say, and put it
into SECTIONS.
"""

from collections.abc import Callable, Sequence

import msgspec

from asgi_anatomy.anatomy import page as anatomy_page
from asgi_anatomy.anatomy import request
from asgi_anatomy.bench import page as bench_page
from asgi_anatomy.documents import icicle
from asgi_anatomy.documents.document import Column, Table
from asgi_anatomy.documents.draw import Missing, Picture, Sketch
from asgi_anatomy.documents.origin import warnings
from asgi_anatomy.documents.part import Part, commands, definitions, folded, html_table, of_pictures, paragraphs, text
from asgi_anatomy.documents.source import Source
from asgi_anatomy.documents.words import counted, to_type
from asgi_anatomy.pages.answer import words
from asgi_anatomy.pages.readme import row
from asgi_anatomy.suite.workloads import USER
from asgi_anatomy.turns.plan import TURN
from asgi_anatomy.turns.record import Bench, Layers, Load, Measured, Pair

TITLE = "What every layer costs"
FOOT = (
    "Made by asgi-anatomy. CPU time is by turns, all servers on one core, unless a note says otherwise; a decay is %"
    " fewer requests per CPU-second than the layer below. How it is measured: the project's docs/METHOD.md."
)
OWN_PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic")
"""Whose versions a reader looks for first."""


def _answer(source: Source) -> Part:
    """Headline and two or three sentences."""
    headline, lead = words(source)
    about = "a pair" if isinstance(source.measured, Pair) else source.label
    if source.ladder:
        about = f"ladder {source.ladder}"
    if source.record.workload != USER:
        about += f", workload {source.record.workload}"
    body = f'<p class="eyebrow">{text(about)}</p><p class="headline">{text(headline)}</p>{paragraphs(lead, "lead")}'
    return Part("answer", "The answer", body=body, hero=True)


def _made(source: Source) -> Part:
    """The machine, the versions, notes on the layers, and the commands that make it again."""
    record, measured, counts = source.record, source.measured, source.counted
    lines = warnings(measured or record)
    if measured and not counts:
        lines.append(
            "No anatomy of the same layers, versions and machine: `make anatomy` counts one, then `make report`."
        )
    if counts and not measured:
        lines.append("Counts only, no times: `make bench` measures the same layers, then `make report`.")
    notes = [f"{row['layer']}: {row['note']}" for row in (source.table.rows if source.table else ()) if row["note"]]
    if counts:
        notes += [f"{layer.layer}: {note}" for layer in counts.anatomy for note in layer.notes]
        notes += [f"{row.name}: {fault}" for row in counts.layers for fault in row.faults]
    body = definitions(_facts(source)) + paragraphs(lines, "missing" if lines else "note")
    if notes:
        body += folded(f"Notes on the layers ({len(notes)})", paragraphs(notes, "note"))
    if record.packages:
        body += folded("All versions", paragraphs([_versions(record, [*record.packages])], "note"))
    paths = " ".join(filter(None, [source.measured_path, source.counted_path]))
    mine = any(not row.cases for row in record.layers)  # what described them is not in a record
    again = [] if mine else [command(record) for record in (measured, counts) if record]
    again.append(f"{to_type('report', {'RECORD': paths})}   # this page again")
    return Part("made", "How it was made, and how to make it again", body=body + commands(again))


def _versions(record: Layers, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {record.packages[name]}" for name in names if name in record.packages)


def _facts(source: Source) -> list[tuple[str, str]]:
    record, machine, python = source.record, source.record.machine, source.record.python
    system = f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib:.0f} GiB, {machine.system}" if machine else ""
    return [
        ("Made", f"{record.made:%Y-%m-%d %H:%M} UTC" if record.made else ""),
        ("Source", record.source),
        ("Machine", system),
        ("Python", f"{python.version} ({python.implementation}, {python.compiler})" if python else ""),
        ("Packages", _versions(record, OWN_PACKAGES)),
        ("Load", _load(source.measured) if source.measured else ""),
        ("Suite", record.revision or ""),
        ("Records", ", ".join(filter(None, [source.measured_path, source.counted_path]))),
    ]


def _load(record: Measured) -> str:
    load = record.load
    words = [
        f"wrk {record.machine.wrk}" if record.machine and record.machine.wrk else "",
        counted(load.connections, "connection"),
        counted(load.threads, "thread"),
        f"turns of {record.turn_ms} ms" if record.turn_ms else "",
        f"plain windows of {load.seconds} s" if record.windows else "",
    ]
    return ", ".join(filter(None, words))


def command(record: Layers) -> str:
    """The command that makes a record like this one: its options, as far as they are not as usual."""
    options: dict[str, object] = {}
    if isinstance(record, Pair):
        options |= zip("AB", (row.name for row in record.layers), strict=True)
    elif (ladder := getattr(record, "ladder", "")) != "default":
        options["LADDER"] = ladder
    options["WORKLOAD"] = record.workload if record.workload != USER else ""
    if isinstance(record, Measured):
        usual = Load()
        numbers = {
            "BUDGET": record.budget,
            "PRECISION": record.precision if isinstance(record, Bench) else None,
            "THRESHOLD": record.threshold if isinstance(record, Pair) else None,
            "TURN": record.turn_ms if record.turn_ms != round(1000 * TURN) else None,
            "CONNECTIONS": record.load.connections if record.load.connections != usual.connections else None,
            "THREADS": record.load.threads if record.load.threads != usual.threads else None,
        }
        options |= {name: f"{number:g}" for name, number in numbers.items() if number}
    return to_type(record.kind, {name: value for name, value in options.items() if value})


STEPS_MS = (0, 0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100)
STEPS_RPS = (10, 20, 50, 100, 200, 500, 1000, 2000, 3000, 5000, 7000, 10_000, 20_000, 50_000, 100_000)
OWN_MS, RPS = 1.0, 2000.0
"""Where the sliders stand at first; the address keeps what they are moved to (assets/page.js)."""
COLUMNS = (
    Column("layer", "layer", left=True),
    Column("share", "framework", "%", "{share:.1f}"),
    Column("request", "CPU per request", "ms", "{request:.2f}"),
    Column("per_core", "req/s per core", "", "{per_core:,.0f}"),
    Column("cores", "cores needed", "", "{cores:.2f}"),
)


def _yours(source: Source) -> Part | None:
    """Two sliders, and a row for each layer."""
    costs = {each.layer: round(each.cpu_us or 0, 4) for each in source.shown()}
    if not costs:
        return None
    rows = [row(layer, cpu_us, OWN_MS, RPS) for layer, cpu_us in costs.items()]
    body = (
        '<div class="sliders">'
        + _slider(
            "own_ms", "CPU time of your own code per request", STEPS_MS.index(OWN_MS), len(STEPS_MS), f"{OWN_MS:g} ms"
        )
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


def _of(key: str, title: str, picture: Callable[[Source], Picture | Missing]) -> "Section":
    """A section of one picture."""
    return lambda source: of_pictures(key, title, picture(source))


def _cost(source: Source) -> Part | None:
    if not source.measured:
        return None
    part = of_pictures("cost", bench_page.TITLE, bench_page.picture(source))
    if not part.charts or not source.table:
        return part
    shown = {row.layer for row in source.shown()}
    lacking = [f"{row['layer']} has no figure: {row['note']}" for row in source.table.rows if row["layer"] not in shown]
    figures = folded("The figures", html_table(source.table, "The decay table"))
    return msgspec.structs.replace(part, body=paragraphs(lacking, "missing") + part.body + figures)


def _wakeups(source: Source) -> Part | None:
    found = bench_page.wakeups_picture(source) if source.measured else None
    return of_pictures("wake-ups", bench_page.WAKEUPS_TITLE, found) if found else None


def _latency(source: Source) -> Part | None:
    found = bench_page.latency_picture(source) if source.measured else None
    return of_pictures("latency", bench_page.LATENCY_TITLE, found) if found else None


def _course(source: Source) -> Part | None:
    """Every turn over time, so that a run with noisy neighbours looks like one."""
    return of_pictures("course", "How the run went", bench_page.turns_picture(source)) if source.measured else None


Section = Callable[[Source], Part | None]
SECTIONS: tuple[Section, ...] = (
    _answer,
    _cost,
    _yours,
    request.part,
    _wakeups,
    _of("decays", bench_page.DECAYS_TITLE, bench_page.decays_picture),
    _of("instructions", anatomy_page.INSTRUCTIONS_TITLE, anatomy_page.instructions_picture),
    _of("bytecodes", anatomy_page.TITLE, anatomy_page.picture),
    icicle.part,
    _latency,
    _course,
    _made,
)


def parts(source: Source) -> list[Part]:
    """All parts of the page, in order."""
    return [part for section in SECTIONS if (part := section(source))]


def pictures(source: Source) -> list[Picture | Sketch | Missing]:
    """What `make charts` draws of records of layers."""
    return [
        request.picture(source),
        bench_page.picture(source),
        bench_page.wakeups_picture(source),
        bench_page.decays_picture(source),
        anatomy_page.instructions_picture(source),
        anatomy_page.picture(source),
        bench_page.latency_picture(source),
    ]
