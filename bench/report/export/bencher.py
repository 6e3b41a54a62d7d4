"""For Bencher, adapter `json`: the Bencher Metric Format, benchmark -> measure -> value, lower_value and upper_value.

The format has no units. `instructions` is a measure that Bencher knows; the other one says its unit in its name.
"""

import json
from collections.abc import Sequence

from bench.data.record import Kind
from bench.report.escape import plain
from bench.report.export.measures import Measure, measures

NAMES = {"cpu": ("cpu-ns-per-request", 1e3), "instructions": ("instructions", 1.0)}
"""The measure in Bencher, and what one of our unit is in its."""


def bencher(records: Sequence[Kind]) -> str:
    """An object for each layer; raises BadInput where two records have the same measure of one layer."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for each in measures(records):
        found.setdefault(plain(each.layer), {})[NAMES[each.what][0]] = _metric(each)
    return json.dumps(found, indent=1, ensure_ascii=False)


def _metric(found: Measure) -> dict[str, float]:
    values = {"value": found.value, "lower_value": found.low, "upper_value": found.high}
    factor = NAMES[found.what][1]
    return {name: round(factor * value, 1) for name, value in values.items() if value is not None}
