"""The fit of solo windows and pairs, on a simulated machine with a neighbour: what is true is known there."""

from functools import cache
from math import exp, log

import numpy as np
import pytest

from bench.data.record import Bench, Row
from bench.report.decay_table import decay_document
from bench.stats.comparison import climbs
from bench.stats.decay import figures, figures_of, mixture, ratio
from bench.stats.estimate import decay
from bench.stats.undisturbed import Undisturbed, disagreement, same_program, undisturbed
from tests.stats.neighbours import COSTS, ON, run

RUNS = 45
TRUTH = {name: log(COSTS[on] / COSTS[name]) for name, on in ON.items()}


def fitted(record: Bench) -> Undisturbed:
    found = undisturbed(record)
    assert found
    return found


@cache
def runs() -> list[tuple[Bench, Undisturbed]]:
    records = [run(seed) for seed in range(RUNS)]
    return [(record, fitted(record)) for record in records]


def pair_errors(record: Bench, fit: Undisturbed | None) -> list[tuple[float, bool]]:
    """For each decay: how far off it is, in points, and whether its interval holds the truth; without a fit, of the
    mixture.
    """
    found = []
    for row in record.layers[1:]:
        step = fit.ratio(row.name, row.on or "") if fit else mixture(record, row)
        assert step
        interval = step.interval()
        assert interval
        truth = TRUTH[row.name]
        found.append((decay(step.mean) - decay(truth), interval[0] <= truth <= interval[1]))
    return found


def test_the_interval_holds_the_undisturbed_decay_and_that_of_the_mixture_does_not() -> None:
    new = [each for record, fit in runs() for each in pair_errors(record, fit)]
    old = [each for record, _ in runs() for each in pair_errors(record, None)]
    assert 0.92 <= np.mean([held for _, held in new]) <= 0.985
    assert np.mean([held for _, held in old]) < 0.8
    assert abs(np.mean([off for off, _ in new])) < 0.1


def test_what_the_sensor_does_not_see_widens_the_interval() -> None:
    """Wrk needs more CPU time per request as well, and tells."""
    told, untold = [], []
    for seed in range(25):
        record = run(seed, strain=0.25)
        told += pair_errors(record, fitted(record))
        for window in record.windows:
            window.client_cpu_ns = None
        untold += pair_errors(record, fitted(record))
    assert np.mean([held for _, held in told]) >= 0.9
    assert np.mean([held for _, held in untold]) < 0.85


def test_its_variance_is_less_than_half_of_the_mixtures() -> None:
    """Over runs, on the same windows, for the layers that suffer differently from the one below."""
    new, old = (
        np.array([[off for off, _ in pair_errors(record, fit if with_it else None)] for record, fit in runs()]).var(
            axis=0
        )
        for with_it in (True, False)
    )
    names = [*ON]
    for name in ("middle", "high", "top"):
        assert new[names.index(name)] < old[names.index(name)] / 2, name
    assert new.sum() < old.sum() / 4


def test_the_level_is_that_of_a_core_of_its_own() -> None:
    """Side by side both cost a tenth more; the level is not theirs."""
    off, held = [], []
    for record, fit in runs():
        for row in figures_of(record, fit):
            assert row.cpu_us
            assert row.cpu_low
            assert row.cpu_high
            off.append(log(row.cpu_us / COSTS[row.layer]))
            held.append(row.cpu_low <= COSTS[row.layer] <= row.cpu_high)
    assert abs(np.mean(off)) < 0.005
    assert 0.92 <= np.mean(held) <= 0.99


def test_figures_agree_with_each_other() -> None:
    rows = {row.layer: row for row in figures_of(*runs()[0])}
    for name, on in ON.items():
        row, below = rows[name], rows[on]
        assert row.cpu_us
        assert below.cpu_us
        assert row.decay == pytest.approx(100 * (1 - below.cpu_us / row.cpu_us))
        assert row.added_us == pytest.approx(row.cpu_us - below.cpu_us)
        assert row.rps_per_core == pytest.approx(1e6 / row.cpu_us)
        assert row.added_us is not None
        assert row.added_low is not None
        assert row.added_high is not None
        assert row.added_low < row.added_us < row.added_high
        assert row.disturbed is not None


