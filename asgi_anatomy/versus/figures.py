"""A record of two versions -> what changed in each layer, in counts and in time, and what that means."""

import math

import msgspec

from asgi_anatomy.counts.changes import (
    SCATTER,
    Change,
    Changes,
    FunctionChange,
    compare_counts,
    noise_floor,
    verdict_of,
)
from asgi_anatomy.counts.figures import UNSURE, spread
from asgi_anatomy.turns.decay import figures
from asgi_anatomy.turns.record import Verdict
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
    changes: Changes | None
    by_counts: Verdict | None
    by_time: Verdict | None
    time: Outcome | None

    @property
    def verdict(self) -> Verdict:
        """That of the counts, or without them of time."""
        return self.by_counts or self.by_time or "unclear"

    @property
    def decisive(self) -> Metric | None:
        """The metric that decides."""
        return next((self.metrics[name] for name in (*DECISIVE, CPU) if name in self.metrics), None)

    @property
    def functions(self) -> list[FunctionChange]:
        """Those that changed, most bytecodes first."""
        return self.changes.functions if self.changes else []

    @property
    def disagree(self) -> bool:
        """Whether counts and time contradict one another."""
        return (
            {self.by_counts, self.by_time} == {"slower", "faster"}
            or (self.by_counts in ("slower", "faster") and self.by_time == "same")
            or (self.by_counts == "same" and self.by_time in ("slower", "faster"))
        )


def floor_of(record: Versus) -> dict[str, float]:
    """By how many percent side A differs from itself, by metric; empty where it was not counted twice."""
    row = next((each for each in record.layers if each.layer == record.floor_layer), None)
    return noise_floor(row.a.counts, record.floor) if row and row.a.counts and record.floor else {}


def judge_layers(record: Versus) -> list[Judged]:
    """Every layer of a record."""
    floor = floor_of(record)
    return [_judge(row, record, floor) for row in record.layers]


def overall(judged: list[Judged]) -> Verdict:
    """Slower where it is on any layer; then unclear, faster, same."""
    found = [each.verdict for each in judged if not each.row.faults]
    order: tuple[Verdict, ...] = ("slower", "unclear", "faster")
    return next((each for each in order if each in found), "same" if found else "unclear")


def chief(judged: list[Judged]) -> Judged | None:
    """The layer that the verdict is about: of those with that verdict, the one that changed most."""
    verdict = overall(judged)
    having = [each for each in judged if each.decisive and each.verdict == verdict]
    return max(having, key=lambda each: abs((each.decisive and each.decisive.percent) or 0.0), default=None)


def _judge(row: Compared, record: Versus, floor: dict[str, float]) -> Judged:
    metrics: dict[str, Metric] = {}
    changes = None
    if row.a.counts and row.b.counts and not row.faults:
        changes = compare_counts(row.a.counts, row.b.counts)
        for name, change in changes.metrics.items():
            own = floor.get(name, 0.0)
            if name == "instructions":
                same = not changes.metrics["bytecodes"].delta if "bytecodes" in changes.metrics else False
                unsure = [each for each in map(spread, (row.a.counts, row.b.counts)) if each > UNSURE]
                own = max([own, *([SCATTER] if same else []), *unsure])
            metrics[name] = _metric(change, own, record.limit)
    time = outcome(row.pair, record.threshold) if row.pair and row.pair.rounds else None
    if time and (cpu := _cpu(time, row)):
        metrics[CPU] = cpu
    by_counts = next((metrics[name].verdict for name in DECISIVE if name in metrics), None)
    return Judged(row, metrics, changes, by_counts, time.verdict if time else None, time)


def _metric(change: Change, floor: float, limit: float) -> Metric:
    margin = floor / 100 * change.a
    return Metric(change.a, change.b, change.delta - margin, change.delta + margin, verdict_of(change, floor, limit))


def _cpu(time: Outcome, row: Compared) -> Metric | None:
    """CPU time per request of both, the second by the ratio of the pair."""
    found = time.found
    a = figures(row.pair)[0].cpu_us if row.pair else None
    if not found or not a:
        return None
    interval = found.interval(time.alpha)
    low, high = ((a * math.exp(-each) - a) for each in interval[::-1]) if interval else (None, None)
    return Metric(a, a * math.exp(-found.mean), low, high, time.verdict)
