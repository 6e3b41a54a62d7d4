"""Pairs of windows -> a ratio with its interval. Pure: values in, values out.

A pair of windows, taken side by side on one core, gives one log-ratio of CPU time per request. Measured of one round of
the servers are not independent (memory layout and hash seed stay with a process), so the bootstrap has two stages: it
resamples rounds, and inside them windows (Davison and Hinkley, Bootstrap Methods and their Application, 1997,
section 3.8). With the few rounds of a run its percentiles are too narrow; the interval is therefore

    mean +- t(k - 1) x sqrt(k / (k - 1)) x standard error of the bootstrap,       k = rounds

that is, Student's t with the bootstrap's standard error, freed of its narrowness bias (Hesterberg, What Teachers Should
Know About the Bootstrap, The American Statistician 69(4), 2015, sections 3 and 4).
"""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

RESAMPLES = 4000
SEED = 20260101  # the same record gives the same interval


class Estimate(msgspec.Struct, frozen=True):
    """The mean of a log-ratio, its standard error, and what stands behind it."""

    mean: float
    error: float | None
    """Standard error, or None with fewer than two rounds."""
    rounds: int
    windows: int
    freedom: float | None = None
    """Degrees of freedom of the error; None: one fewer than there are rounds."""

    @property
    def degrees(self) -> float:
        """Degrees of freedom for Student's t."""
        return self.rounds - 1 if self.freedom is None else self.freedom

    def interval(self, alpha: float = 0.05) -> tuple[float, float] | None:
        """The log-ratio's interval at level 1 - alpha, or None where there is too little for one."""
        if self.error is None:
            return None
        from scipy import special  # not above: it takes longer to load than most commands to run

        margin = float(special.stdtrit(self.degrees, 1 - alpha / 2)) * self.error
        return self.mean - margin, self.mean + margin


def estimate(ratios: Mapping[int, Sequence[float]]) -> Estimate | None:
    """Estimate the mean of log-ratios, given by round; None where there are none.

    Every round weighs the same, however many of its windows count.
    """
    groups = [list(group) for group in ratios.values() if group]
    count = len(groups)
    if not count:
        return None
    mean = float(np.mean([np.mean(group) for group in groups]))
    error = None if count < 2 else _bootstrap_error(groups) * math.sqrt(count / (count - 1))
    return Estimate(mean, error, count, sum(map(len, groups)))


def _bootstrap_error(groups: list[list[float]]) -> float:
    """The standard deviation of the mean of round means, over two-stage resamples."""
    chance = np.random.default_rng(SEED)
    sizes = np.array([len(group) for group in groups])
    longest = int(sizes.max())
    values = np.array([group + [0.0] * (longest - len(group)) for group in groups])
    rounds = chance.integers(len(groups), size=(RESAMPLES, len(groups)))
    if longest == 1:  # as in a pair: there is nothing to resample inside a round
        return float(values[rounds, 0].mean(axis=1).std())
    size = sizes[rounds][..., None]
    windows = (chance.random((*rounds.shape, longest)) * size).astype(int)
    inside = np.arange(longest) < size
    means = np.where(inside, values[rounds[..., None], windows], 0.0).sum(axis=2) / size[..., 0]
    return float(means.mean(axis=1).std())


def decay(log_ratio: float) -> float:
    """The decay in percent of a log-ratio ln(rps(layer) / rps(on))."""
    return -100 * math.expm1(log_ratio)
