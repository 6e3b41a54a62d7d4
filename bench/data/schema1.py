"""Records of schema 1 -> schema 2, as plain JSON values.

Schema 1 had one struct for all kinds, so some had to fill fields with dummies; records of `make power` had no schema.
"""

import re
from typing import Any

SHARE = re.compile(r"\((\d+)% of a core\)$")
ABSENT = {
    "bench": ("anatomy", "endpoint"),
    "pair": ("anatomy", "endpoint", "ladder", "precision"),
    "anatomy": ("load", "precision", "budget", "seconds", "window_seconds", "cores", "windows"),
    "sensitivity": (),
}
"""The fields that each kind had to fill with dummies."""


def upgrade(old: dict[str, Any]) -> dict[str, Any]:
    """A record of schema 1 as one of schema 2; anything else is returned unchanged, so that reading it fails."""
    kind = "sensitivity" if "trials" in old else old.get("command")
    kind = "bench" if kind == "published" else kind  # other people's figures, from windows
    if kind not in ABSENT:
        return old
    new = {key: value for key, value in old.items() if key not in ABSENT[kind]}
    new |= {"schema": 2, "command": kind}
    if isinstance(machine := old.get("machine"), dict):
        new["machine"] = {key: value for key, value in machine.items() if key != "heavy"}
        shares = (SHARE.search(each) for each in machine.get("heavy", ()))
        new["machine"]["others"] = [float(share[1]) for share in shares if share]
    if isinstance(rows := old.get("layers"), list):
        new["layers"] = [_row(row) if isinstance(row, dict) else row for row in rows]
    return new


def _row(old: dict[str, Any]) -> dict[str, Any]:
    """A layer's row. Its terms used to be a sentence: `WHAT[ alone], its answer equal (to the byte|as JSON)`."""
    new = {key: value for key, value in old.items() if key != "held_to"}
    asks, _, equal = str(old.get("held_to") or "").partition(", its answer equal ")
    if not asks:
        return new
    request = re.fullmatch(r"the request of (.*) alone", asks)
    return new | {
        "answer": "bytes" if equal == "to the byte" else "json",
        "cases": asks == "contract.toml",
        "request": request[1] if request else "",
    }
