"""Records of the same layers under three clients: what a request costs under each, and what waking the client is."""

from collections.abc import Mapping

from bench.data.plan import Client
from bench.data.record import Bench
from bench.report.document import Column, Document, Table, Values
from bench.report.origin import made
from bench.stats.decay import Figures, figures

NAMES = {"other": "sleeps", "awake": "polls", "same": "turns"}
"""What each client is called in a heading."""
COLUMNS = (
    Column("layer", "layer", left=True, tree="on"),
    Column("on"),
    *(
        Column(f"{key}_cpu {key}_added", f"{name} µs", "", f"{{{key}_cpu:,.1f}} ({{{key}_added:+,.1f}})")
        for key, name in NAMES.items()
    ),
    Column("sleeps", "sleeps", "", "{sleeps:.2f}"),
    *(Column(f"{key}_decay", f"{name} %", "", f"{{{key}_decay:.1f}}") for key, name in NAMES.items()),
)
MEANING = (
    "CPU µs per request (and what the layer adds), and decay in %, with wrk: on another core, where it sleeps between"
    " answers; there, but polling, so that the server never wakes it; on the servers' core, in turns. sleeps: how often"
    " the first falls asleep per request."
)


def clients_document(records: Mapping[Client, Bench]) -> Document:
    """The table, its meaning, and where it was made."""
    found = {client: {row.layer: row for row in figures(record)} for client, record in records.items()}
    sleeping = records["other"]
    rows = [
        _row(sleeping, row.layer, {client: each[row.layer] for client, each in found.items()})
        for row in found["same"].values()
    ]
    table = Table(COLUMNS, rows)
    rounds = min(len(record.rounds) for record in records.values())
    how = f"{rounds} rounds under each, in alternation; {made(records['same'])}"
    failed = [f"{row.name}: {row.faults[0]}" for record in records.values() for row in record.layers if row.faults]
    return Document([table, *failed, "", MEANING, how], table)


def _row(sleeping: Bench, name: str, found: Mapping[Client, Figures]) -> Values:
    row: dict[str, object] = {"layer": name, "on": found["same"].on}
    for client, each in found.items():
        row[f"{client}_cpu"] = each.cpu_us
        row[f"{client}_added"] = each.added_us if each.on else 0.0
        row[f"{client}_decay"] = each.decay
    turns = [turn for made_ in sleeping.rounds for turn in made_.turns if turn.layer == name]
    instances = [each for made_ in sleeping.rounds for each in made_.instances if each.layer == name and each.requests]
    requests = sum(each.requests / each.bytes for each in instances) / len(instances) if instances else 0.0
    read = sum(turn.bytes for turn in turns)
    row["sleeps"] = sum(turn.client_sleeps for turn in turns) / (read * requests) if read and requests else None
    return row
