"""Records of one ladder under several Pythons -> one table: what each layer costs under each of them."""

from collections.abc import Mapping

from asgi_anatomy.documents.document import Column, Document, Table, Values
from asgi_anatomy.documents.origin import made
from asgi_anatomy.turns.record import Bench
from asgi_anatomy.turns.table import decay_table

COLUMNS = (
    Column("layer", "layer", left=True),
    Column("on"),
    Column("python", "Python", left=True),
    Column("decay", "decay", "%", "{decay:.1f}"),
    Column("decay_low decay_high", "95% interval", "", "{decay_low:.1f} - {decay_high:.1f}"),
    Column("added_us", "+ µs/req", "", "{added_us:+,.1f}"),
    Column("cpu_us", "CPU µs/req", "", "{cpu_us:,.1f}"),
    Column("rps_per_core"),
    Column("version"),
    Column("optimised"),
    Column("note"),
)
FIGURES = ("on", "decay", "decay_low", "decay_high", "added_us", "cpu_us", "rps_per_core")
METHOD = (
    "decay: % fewer requests per CPU-second than the layer it stands on, under the same Python."
    " The Pythons were measured one after another: the CPU"
    " µs/req of two Pythons also differ by what the machine did in between."
)


def interpreters_document(records: Mapping[str, Bench | str]) -> Document:
    """The table by layer and Python, then notes; a Python without a record is a row with a reason."""
    rows: list[Values] = []
    notes = []
    for name, record in records.items():
        if isinstance(record, str):
            empty = dict.fromkeys((*FIGURES, "version", "optimised"))
            rows.append({**empty, "layer": "all", "python": name, "note": record})
            notes.append(f"Python {name}: {record}")
            continue
        python = record.python
        about = {"python": name, "version": python and python.version, "optimised": python and python.optimised}
        rows += [
            {"layer": row["layer"], **{key: row[key] for key in FIGURES}, **about, "note": row["note"]}
            for row in decay_table(record).rows
        ]
        notes += [f"{row.name} under {name}: {row.faults[0]}" for row in record.layers if row.faults]
        notes.append(f"{name}: {made(record)}")
    layers = [*dict.fromkeys(row["layer"] for row in rows if row["layer"] != "all"), "all"]
    rows.sort(key=lambda row: layers.index(row["layer"]))
    table = Table(COLUMNS, rows)
    return Document([table, *notes, "", METHOD], table)
