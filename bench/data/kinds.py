"""All kinds of records, and the JSON Schema that describes them."""

from typing import Any

import msgspec

from bench.data.record import Anatomy, Bench, Pair, Sensitivity
from bench.data.sweep import Sweep
from bench.data.versus import Versus

Record = Bench | Pair | Anatomy | Sensitivity | Versus | Sweep


def schema() -> dict[str, Any]:
    """The JSON Schema of a record."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Record)}
