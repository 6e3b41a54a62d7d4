"""Pairs of real servers: an injected slow-down is found, and every exit code comes."""

import json
import re
import signal
import time
from pathlib import Path

import pytest

from asgi_anatomy.documents.store import read_record
from asgi_anatomy.machine.cores import lane
from asgi_anatomy.pair.text import COLUMNS, sentence
from asgi_anatomy.suite.contract import Contract, read_contract
from asgi_anatomy.suite.layers import Layer
from asgi_anatomy.turns.decay import figures
from asgi_anatomy.turns.estimate import ROUNDS, Estimate
from asgi_anatomy.turns.plan import Plan, two
from asgi_anatomy.turns.record import Load, Pair
from asgi_anatomy.turns.run import Run
from asgi_anatomy.turns.verdict import LEVEL, Outcome
from tests.conftest import CATALOGUE, Bench, Quiet, spawn


@pytest.fixture
def slowed(tmp_path: Path) -> Path:
    """A layers.toml in which `slowed` is `plain` with much more work, and `broken` does not start."""
    asgi = CATALOGUE.asgi.replace("{app}", "asgi_anatomy.pair.injected_app:app")
    path = tmp_path / "layers.toml"
    path.write_text(
        f'[layers.plain]\nadds = ""\ndiffers = {{ long-head = 200 }}\ncommand = "env ITERATIONS=0 {asgi}"\n'
        f'[layers.slowed]\nadds = ""\ndiffers = {{ long-head = 200 }}\ncommand = "env ITERATIONS=1200 {asgi}"\n'
        '[layers.broken]\nadds = ""\ncommand = "false"\n'
        '[ladders.default]\nadds = ""\nlayers = ["plain", "slowed"]\n'
    )
    return path


@pytest.mark.all  # on a busy machine a minute may not be enough
@pytest.mark.parametrize(
    ("a", "b", "verdict", "code"), [("plain", "slowed", "slower", 3), ("slowed", "plain", "faster", 0)]
)
def test_an_injected_slow_down_is_found_within_a_minute(
    bench: Bench, slowed: Path, tmp_path: Path, a: str, b: str, verdict: str, code: int
) -> None:
    begin = time.monotonic()
    results = tmp_path / "results"
    options = ("--a", a, "--b", b, "--budget", 60, "--format", "json", "--results", results)
    done = bench("--catalogue", slowed, "pair", *options)
    assert done.returncode == code, done.stdout + done.stderr
    assert time.monotonic() - begin < 66
    found = json.loads(done.stdout)
    assert found["verdict"] == verdict
    assert found["ratio_low"] < found["ratio"] < found["ratio_high"]
    assert (found["decay"] > 10) == (verdict == "slower")
    assert found["rounds"] >= ROUNDS


def test_a_pair_says_its_verdict_in_its_exit_code(bench: Bench, slowed: Path, tmp_path: Path) -> None:
    """Whatever the machine lets it decide in so short a time, one record holds, and one row says."""
    results = tmp_path / "results"
    options = ("--a", "plain", "--b", "slowed", "--budget", 12, "--format", "json", "--results", results)
    done = bench("--catalogue", slowed, "pair", *options)
    found = json.loads(done.stdout)
    assert done.returncode == {"slower": 3, "unclear": 4}[found["verdict"]], done.stdout + done.stderr
    assert tuple(found) == tuple(key for column in COLUMNS for key in column.keys.split())
    assert found["seconds"] <= 13
    (path,) = results.glob("*-pair.json")
    record = read_record(path, Pair)
    assert found["rounds"] <= len(record.rounds), "without those in which the core was slow throughout"
    assert not record.windows


def test_correctness_does_not_make_the_asyncio_layer_slow(contract: Contract) -> None:
    """It frames properly what the published handler takes as it comes, and serves about as much by turns."""
    published = Layer(name="published", adds="", command="{python} -m tests.published_handler {port}")
    selection = two(published, CATALOGUE.layers["asyncio"], contract)
    plan = Plan(selection, Load(), lane(), budget=10)
    record = Pair(load=plan.load, layers=selection.rows())
    run = Run(plan, record, Quiet())
    run.rounds = 1  # it is not held to the whole contract, which the published one breaks
    run.round(selection.layers, 2.0)
    costs = {row.layer: row.cpu_us or 0 for row in figures(record)}
    assert costs["published"] / costs["asyncio"] > 0.85


