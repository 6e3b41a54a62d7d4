"""Two records side by side: known changes, and what cannot be compared."""

import json
from pathlib import Path

import msgspec
import pytest

from asgi_anatomy.compare.verdict import compare
from asgi_anatomy.documents.store import encode
from asgi_anatomy.errors import BadInput
from asgi_anatomy.turns.record import Bench as Record
from tests.conftest import Bench
from tests.records import BEFORE, PYTHON
from tests.records import by_turns as record


def verdicts(a: Record, b: Record) -> dict[str, str]:
    return {change.layer: change.verdict for change in compare(a, b, 1.0)}


def test_the_same_on_a_machine_twice_as_slow() -> None:
    assert verdicts(record(1, BEFORE), record(2, BEFORE, speed=2)) == {"middle": "same", "high": "same"}


def test_one_layer_slower_by_a_tenth() -> None:
    changes = compare(record(1, BEFORE), record(2, {**BEFORE, "high": 66.0}), 1.0)
    assert [change.verdict for change in changes] == ["same", "slower"]
    assert changes[1].ratio == pytest.approx(1 / 1.1, rel=0.01)
    assert (changes[1].a_cpu, changes[1].b_cpu) == pytest.approx((6, 6.6), rel=0.01)


def test_faster_and_unclear() -> None:
    assert verdicts(record(1, BEFORE), record(2, {**BEFORE, "high": 50.0}))["high"] == "faster"
    assert verdicts(record(1, BEFORE, rounds=2), record(2, BEFORE, rounds=2))["high"] == "unclear"


def test_nothing_in_common() -> None:
    with pytest.raises(BadInput, match="one ladder begins with low, the other with other"):
        compare(record(1, BEFORE), record(2, {"other": 1.0, "high": 2.0}), 1.0)


def test_false_positives_are_rare() -> None:
    alarms = 0
    for seed in range(0, 400, 2):
        found = verdicts(record(seed, BEFORE), record(seed + 1, BEFORE))
        alarms += any(verdict in ("slower", "faster") for verdict in found.values())
    assert alarms <= 0.08 * 200


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"python": msgspec.structs.replace(PYTHON, version="3.12.9")}, "Python 3.13 and 3.12"),
        ({"contract": "another"}, "different contracts"),
        ({"python": None}, "Python 3.13 and unknown"),
    ],
)
def test_what_cannot_be_compared(quick_bench: Bench, tmp_path: Path, change: dict[str, object], error: str) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_bytes(encode(record(1, BEFORE)))
    b.write_bytes(encode(msgspec.structs.replace(record(2, BEFORE), **change)))
    refused = quick_bench("compare", "--a", a, "--b", b)
    assert refused.returncode == 2
    assert error in refused.stderr
    assert "FORCE=1" in refused.stderr
    forced = quick_bench("compare", "--a", a, "--b", b, "--force", "--format", "json")
    assert forced.returncode == 0
    assert [row["verdict"] for row in json.loads(forced.stdout)] == ["same", "same"]


@pytest.mark.parametrize(("high", "rounds", "code"), [(60.0, 12, 0), (66.0, 12, 3), (50.0, 12, 0), (60.0, 3, 4)])
def test_exit_codes_and_versions(quick_bench: Bench, tmp_path: Path, high: float, rounds: int, code: int) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_bytes(encode(record(1, BEFORE)))
    after = record(2, {**BEFORE, "high": high}, rounds=rounds)
    newer = msgspec.structs.replace(after, packages={"starlette": "2"})
    b.write_bytes(encode(newer))
    done = quick_bench("compare", "--a", a, "--b", b)
    assert done.returncode == code, done.stdout
    assert "differs: starlette: 1 -> 2" in done.stdout
