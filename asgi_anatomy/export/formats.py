"""Records -> one value per layer and measure, for the formats that know no distribution.

For Bencher, adapter `json`: the Bencher Metric Format, benchmark -> measure -> value, lower_value and upper_value.

The format has no units. `instructions` is a measure that Bencher knows; the other one says its unit in its name.

For github-action-benchmark, tool `customSmallerIsBetter`: name, unit, value, and optional strings range and extra.

The action reads a range only as `± number`, in the unit of the value.

For pyperf: a suite of benchmarks such as `fastapi/cpu`, in seconds, with a run per round and a value per turn.

pyperf wants two values or more of a benchmark, and metadata that are numbers or single lines of text.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from asgi_anatomy.counts.figures import total
from asgi_anatomy.documents.origin import briefly
from asgi_anatomy.documents.words import cell, plain
from asgi_anatomy.errors import BadInput
from asgi_anatomy.turns.decay import figures
from asgi_anatomy.turns.levels import Cost, Levels
from asgi_anatomy.turns.record import Anatomy, Kind, Measured, Round


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """What one layer needs for one request."""

    layer: str
    what: str
    """`cpu` (microseconds) or `instructions`."""
    value: float
    low: float | None = None
    """With `high`: the 95% interval of `cpu`; the lowest and highest repeat of `instructions`."""
    high: float | None = None
    origin: str = ""
    """Where and with what it was measured, in one line."""


def measures(records: Iterable[Kind]) -> list[Measure]:
    """CPU time from records of times, instructions from anatomies; raises BadInput for two of the same name."""
    found: dict[tuple[str, str], Measure] = {}
    for record in records:
        own = _cpu(record) if isinstance(record, Measured) else _instructions(record)
        for each in own:
            if (each.layer, each.what) in found:
                raise BadInput(f"{each.layer}/{each.what} is in two of these records: name one of them with RECORD=")
            found[each.layer, each.what] = each
    return [*found.values()]


def _cpu(record: Measured) -> list[Measure]:
    return [
        Measure(
            layer=row.layer, what="cpu", value=row.cpu_us, low=row.cpu_low, high=row.cpu_high, origin=briefly(record)
        )
        for row in figures(record)
        if row.cpu_us
    ]


def _instructions(record: Kind) -> list[Measure]:
    found = []
    for counts in record.anatomy if isinstance(record, Anatomy) else ():
        if (value := total(counts)) is not None:
            repeats = [sum(each.values()) for each in counts.instructions]
            found.append(
                Measure(
                    layer=counts.layer,
                    what="instructions",
                    value=value,
                    low=min(repeats),
                    high=max(repeats),
                    origin=briefly(record),
                )
            )
    return found


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
