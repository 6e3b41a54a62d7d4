"""Two versions of packages, for programs: the rows of CSV, and a JSON object with a version of its own."""

import json
from typing import Any

import msgspec

from bench.data.versus import Versus
from bench.report.document import Column, Table, Values
from bench.stats.versus import CPU, Judged, floor_of, judge_layers, overall

SCHEMA = 1
"""The version of the JSON object: keys are only ever added to one version."""
METRICS = {"instructions": "instructions", "bytecodes": "bytecodes", "calls": "calls", "syscalls": "calls", CPU: "us"}
"""The unit of each metric; all are per request."""
KEYS = ("layer", "metric", "unit", "a", "b", "delta", "percent", "low", "high", "verdict")


def data_table(judged: list[Judged]) -> Table:
    """A row for each layer and metric."""
    rows: list[Values] = [
        {"layer": each.row.layer, "metric": name, "unit": METRICS[name], **_metric(each, name)}
        for each in judged
        for name in METRICS
        if name in each.metrics
    ]
    return Table([Column(key) for key in KEYS], rows)


def _metric(judged: Judged, name: str) -> dict[str, Any]:
    found = judged.metrics[name]
    return {**msgspec.structs.asdict(found), "delta": found.delta, "percent": found.percent}


def versus_json(record: Versus) -> str:
    """The whole comparison as one JSON object."""
    judged = judge_layers(record)
    value = {
        "schema": SCHEMA,
        "verdict": overall(judged),
        "a": record.a,
        "b": record.b,
        "packages": {
            name: {"a": pair[0], "b": pair[1]} for row in record.layers for name, pair in row.versions.items()
        },
        "limit": record.limit,
        "threshold": record.threshold,
        "workload": record.workload,
        "floor": {"layer": record.floor_layer, "percent": floor_of(record)},
        "layers": [_layer(each) for each in judged],
        "functions": [
            {
                "layer": each.row.layer,
                "name": found.name,
                "calls": {"a": found.calls.a, "b": found.calls.b, "delta": found.calls.delta},
                "bytecodes": {"a": found.bytecodes.a, "b": found.bytecodes.b, "delta": found.bytecodes.delta},
            }
            for each in judged
            for found in each.functions
        ],
        "bisection": msgspec.to_builtins(record.bisection),
        "machine": msgspec.to_builtins(record.machine),
        "python": msgspec.to_builtins(record.python),
        "made": record.made and record.made.isoformat(),
        "stopped": record.stopped,
    }
    return json.dumps(_rounded(value), indent=1)


def _layer(judged: Judged) -> dict[str, Any]:
    row = judged.row
    return {
        "layer": row.layer,
        "verdict": judged.verdict if judged.metrics else None,
        "by_counts": judged.by_counts,
        "by_time": judged.by_time,
        "metrics": {name: {**_metric(judged, name), "unit": METRICS[name]} for name in judged.metrics},
        "faults": row.faults,
        "answers": row.answers,
        "dependencies": {name: {"a": pair[0], "b": pair[1]} for name, pair in row.differ.items()},
        "flags_left_out": {"a": row.a.flags, "b": row.b.flags},
        "exact": {"a": row.a.exact, "b": row.b.exact},
    }


def _rounded(value: Any) -> Any:
    """The same with four decimals at most."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value
