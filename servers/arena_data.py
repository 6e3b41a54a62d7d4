"""The data of the layers `arena-...`: items, and a read-only SQLite file of them, identical on every machine.

The file is generated when it is first needed, or by `python -m servers.arena_data`, which also prints the hashes that
workloads.toml expects.
"""

import hashlib
import json
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

ITEMS = 50
LARGE = 6_000
"""This many items make 1.1 MB of JSON."""
FILE = Path(__file__).parent / "arena.sqlite"
QUERY = "SELECT id, name, price, quantity FROM items WHERE price BETWEEN ? AND ? ORDER BY id LIMIT 50"


def item(number: int) -> dict[str, Any]:
    """One item; prices are in cents, so that no framework rounds them differently."""
    tags = [f"tag-{(number * step) % 17}" for step in (3, 5, 7)]
    return {
        "id": number,
        "name": f"Product {number}",
        "category": f"category-{number % 7}",
        "price": 500 + number * 7919 % 9500,
        "quantity": 1 + number * 31 % 20,
        "active": number % 3 > 0,
        "tags": tags,
        "rating": {"score": 10 + number * 13 % 41, "count": number * 37 % 500},
    }


STOCK = [item(number) for number in range(1, ITEMS + 1)]
MUCH = [item(number) for number in range(1, LARGE + 1)]


def totals(stock: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items with their total value, as answers have them."""
    return [{**each, "total": each["price"] * each["quantity"]} for each in stock]


def generate() -> Path:
    """The SQLite file, generated if it is not there; several processes may do so at the same time."""
    if not FILE.exists():
        with tempfile.TemporaryDirectory(dir=FILE.parent, prefix=".arena-") as folder:
            new = Path(folder) / FILE.name
            database = sqlite3.connect(new)
            with database:
                database.execute(
                    "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price INTEGER, quantity INTEGER)"
                )
                database.execute("CREATE INDEX by_price ON items (price)")
                rows = [(each["id"], each["name"], each["price"], each["quantity"]) for each in MUCH]
                database.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", rows)
            database.close()
            os.replace(new, FILE)  # noqa: PTH105 (it replaces a file that another process made)
    return FILE


def rows(low: int, high: int) -> list[dict[str, Any]]:
    """Up to 50 items with a price within these bounds, from the file."""
    return [dict(row) for row in DATABASE.execute(QUERY, (low, high))]


DATABASE = sqlite3.connect(f"file:{generate()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
DATABASE.row_factory = sqlite3.Row

if __name__ == "__main__":
    print(f"{FILE} has {LARGE:,} items")
    answers = {
        "json": {"items": totals(STOCK), "count": ITEMS},
        "compression": {"items": totals(MUCH), "count": LARGE},
        "db": {"items": rows(1000, 5000), "count": len(rows(1000, 5000))},
    }
    for name, value in answers.items():
        text = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        print(f"{name}: {len(text):,} bytes, sha256 {hashlib.sha256(text).hexdigest()}")