def test_without_neighbours_decays_are_todays() -> None:
    for seed in range(10):
        record = run(seed, busy=0.0)
        fit = fitted(record)
        assert fit.states.slow is None
        for row in record.layers[1:]:
            new, old = ratio(record, row), mixture(record, row)
            assert new
            assert old
            assert abs(decay(new.mean) - decay(old.mean)) < 0.6


def test_little_undisturbed_time_widens_the_interval_and_is_said() -> None:
    margins = {}
    for busy in (0.5, 0.95):
        found = [row.margin for seed in range(8) for row in figures(run(seed, busy=busy)) if row.margin]
        margins[busy] = float(np.mean(found))
    assert margins[0.95] > 1.5 * margins[0.5], margins
    some, little = (run(3, busy=busy) for busy in (0.5, 0.97))
    assert "% disturbed, so extrapolated; margins" in decay_document(little).render("text")
    assert "% disturbed; margins" in decay_document(some).render("text")
    scarce = "Hardly any window was undisturbed"
    assert scarce in decay_document(little, wide=True).render("text", wide=True)
    assert scarce not in decay_document(some, wide=True).render("text", wide=True)


def test_solo_windows_and_pairs_that_disagree_are_named() -> None:
    record = run(5, rounds=8)
    for window in record.windows:
        if window.layer == "top" and window.pair and window.server_cpu_ns:
            window.server_cpu_ns = round(1.2 * window.server_cpu_ns)
    found = disagreement(fitted(record), record.row("top"))
    assert found
    assert not found.low <= 0 <= found.high
    assert decay(found.pairs.mean) - decay(found.solo.mean) == pytest.approx(100 * 52 / 138.8 * (1 - 1 / 1.2), abs=3)
    assert "top*" in (text := decay_document(record).render("text"))
    assert "* solo windows and pairs disagree" in text
    assert "top: solo windows say" in decay_document(record, wide=True).render("markdown", wide=True)
    false_alarms = 0
    for record, fit in runs()[:15]:
        for row in record.layers[1:]:
            said = disagreement(fit, row)
            assert said
            false_alarms += not said.low <= 0 <= said.high
    assert false_alarms <= 0.1 * 4 * 15


def test_a_record_without_a_sensor_is_a_mixture() -> None:
    record = run(1)
    record.takes = []
    assert undisturbed(record) is None
    for row in record.layers[1:]:
        assert ratio(record, row) == mixture(record, row)
    assert "mixture: no sensor" in decay_document(record).render("text")
    assert figures(record)[1].cpu_low is None


def test_a_climb_is_the_sum_of_its_steps() -> None:
    record = run(2)
    found = climbs(record)
    rows = {row.layer: row for row in figures(record)}
    for name, climb in found.items():
        cost, lowest = rows[name].cpu_us, rows["low"].cpu_us
        assert cost
        assert lowest
        assert exp(-climb.mean) == pytest.approx(cost / lowest)


def test_one_round_has_no_interval() -> None:
    record = run(1, rounds=1)
    row = figures(record)[1]
    assert row.decay
    assert row.decay_low is None
    assert row.cpu_us
    assert row.cpu_low is None


def test_copies_of_one_program_suffer_alike() -> None:
    plain = Row(name="a", command=["env", "TURNS=0", "python", "-m", "uvicorn"])
    slowed = Row(name="b", command=["env", "TURNS=9", "python", "-m", "uvicorn"])
    other = Row(name="c", command=["python", "-m", "granian"])
    assert same_program([plain, slowed])
    assert not same_program([plain, other])
    assert not same_program([Row(name="a"), Row(name="b")]), "nobody knows"
    assert not same_program([plain])


def test_a_core_that_others_shared_tells_a_level_and_one_that_idled_does_not() -> None:
    """Where a server had half of its core, either the client was the limit, or some other process had the rest."""
    record = run(1)
    for window in record.windows:
        if window.pair is None and window.server_cpu_ns:
            window.duration_us *= 2
            window.client_cpu_ns = window.duration_us * 300
    shared = figures(record)[1]
    assert shared.cpu_low is not None
    for window in record.windows:
        window.client_cpu_ns = window.duration_us * 990
    idled = figures(record)[1]
    assert idled.cpu_low is None
    assert idled.decay == pytest.approx(shared.decay, abs=2)
    assert "* CPU µs from pairs only" in decay_document(record).render("text")
