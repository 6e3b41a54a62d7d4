"""For pyperf: a suite of benchmarks such as `fastapi/cpu`, in seconds, with a run per round and a value per turn.

pyperf wants two values or more of a benchmark, and metadata that are numbers or single lines of text.
"""

import json
from collections.abc import Sequence
from itertools import groupby

from bench.data.errors import BadInput
from bench.data.record import Measured
from bench.data.turns import Round
from bench.report.escape import cell
from bench.stats.levels import Cost, Levels

Metadata = dict[str, str | int | float]
LEAST = 2
"""Values below which pyperf cannot compare."""


def pyperf(records: Sequence[Measured]) -> str:
    """A benchmark for each layer with two values or more; raises BadInput where there is none, or two of one name."""
    benchmarks: dict[str, object] = {}
    for record in records:
        levels = Levels(record)
        for name in (row.name for row in record.layers if not row.faults):
            costs = [each for each in levels.used if each.layer == name]
            if costs and name in benchmarks:
                raise BadInput(f"{name}/cpu is in two of these records: name one of them with RECORD=")
            if len(costs) >= LEAST:
                benchmarks[name] = _benchmark(name, costs, record)
    if not benchmarks:
        raise BadInput("no layer has two values by turns, as pyperf needs: try another RECORD=, or a longer BUDGET=")
    return json.dumps(
        {"version": "1.0", "metadata": {"unit": "second"}, "benchmarks": [*benchmarks.values()]}, indent=1
    )


def _benchmark(name: str, costs: Sequence[Cost], record: Measured) -> dict[str, object]:
    about: Metadata = {
        "name": cell(f"{name}/cpu"),
        "unit": "second",
        "description": "CPU seconds per request, one value per turn that counts",
        **_machine(record),
    }
    rounds = groupby(costs, key=lambda each: each.round)
    return {"metadata": about, "runs": [_run(record.rounds[number], [*own]) for number, own in rounds]}


def _run(made: Round, costs: Sequence[Cost]) -> dict[str, object]:
    about: Metadata = {"loops": 1, "duration": made.seconds, "date": made.start.replace(tzinfo=None).isoformat(" ")}
    return {"metadata": about, "values": [each.cpu_us / each.requests / 1e6 for each in costs]}


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
