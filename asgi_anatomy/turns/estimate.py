"""Values by round -> a mean with its interval. Pure: values in, values out.

What one round of servers gives is one value: instances differ for as long as they live (memory layout, hash seed), so
the turns inside a round are not independent. The interval is Student's, from the scatter of rounds; where a figure is
more than a mean (a line is fitted, costs are subtracted) the scatter is that of the jackknife's replicates, each of
which leaves one round out (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11). For a mean both
are the same.
"""

import math
from collections.abc import Callable, Mapping
from statistics import fmean

import msgspec

ROUNDS = 5
"""With fewer rounds there is no interval."""


class Estimate(msgspec.Struct, frozen=True):
    """A figure, mostly a log-ratio, with its standard error."""

    mean: float
    error: float | None
    """Standard error, or None with fewer than ROUNDS rounds."""
    rounds: int
    freedom: float | None = None
    """Degrees of freedom of the error; None: one fewer than there are rounds."""

    @property
    def degrees(self) -> float:
        """Degrees of freedom for Student's t."""
        return self.rounds - 1 if self.freedom is None else self.freedom

    def interval(self, alpha: float = 0.05) -> tuple[float, float] | None:
        """The interval at level 1 - alpha, or None with too few rounds."""
        if self.error is None:
            return None
        from scipy import special  # not above: it takes longer to load than most commands to run

        margin = float(special.stdtrit(self.degrees, 1 - alpha / 2)) * self.error
        return self.mean - margin, self.mean + margin


class Sample(msgspec.Struct, frozen=True):
    """A figure from all rounds, and from all but one, by the round that is left out."""

    value: float
    without: Mapping[int, float]

    @property
    def estimate(self) -> Estimate:
        """The figure with its error."""
        count = len(self.without)
        if count < ROUNDS:
            return Estimate(self.value, None, count)
        middle = fmean(self.without.values())
        spread = sum((value - middle) ** 2 for value in self.without.values())
        return Estimate(self.value, math.sqrt(spread * (count - 1) / count), count)


def mean_of(values: Mapping[int, float], weights: Mapping[int, float] | None = None) -> Sample | None:
    """The mean of values by round, by default all of one weight; None where there are none."""
    if not values:
        return None
    weights = weights or dict.fromkeys(values, 1.0)
    total, weight = sum(weights[number] * value for number, value in values.items()), sum(weights.values())
    if len(values) == 1:
        return Sample(total / weight, {**values})
    without = {key: (total - weights[key] * value) / (weight - weights[key]) for key, value in values.items()}
    return Sample(total / weight, without)


def combine(function: Callable[..., float], *samples: Sample) -> Sample:
    """A function of several figures, from the rounds that all of them have."""
    shared = [number for number in samples[0].without if all(number in sample.without for sample in samples)]
    without = {number: function(*(sample.without[number] for sample in samples)) for number in shared}
    return Sample(function(*(sample.value for sample in samples)), without)


def decay(log_ratio: float) -> float:
    """The decay in percent of a log-ratio ln(rps(layer) / rps(on))."""
    return -100 * math.expm1(log_ratio)
