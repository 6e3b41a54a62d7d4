"""For pyperf: a suite of benchmarks such as `fastapi/cpu`, in seconds, with a run per round and a value per window.

pyperf wants two values or more of a benchmark, and metadata that are numbers or single lines of text.
"""

import json
from collections.abc import Sequence
from itertools import groupby

from bench.data.errors import BadInput
from bench.data.record import Measured
from bench.report.escape import cell
from bench.stats.calm import Cost, Costs, costs

Metadata = dict[str, str | int | float]
LEAST = 2
"""Values below which pyperf cannot compare."""


def pyperf(records: Sequence[Measured]) -> str:
    """A benchmark for each layer with two values or more; raises BadInput where there is none, or two of one name."""
    benchmarks: dict[str, object] = {}
    for record in records:
        for found in costs(record):
            if found.layer in benchmarks:
                raise BadInput(f"{found.layer}/cpu is in two of these records: name one of them with RECORD=")
            if len(found.values) >= LEAST:
                benchmarks[found.layer] = _benchmark(found, record)
    if not benchmarks:
        raise BadInput(
            "no layer has two windows with CPU times, as pyperf needs: try another RECORD=, or a longer BUDGET="
        )
    return json.dumps(
        {"version": "1.0", "metadata": {"unit": "second"}, "benchmarks": [*benchmarks.values()]}, indent=1
    )


def _benchmark(found: Costs, record: Measured) -> dict[str, object]:
    state = "read at an undisturbed core" if found.calm else "as measured, with what disturbed the core"
    about: Metadata = {
        "name": cell(f"{found.layer}/cpu"),
        "unit": "second",
        "description": f"CPU seconds per request, one value per {found.windows} window, {state}",
        **_machine(record),
    }
    rounds = groupby(sorted(found.values, key=lambda each: each.window.round), key=lambda each: each.window.round)
    return {"metadata": about, "runs": [_run([*own]) for _, own in rounds]}


def _run(values: list[Cost]) -> dict[str, object]:
    about: Metadata = {"loops": 1, "duration": sum(each.window.duration_us for each in values) / 1e6}
    if start := values[0].window.start:
        about["date"] = start.replace(tzinfo=None).isoformat(" ")
    return {"metadata": about, "values": [each.cpu_us / 1e6 for each in values]}


def _machine(record: Measured) -> Metadata:
    """By the names that pyperf gives them, where it has one."""
    about: Metadata = {}
    if record.machine:
        about |= {
            "cpu_model_name": record.machine.cpu,
            "cpu_count": record.machine.cores,
            "platform": record.machine.system,
            "load_avg_1min": record.machine.load[0],
        }
    if record.python:
        about |= {
            "python_version": record.python.version,
            "python_implementation": record.python.implementation.lower(),
            "python_compiler": record.python.compiler,
        }
    about |= {f"{name}_version": version for name, version in record.packages.items()}
    return {
        cell(name): cell(value) if isinstance(value, str) else value for name, value in about.items() if value != ""
    }