@pytest.mark.all  # it needs five rounds with undisturbed turns
def test_a_layer_against_itself(bench: Bench, tmp_path: Path) -> None:
    done = bench(
        "pair",
        "--a",
        "asyncio",
        "--b",
        "asyncio",
        "--budget",
        16,
        "--results",
        tmp_path,
        "--threshold",
        50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert said.startswith("same: asyncio-again serves as many requests per CPU-second as asyncio, within 50% (")
    assert "Pocock" in said


def test_too_little_time(bench: Bench, tmp_path: Path) -> None:
    done = bench("pair", "--a", "uvicorn", "--b", "uvicorn", "--budget", 4, "--results", tmp_path)
    assert done.returncode == 4
    assert "unclear" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("--a", "plain", "--b", "broken", "--budget", "2"), 1, "broken did not start (exit code 1)"),
        (("--a", "plain", "--b", "nothing"), 2, "unknown layer 'nothing'"),
        (("--a", "plain"), 2, "a pair needs two layers: set A= and B="),
        (("--a", "plain", "--b", "slowed", "--budget", "0"), 2, "BUDGET (--budget): "),
    ],
)
def test_faults(
    bench: Bench, quick_bench: Bench, slowed: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, error: str
) -> None:
    run = bench if code == 1 else quick_bench
    done = run("--catalogue", slowed, "pair", *arguments, "--results", tmp_path / "results")
    assert done.returncode == code
    assert error in done.stderr
    assert "Traceback" not in done.stderr


def test_a_signal_keeps_what_was_measured(tmp_path: Path) -> None:
    command = ["pair", "--a", "asyncio", "--b", "uvicorn", "--results", str(tmp_path / "results")]
    run = spawn(tmp_path, *command)
    assert run.stderr
    for line in run.stderr:
        if "round 2: starting" in line:
            break
    run.send_signal(signal.SIGTERM)
    out, err = run.communicate(timeout=20)
    assert run.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in err
    assert "uvicorn" in out
    (path,) = (tmp_path / "results").glob("*-pair.json")
    record = read_record(path, Pair)
    assert (len(record.rounds), record.stopped) == (1, "stopped by SIGTERM")
    assert {turn.layer for made in record.rounds for turn in made.turns} == {"asyncio", "uvicorn"}


def test_a_layer_against_itself_gets_a_second_name() -> None:
    plain = CATALOGUE.layers["starlette"]
    contract = read_contract()
    assert [layer.name for layer in two(plain, plain, contract).layers] == ["starlette", "starlette-again"]
    assert two(plain, CATALOGUE.layers["uvicorn"], contract).layers[1].on == "starlette"


def test_unclear_says_how_long_would_do() -> None:
    found = Estimate(-0.008, 0.004, 20)
    said = sentence(Outcome("a", "b", found, "unclear", 90.0, 1.0, LEVEL))
    assert re.search(r"about \d+ s should be enough: try BUDGET=\d+", said), said


@pytest.mark.all
def test_a_size_of_slow_down(bench: Bench, tmp_path: Path) -> None:
    options = ("--sizes", "25", "--runs", 1, "--budget", 15, "--results", tmp_path)
    done = bench("sensitivity", *options, "--format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["runs"] == 1
    assert row["injected"] == pytest.approx(20, abs=0.5)
    assert row["decay"] == pytest.approx(row["injected"], abs=15)
    assert len([*tmp_path.glob("*-sensitivity.json")]) == 1


def test_sizes_must_be_numbers(quick_bench: Bench) -> None:
    done = quick_bench("sensitivity", "--sizes", "a lot")
    assert done.returncode == 2
    assert "SIZES must be numbers" in done.stderr
