"""Figures on a simulated machine, calm and with two speeds: how often an interval is right, and how far off it is."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist, fmean, stdev

import pytest

from asgi_anatomy.bench.run import is_known
from asgi_anatomy.suite.contract import Contract
from asgi_anatomy.turns.decay import ratios
from asgi_anatomy.turns.estimate import ROUNDS, decay
from asgi_anatomy.turns.levels import Levels, two_speeds
from asgi_anatomy.turns.plan import Plan, Selection
from asgi_anatomy.turns.record import Bench, Round, Verdict
from asgi_anatomy.turns.verdict import LEVEL, LOOKS, judge
from tests.records import LADDER, Simulation, ladder_of, log_ratio

TRUTH = {name: log_ratio(LADDER, name, on) for on, name in pairwise(LADDER)}
MOST = 12
"""Rounds that a budget lets a run have."""
INSTANCES = [0.003, 0.006, 0.02]


def held(records: Sequence[Bench]) -> float:
    """How often the 95% intervals of decays held the truth."""
    found = [
        low <= TRUTH[name] <= high
        for record in records
        for name, each in ratios(record).items()
        for low, high in filter(None, [each.interval()])
    ]
    assert len(found) > 0.95 * len(records) * len(TRUTH)
    return fmean(found)


def stopped(machine: Simulation, contract: Contract, precision: float) -> Bench:
    """As bench does: as soon as every decay is known, or after MOST rounds."""
    plan = Plan(Selection([], {}, contract), precision=precision)
    rounds: list[Round] = []
    while len(rounds) < MOST:
        rounds.append(machine.round())
        if len(rounds) >= ROUNDS and is_known(plan, ladder_of(LADDER, rounds)):
            break
    return ladder_of(LADDER, rounds)


@pytest.mark.parametrize("two", [False, True], ids=["calm", "two-speeds"])
@pytest.mark.parametrize(
    "instances", [pytest.param(each, marks=[pytest.mark.all] * (each != 0.006)) for each in INSTANCES]
)
def test_an_interval_holds_the_truth_95_times_in_100(instances: float, two: bool) -> None:
    records = [Simulation(seed, instances=instances, two_speeds=two).record(10) for seed in range(300)]
    assert 0.93 <= held(records) <= 0.97


@pytest.mark.parametrize(
    ("precision", "instances", "noise", "two"),
    [
        (0.5, 0.006, 0.01, False),
        pytest.param(0.8, 0.006, 0.02, True, marks=pytest.mark.all),
        pytest.param(0.5, 0.003, 0.01, True, marks=pytest.mark.all),
        pytest.param(1.5, 0.02, 0.03, False, marks=pytest.mark.all),
    ],
)
def test_stopping_at_a_narrow_one_does_little_harm(
    contract: Contract, precision: float, instances: float, noise: float, two: bool
) -> None:
    records = [
        stopped(Simulation(seed, instances=instances, noise=noise, two_speeds=two), contract, precision)
        for seed in range(300)
    ]
    lengths = [len(record.rounds) for record in records]
    assert min(lengths) < MOST
    assert stdev(lengths) > 0.5, "they stop when it happens to be narrow"
    assert 0.93 <= held(records) <= 0.97


@pytest.mark.parametrize("noise", [0.01, pytest.param(0.03, marks=pytest.mark.all)])
def test_a_core_with_two_speeds_is_read_at_the_fast_one(noise: float) -> None:
    """Some layers lose 45% on the slow one, others 55%: over both speeds decays would be off."""
    records = [Simulation(seed, noise=noise, two_speeds=True).record(10) for seed in range(150)]
    found = [Levels(record).speeds for record in records]
    assert all(found), "the two are told apart in every run"
    assert fmean(each.slow for each in found if each) == pytest.approx(0.55, abs=0.05)
    assert fmean(each.times for each in found if each) == pytest.approx(1.5, abs=0.05)
    for name, truth in TRUTH.items():
        off = fmean(decay(ratios(record)[name].mean) - decay(truth) for record in records)
        assert abs(off) < 0.3, name


def test_a_calm_core_has_one_speed() -> None:
    for seed in range(50):
        made = Simulation(seed, noise=0.03).record(10)
        found = Levels(made)
        assert found.speeds is None
        assert len(found.used) == len(found.costs) == 10 * 8 * len(LADDER)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], None),
        ([0.0], None),
        ([0.0, 1.0] * 10, (0.0, 2.71828, 0.5)),
        ([0.0] * 99 + [1.0], None),  # too few to be a speed
        ([NormalDist(0, 0.3).inv_cdf((place + 0.5) / 100) for place in range(100)], None),  # two halves of one
        ([0.0, 0.1] * 10, None),  # closer than speeds are
    ],
)
def test_two_speeds(values: list[float], told: tuple[float, float, float] | None) -> None:
    found = two_speeds(values)
    assert (found and (found.fast, found.times, found.slow)) == (told and pytest.approx(told))


def verdict_of(machine: Simulation, rounds: int = 20) -> Verdict:
    """As pair does: at each of its looks, until it is clear."""
    made: list[Round] = []
    verdict: Verdict = "unclear"
    for look in range(1, LOOKS + 1):
        made += [machine.round(10) for _ in range(rounds * look // LOOKS - len(made))]
        verdict = judge(ratios(ladder_of(machine.costs, made)).get("b"), LEVEL, 1.0)
        if verdict != "unclear":
            break
    return verdict


@pytest.mark.parametrize("two", [False, pytest.param(True, marks=pytest.mark.all)], ids=["calm", "two-speeds"])
def test_a_pair_of_the_same_program_raises_few_alarms(two: bool) -> None:
    said = [verdict_of(Simulation(seed, {"a": 30.0, "b": 30.0}, two_speeds=two)) for seed in range(400)]
    assert sum(each in ("slower", "faster") for each in said) <= 0.06 * len(said)
    assert two or said.count("same") > 0.5 * len(said)


@pytest.mark.parametrize("two", [False, pytest.param(True, marks=pytest.mark.all)], ids=["calm", "two-speeds"])
def test_a_pair_finds_a_slow_down_of_3_percent(two: bool) -> None:
    said = [verdict_of(Simulation(seed, {"a": 30.0, "b": 30.9}, two_speeds=two)) for seed in range(60)]
    assert said.count("slower") > 0.95 * len(said)
    assert "faster" not in said
