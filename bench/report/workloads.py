"""One ladder under several workloads: each layer's decay and + µs/req in each, and what follows from both."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from bench.data.machine import identity, same_versions
from bench.data.record import Measured
from bench.report.document import WIDTH, Column, Document, Table
from bench.report.origin import origin
from bench.stats.workloads import NEAR, Cell, Spread, cells, spread

PUBLISHED = ("arena-fastapi", "arena-starlette")
"""What the `published` decays of workloads.toml are of."""
NO_MARGINS = "No margins: each record has one round only; a longer BUDGET= has more."
KEYS = ("workload", "layer", "on", "decay", "decay_low", "decay_high", "added_us", "added_low", "added_high", "cpu_us")
PUBLISHED_COLUMNS = (
    Column("workload", "workload", left=True),
    Column("published", "published", "%", "{published:g}"),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("margin", "±", "pp", "{margin:.1f}"),
    Column("added", "+ µs/req", "", "{added:+,.1f}"),
    Column("around", "±", "µs", "{around:,.1f}"),
)


def workloads_document(
    records: Mapping[str, Measured],
    base: str,
    lacking: Sequence[str],
    sources: Sequence[str],
    published: Mapping[str, float | None] | None = None,
) -> Document:
    """The matrix of each workload's record, its costs compared with those in `base`.

    `lacking` are lines on what is missing, `sources` on where it is from, `published` what others found, in percent.
    """
    found = cells(records)
    said: list[str | Table] = []
    for title, key, show in (
        ("decay, % fewer requests per CPU-second than the layer it stands on", "decay", "{:.1f}"),
        ("CPU time that the layer adds to a request, + µs/req", "added_us", "{:+,.1f}"),
    ):
        said += [f"{title}:", *_grids(found, [*records], key, show), ""]
    if beside := published_table(found, published or {}):
        said += ["FastAPI on Starlette, as HttpArena published it from separate runs, and here:", beside, ""]
    told = spread(found, base)
    said += [sentence(told), ""] if told else []
    margins = any(each.row.margin is not None for each in found)
    said += [*lacking, *_unlike(records), "±: half of a 95% interval." if margins else NO_MARGINS, *sources]
    first = next(iter(records.values()), None)
    said += origin(first)[:1] if first else []
    data = [{"workload": each.workload, **{key: getattr(each.row, key) for key in KEYS[1:]}} for each in found]
    return Document(said, Table([Column(key) for key in KEYS], data))


def _grids(found: Sequence[Cell], workloads: Sequence[str], key: str, show: str) -> list[Table]:
    """The cells, workload by layer, in as many tables as fit the width."""
    names = [*dict.fromkeys(each.step for each in found)]
    at = {(each.workload, *each.step): _cell(each, key, show) for each in found}
    tables: list[list[tuple[str, str]]] = []
    room = 0
    for name in names:
        wide = 3 + max([len(name[0]), len(name[1]) + 3, *(len(at.get((each, *name), "-")) for each in workloads)])
        if not tables or room < wide:
            tables.append([])
            room = WIDTH - 4 - max(map(len, [*workloads, "workload"]))
        tables[-1].append(name)
        room -= wide
    return [
        Table(
            [Column("workload", "workload", left=True), *(Column(layer, layer) for layer, _ in block)],
            [
                {"workload": "", **{layer: f"on {on}" for layer, on in block}},
                *(
                    {"workload": each, **{layer: at.get((each, layer, on), "-") for layer, on in block}}
                    for each in workloads
                ),
            ],
        )
        for block in tables
    ]


def _cell(cell: Cell, key: str, show: str) -> str:
    value, around = getattr(cell.row, key), cell.row.margin if key == "decay" else cell.added_margin
    if value is None:
        return "-"
    return show.format(value) + (f" ±{around:,.1f}" if around is not None else "")


def sentence(told: Spread) -> str:
    """What the matrix says of the costs of layers, in µs and in percent."""
    cases, near = told.same + len(told.different) + told.unsure, f"within {100 * (NEAR - 1):.0f}%"
    percent = f"in percent it is from {told.lowest:.1f} to {told.highest:.1f}"
    if told.same == cases:
        return f"In µs every layer adds about the same as to {told.base} ({near}); {percent}."
    by_workload = sorted(told.different, key=lambda each: each.workload)
    others = "; ".join(
        f"{workload}: {', '.join(each.row.layer for each in same)}"
        for workload, same in groupby(by_workload, key=lambda each: each.workload)
    )
    said = f"In µs a layer adds about the same as to {told.base} ({near}) in {told.same} of {cases} cases; {percent}."
    said += f" Not the same in µs: {others}." if others else ""
    return said + (f" Too uncertain to say: {told.unsure}." if told.unsure else "")


def published_table(found: Sequence[Cell], published: Mapping[str, float | None]) -> Table | None:
    """A row for each workload that somebody else has a decay of: theirs, and that of the same pair of layers here."""
    rows = [
        {
            "workload": each.workload, "published": told, "decay": each.row.decay, "margin": each.row.margin,
            "added": each.row.added_us, "around": each.added_margin,
        }
        for each in found
        if each.step == PUBLISHED and (told := published.get(each.workload)) is not None
    ]  # fmt: skip
    return Table(PUBLISHED_COLUMNS, rows) if rows else None


def _unlike(records: Mapping[str, Measured]) -> list[str]:
    """Workloads whose records were not made like the first: another machine, Python, or other versions."""
    (base, first), *rest = records.items()
    others = [name for name, each in rest if not _alike(first, each)]
    return [f"{', '.join(others)}: from another machine, or other versions, than {base}."] if others else []


def _alike(one: Measured, other: Measured) -> bool:
    """Whether both are of one machine and Python, and of the same versions of whatever both have."""
    versions = same_versions(one.packages, other.packages)
    return versions and identity(one.machine, one.python) == identity(other.machine, other.python)
