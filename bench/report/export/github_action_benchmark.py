"""For github-action-benchmark, tool `customSmallerIsBetter`: name, unit, value, and optional strings range and extra.

The action reads a range only as `± number`, in the unit of the value.
"""

import json
from collections.abc import Sequence

from bench.data.record import Kind
from bench.report.escape import plain
from bench.report.export.measures import Measure, measures

UNITS = {"cpu": "µs of CPU/request", "instructions": "instructions/request"}


def github_action_benchmark(records: Sequence[Kind]) -> str:
    """An entry for each layer and measure, such as `fastapi/cpu`; raises BadInput for two of one name."""
    return json.dumps([_entry(each) for each in measures(records)], indent=1, ensure_ascii=False)


def _entry(found: Measure) -> dict[str, str | float]:
    entry: dict[str, str | float] = {
        "name": plain(f"{found.layer}/{found.what}"),
        "unit": UNITS[found.what],
        "value": round(found.value, 4),
    }
    if found.low is not None and found.high is not None:
        entry["range"] = f"± {(found.high - found.low) / 2:.4g}"
    return {**entry, "extra": plain(found.origin)}
