"""A linear model whose errors are of several kinds -> coefficients with their errors. Pure.

    y = X b + e,  cov(e) = V = sum over j of exp(2 s_j) A_j,  b ~ N(start, 1 / precision),  s_j ~ N(usual, spread^2)

s_j is the logarithm of the standard deviation of the j-th kind of error: of windows, of server instances, of rounds.
They are estimated by restricted maximum likelihood (Patterson and Thompson, Biometrika 58, 1971), with the prior, by
Fisher scoring (Searle, Casella and McCulloch, Variance Components, 1992, section 8.3); b by generalised least squares,
and its degrees of freedom by Satterthwaite's rule (Giesbrecht and Burns, Biometrics 41, 1985).
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEPS = 12
CLOSE = 1e-3
LONGEST = 0.7
"""How far a step may move a logarithm."""


class Kind(msgspec.Struct, frozen=True):
    """One kind of error: which observations share it, and what is usual for it."""

    shape: Any
    """A: a vector for a diagonal, or Z for Z Z', of (observations, groups)."""
    usual: float
    """Standard deviation."""
    spread: float
    """Standard deviation of the prior on its logarithm."""

    def root(self, values: Array) -> Array:
        """Z' values."""
        found: Array = (values.T * np.sqrt(self.shape)).T if self.shape.ndim == 1 else self.shape.T @ values
        return found

    def after(self, values: Array) -> Array:
        """Values A."""
        found: Array = values * self.shape if self.shape.ndim == 1 else (values @ self.shape) @ self.shape.T
        return found

    def square(self) -> Array:
        """A."""
        return np.diag(self.shape) if self.shape.ndim == 1 else self.shape @ self.shape.T


class Fitted(msgspec.Struct, frozen=True):
    """Coefficients, and what their errors follow from."""

    beta: Any
    covariance: Any
    logs: Any
    """The logarithm of each kind's standard deviation."""
    slopes: Any
    """Of the covariance by each of these logarithms: (kinds, coefficients, coefficients)."""
    unsure: Any
    """The covariance of these logarithms."""
    pull: Any
    """What is left of the observations, weighted: V^-1 (y - X beta)."""
    steep: Any = None
    """k of each layer, of a fit of two states (stats/undisturbed.py)."""

    def error(self, weights: Array) -> tuple[float, float]:
        """The standard error of weights @ beta, and its degrees of freedom."""
        variance = float(weights @ self.covariance @ weights)
        slope = self.slopes @ weights @ weights
        doubt = float(slope @ self.unsure @ slope)
        return variance**0.5, max(2.0, 2 * variance**2 / doubt) if doubt > 0 else 1e3


def fit(y: Array, x: Array, kinds: list[Kind], start: Array, precision: Array, logs: Array | None = None) -> Fitted:
    """Fit; `logs` are where the search begins."""
    usual = np.log([each.usual for each in kinds])
    tight = np.array([each.spread**-2.0 for each in kinds])
    logs = usual.copy() if logs is None else logs
    squares = np.array([each.square() for each in kinds])
    for _ in range(STEPS):
        sizes = 2 * np.exp(2 * logs)
        inverse = np.linalg.inv(np.tensordot(sizes / 2, squares, 1))
        weighted = inverse @ x
        covariance = np.linalg.inv(x.T @ weighted + np.diag(precision))
        beta = covariance @ (weighted.T @ y + precision * start)
        pull = inverse @ (y - x @ beta)
        rest = inverse - weighted @ covariance @ weighted.T
        moved = np.array([size * each.after(rest) for size, each in zip(sizes, kinds, strict=True)])
        pulls = sizes * [np.sum(each.root(pull) ** 2) for each in kinds]
        gradient = (pulls - np.trace(moved, axis1=1, axis2=2)) / 2 - tight * (logs - usual)
        information = np.tensordot(moved, moved, ((1, 2), (2, 1))) / 2 + np.diag(tight)
        step = np.linalg.solve(information, gradient)
        step *= min(1.0, LONGEST / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < CLOSE:
            break
        logs = logs + step
    roots = [each.root(weighted @ covariance) for each in kinds]
    slopes = np.array([size * root.T @ root for size, root in zip(sizes, roots, strict=True)])
    return Fitted(beta, covariance, logs, slopes, np.linalg.inv(information), pull)
