"""A record of two versions -> what changed in each layer, in counts and in time, and what that means."""

import math

import msgspec

from asgi_anatomy.counts.changes import (
    SCATTER,
    Change,
    FunctionChange,
    compare_counts,
    noise_floor,
    verdict_of,
)
from asgi_anatomy.counts.figures import UNSURE, spread
from asgi_anatomy.turns.decay import figures
from asgi_anatomy.turns.record import Pair, Verdict
from asgi_anatomy.turns.verdict import Outcome, outcome
from asgi_anatomy.versus.record import Compared, Versus

DECISIVE = ("instructions", "bytecodes")
"""The first of these that was counted decides."""
CPU = "cpu_us"


class Metric(Change, frozen=True):
    """A quantity per request in A and B, of which less is better; `low` and `high` are the bounds of `b - a`."""

    low: float | None
    high: float | None
    verdict: Verdict


class Judged(msgspec.Struct, frozen=True):
    """One layer: its metrics, what changed, and the verdicts of counts and of time; None: there is none."""

    row: Compared
    metrics: dict[str, Metric]
    """instructions, bytecodes, calls, syscalls, and cpu_us: µs of CPU time."""
    functions: list[FunctionChange]
    """Those that changed, most bytecodes first."""
    by_counts: Verdict | None
    time: Outcome | None

    @property
    def by_time(self) -> Verdict | None:
        """The verdict of time."""
        return self.time.verdict if self.time else None

    @property
    def verdict(self) -> Verdict:
        """That of the counts, or without them of time."""
        return self.by_counts or self.by_time or "unclear"

    @property
    def decisive(self) -> Metric | None:
        """The metric that decides."""
        return next((self.metrics[name] for name in (*DECISIVE, CPU) if name in self.metrics), None)

    @property
    def disagree(self) -> bool:
        """Whether counts and time contradict one another; unclear contradicts nothing."""
        verdicts = {self.by_counts, self.by_time}
        return len(verdicts) == 2 and not verdicts & {None, "unclear"}


def floor_of(record: Versus) -> dict[str, float]:
    """By how many percent side A differs from itself, by metric; empty where it was not counted twice."""
    row = next((row for row in record.layers if row.layer == record.floor_layer), None)
    return noise_floor(row.a.counts, record.floor) if row and row.a.counts and record.floor else {}


def judge_layers(record: Versus) -> list[Judged]:
    """Every layer of a record."""
    floor = floor_of(record)
    return [_judge(row, record, floor) for row in record.layers]


def overall(judged: list[Judged]) -> Verdict:
    """Slower where it is on any layer; then unclear, faster, same."""
    verdicts = {layer.verdict for layer in judged if not layer.row.faults}
    order: tuple[Verdict, ...] = ("slower", "unclear", "faster", "same")
    return next((verdict for verdict in order if verdict in verdicts), "unclear")


def chief(judged: list[Judged]) -> Judged | None:
    """The layer that the verdict is about: of those with that verdict, the one that changed most."""
    verdict = overall(judged)
    having = [layer for layer in judged if layer.decisive and layer.verdict == verdict]
    return max(having, key=lambda layer: layer.decisive.size if layer.decisive else 0.0, default=None)


def _judge(row: Compared, record: Versus, floor: dict[str, float]) -> Judged:
    metrics: dict[str, Metric] = {}
    functions: list[FunctionChange] = []
    a, b = row.a.counts, row.b.counts
    if a and b and not row.faults:
        changes = compare_counts(a, b)
        functions = changes.functions
        if "instructions" in changes.metrics:
            same = "bytecodes" in changes.metrics and not changes.metrics["bytecodes"].delta
            unsure = [percent for percent in (spread(a), spread(b)) if percent > UNSURE]
            least = max([floor.get("instructions", 0.0), SCATTER if same else 0.0, *unsure])
            floor = {**floor, "instructions": least}
        metrics = {name: _metric(change, floor.get(name, 0.0), record) for name, change in changes.metrics.items()}
    by_counts = next((metrics[name].verdict for name in DECISIVE if name in metrics), None)
    time = outcome(row.pair, record.threshold) if row.pair and row.pair.rounds else None
    if row.pair and time and (cpu := _cpu(time, row.pair)):
        metrics[CPU] = cpu
    return Judged(row, metrics, functions, by_counts, time)


def _metric(change: Change, floor: float, record: Versus) -> Metric:
    margin, verdict = floor / 100 * change.a, verdict_of(change, floor, record.limit)
    return Metric(change.a, change.b, change.delta - margin, change.delta + margin, verdict)


def _cpu(time: Outcome, pair: Pair) -> Metric | None:
    """CPU time per request of both, the second by the ratio of the pair."""
    a = figures(pair)[0].cpu_us
    if not time.found or not a:
        return None
    interval = time.found.interval(time.alpha)
    low, high = ((a * math.exp(-bound) - a) for bound in interval[::-1]) if interval else (None, None)
    return Metric(a, a * math.exp(-time.found.mean), low, high, time.verdict)
