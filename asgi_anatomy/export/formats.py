"""Records in the formats of pyperf, github-action-benchmark and Bencher.

pyperf has a benchmark for each layer, such as `fastapi/cpu`, in seconds, with a run per round and a value per turn; it
wants two values or more of each, and metadata that are numbers or single lines of text. The other two know no
distribution: they have a value for each layer and measure.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from asgi_anatomy.counts.figures import total
from asgi_anatomy.documents.origin import briefly
from asgi_anatomy.documents.words import as_json, cell, plain
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
    origin: str
    """Where and with what it was measured, in one line."""


def measures(records: Iterable[Kind]) -> list[Measure]:
    """CPU time from records of times, instructions from anatomies; raises BadInput for two of the same name."""
    by_name: dict[tuple[str, str], Measure] = {}
    for record in records:
        for measure in _measures(record):
            name = measure.layer, measure.what
            if name in by_name:
                raise BadInput(f"{'/'.join(name)} is in two of these records: name one of them with RECORD=")
            by_name[name] = measure
    return [*by_name.values()]


def _measures(record: Kind) -> Iterator[Measure]:
    origin = briefly(record)
    for row in figures(record) if isinstance(record, Measured) else ():
        if row.cpu_us:
            yield Measure(
                layer=row.layer, what="cpu", value=row.cpu_us, low=row.cpu_low, high=row.cpu_high, origin=origin
            )
    for counts in record.anatomy if isinstance(record, Anatomy) else ():
        if (value := total(counts)) is not None:
            repeats = [sum(components.values()) for components in counts.instructions]
            low, high = min(repeats), max(repeats)
            yield Measure(layer=counts.layer, what="instructions", value=value, low=low, high=high, origin=origin)


def bencher(records: Sequence[Kind]) -> str:
    """An object for each layer; raises BadInput where two records have the same measure of one layer.

    The Bencher Metric Format has no units: `instructions` is a measure that Bencher knows, the other says its unit in
    its name.
    """
    layers: dict[str, dict[str, dict[str, float]]] = {}
    for measure in measures(records):
        name, factor = ("cpu-ns-per-request", 1e3) if measure.what == "cpu" else (measure.what, 1.0)
        values = {"value": measure.value, "lower_value": measure.low, "upper_value": measure.high}
        layers.setdefault(plain(measure.layer), {})[name] = {
            key: round(factor * value, 1) for key, value in values.items() if value is not None
        }
    return as_json(layers)


UNITS = {"cpu": "µs of CPU/request", "instructions": "instructions/request"}


def github_action_benchmark(records: Sequence[Kind]) -> str:
    """An entry for each layer and measure, such as `fastapi/cpu`; raises BadInput for two of one name.

    It is for the tool `customSmallerIsBetter`; the action reads a range only as `± number`, in the unit of the value.
    """
    entries = [
        {
            "name": plain(f"{measure.layer}/{measure.what}"),
            "unit": UNITS[measure.what],
            "value": round(measure.value, 4),
            **_range(measure),
            "extra": plain(measure.origin),
        }
        for measure in measures(records)
    ]
    return as_json(entries)


def _range(measure: Measure) -> dict[str, str]:
    if measure.low is None or measure.high is None:
        return {}
    return {"range": f"± {(measure.high - measure.low) / 2:.4g}"}


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
    return as_json({"version": "1.0", "metadata": {"unit": "second"}, "benchmarks": [*benchmarks.values()]})


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
