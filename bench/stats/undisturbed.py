"""A record with a sensor -> what each layer costs on a core that is its own and undisturbed: one fit for all windows.

A layer that has its core to itself needs exp(a) microseconds per request; where a neighbour takes the share `lost` of
the core's speed (as the sensor sees it; stats/states.py), the layer loses k x lost of its own, with k about 1 and
different for each layer. So, for the logarithm of the CPU time per request of

    a solo window of a layer      y = a            + g(lost, k)
    a pair, upper less lower      y = a(u) - a(l)  + g(lost, k(u)) - g(lost, k(l))
    a pair, mean of the two       y = m(pair)      + (g(lost, k(u)) + g(lost, k(l))) / 2

with g(lost, k) = -ln(1 - k x lost), which is exact for a core that changes between two speeds while CPU time is
counted. All a are read at lost = 0. m is free: side by side both cost some 10% more, which cancels in their difference.
The k are similar: they scatter around a common mean, by as much as the windows of this run say and what is usual.

Errors are of several kinds: of each window (per pair; larger in a window in which the state changes, since the two take
turns, and in one that was strained, see stats/observations.py), of each instance of a server for as long as it lives,
and of whatever else moves the machine from round to round. Their sizes are estimated together (stats/mixed.py),
starting from what is usual. Without a slow state, k drops out.
"""

from collections.abc import Iterable

import msgspec
import numpy as np

from bench.data.record import Pair, Row, Measured
from bench.stats.disturbance import how_slow
from bench.stats.estimate import Estimate
from bench.stats.mixed import Array, Fitted, Kind, fit
from bench.stats.observations import Seen, observations
from bench.stats.states import Slowness, States

USUAL, UNSURE = 0.95, 0.3
"""The mean of k, and how well it is known before anything is measured."""
STEEPEST = 0.9  # k x lost, so that a logarithm stays one
PASSES = 4  # fits, each with g taken at the k of the one before
SOLO, PAIR, MEAN = (0.03, 0.7), (0.025, 0.5), (0.04, 0.7)
TURNS, INSTANCE, ROUND = (0.02, 0.7), (0.005, 0.5), (0.01, 1.0)
STRAINED, STRAINED_LEVEL = (0.15, 0.7), (0.4, 0.7)
"""The same of an error that is proportional to the strain of a window: of pairs, and of levels."""
RUN = 0.12
"""The error that all windows of a pair share, as a part of their mean strain. A single run cannot tell how large it is:
this is what runs of one ladder within an hour differed by (docs/METHOD.md)."""
UNLIKE = 0.3
"""From this ln(CPU / CPU(on)) on, two programs have all of that error; copies of one share every strain: none."""
SIMILAR = (0.1, 0.7)
"""For each kind of error, of ln(CPU): what is usual, and how far the logarithm of that may be off; SIMILAR: of k."""
ALIKE = (0.03, 1.0)
"""The same of k for `make pair`, which mostly compares two of a kind; unlike ones soon show it."""
SAME = 0.003
"""The same of k for copies of one program, as in an A/A test and where a slow-down was injected."""


class Disagreement(msgspec.Struct, frozen=True):
    """A decay that solo windows alone give, against that of the pairs alone: both ln(rps(layer) / rps(on))."""

    layer: str
    solo: Estimate
    pairs: Estimate
    low: float
    """The interval of solo less pairs."""
    high: float


class Undisturbed(msgspec.Struct, frozen=True):
    """The fit of a record."""

    states: States
    slowness: dict[int, Slowness]
    """By take."""
    names: list[str]
    """The layers that have a level here; they are the first of the coefficients."""
    fitted: Fitted
    seen: list[Seen]
    levelled: set[str]
    """Layers whose own level is known: they have solo windows, or pairs lead to one that has."""

    def level(self, name: str) -> Estimate | None:
        """ln(CPU microseconds per request) of a layer that has its core alone, undisturbed."""
        if name not in self.levelled:
            return None
        solo = sum(each.kind == "solo" for each in self.seen)
        return self._estimate({name: 1.0}, {each.round for each in self.seen}, solo)

    def ratio(self, name: str, on: str) -> Estimate | None:
        """ln(rps(layer) / rps(on)) of two layers, each with the core alone, undisturbed."""
        if name not in self.names or on not in self.names:
            return None
        own = [each for each in self.seen if each.kind == "pair" and each.pair == name]
        found = self._estimate({on: 1.0, name: -1.0}, {each.round for each in own}, len(own))
        if found.error is None or not own:
            return found
        shared = RUN * float(np.mean([each.strain for each in own])) * min(1.0, abs(found.mean) / UNLIKE)
        return msgspec.structs.replace(found, error=float(np.hypot(found.error, shared)))

    def added(self, name: str, on: str) -> Estimate | None:
        """CPU microseconds per request that a layer adds, by the delta method."""
        upper, lower = self.level(name), self.level(on)
        if not upper or not lower:
            return None
        costs = {name: float(np.exp(upper.mean)), on: -float(np.exp(lower.mean))}
        found = self._estimate(costs, range(upper.rounds), upper.windows + lower.windows)
        return msgspec.structs.replace(found, mean=sum(costs.values()))

    def _estimate(self, weights: dict[str, float], rounds: Iterable[int], windows: int) -> Estimate:
        wanted = np.zeros(len(self.fitted.beta))
        for name, weight in weights.items():
            wanted[self.names.index(name)] = weight
        error, freedom = self.fitted.error(wanted)
        count = len({*rounds})
        return Estimate(float(wanted @ self.fitted.beta), error if count > 1 else None, count, windows, freedom)


def undisturbed(record: Measured) -> Undisturbed | None:
    """Fit a record; None where it has no sensor's readings, or no window to go with them."""
    found, slow = how_slow(record)
    if not found:
        return None
    seen = observations(record, slow)
    if not seen:
        return None
    names = [row.name for row in record.layers if any(row.name == name for each in seen for name, _ in each.parts)]
    similar = ALIKE if isinstance(record, Pair) else SIMILAR
    if same_program([row for row in record.layers if row.name in names]):
        similar = (SAME, 0.1)
    fitted = fit_all(seen, names, found.slow is not None, similar)
    return Undisturbed(found, slow, names, fitted, seen, _levelled(seen))


def same_program(rows: list[Row]) -> bool:
    """Whether all of these run the same command, but for variables in its environment."""
    commands = {tuple(word for word in row.command if "=" not in word) for row in rows}
    return len(rows) > 1 and len(commands) == 1 and all(commands)


def fit_all(
    seen: list[Seen],
    names: list[str],
    two: bool,
    similar: tuple[float, float] = SIMILAR,
    apart: str = "",
    logs: Array | None = None,
) -> Fitted:
    """The fit itself. Coefficients: a of each layer, m of each pair, and with two states the mean k.

    With `apart`, one more: by how much that layer's pairs lie above what its solo windows say. The search for the sizes
    of errors begins at `logs`, such as those of a fit of the same observations.
    """
    pairs = sorted({each.pair for each in seen if each.pair})
    first, slope = len(names), len(names) + len(pairs)
    width = slope + two
    x = np.zeros((len(seen), width + bool(apart)))
    y = np.array([each.y for each in seen])
    lost = np.array([each.lost for each in seen])
    mixing = np.zeros((len(seen), len(names)))
    for place, each in enumerate(seen):
        for name, weight in each.parts:
            mixing[place, names.index(name)] = weight
        if each.kind == "mean":
            x[place, first + pairs.index(each.pair)] = 1
        else:
            x[place, :first] = mixing[place]
        if apart and each.pair == apart and each.kind == "pair":
            x[place, -1] = 1
    start, precision = np.zeros(x.shape[1]), np.full(x.shape[1], 1e-2)
    start[:slope] = y.mean()
    if two:
        start[slope], precision[slope] = USUAL, UNSURE**-2
    usual = _kinds(seen, mixing)
    own = np.full(len(names), USUAL)
    for _ in range(PASSES if two else 1):
        target, kinds = y, usual
        if two:
            steep = np.minimum(np.outer(lost, own), STEEPEST)
            gain = mixing * lost[:, None] / (1 - steep)
            x[:, slope] = gain.sum(axis=1)
            target = y - (-mixing * np.log1p(-steep) - gain * own).sum(axis=1)
            kinds = [*usual, Kind(gain, *similar)]
        found = fit(target, x, kinds, start, precision, logs)
        logs = found.logs
        if two:
            apart_by = np.exp(2 * logs[-1]) * (gain.T @ found.pull)
            own = np.clip(found.beta[slope] + apart_by, 0, 1.6)
            found = msgspec.structs.replace(found, steep=own)
    return found


def _kinds(seen: list[Seen], mixing: Array) -> list[Kind]:
    """The kinds of errors that these observations have."""

    def those(kind: str, pair: str | None = None) -> Array:
        return np.array([float(each.kind == kind and pair in (None, each.pair)) for each in seen])

    rounds = sorted({each.round for each in seen})
    alive = np.array([[float(each.round == round_) for round_ in rounds] for each in seen])
    changing = np.array([4 * each.share * (1 - each.share) for each in seen])
    instances = (mixing[:, :, None] * alive[:, None, :]).reshape(len(seen), -1)
    kinds = [Kind(those("solo"), *SOLO), Kind(those("mean"), *MEAN)]
    kinds += [Kind(those("pair", pair), *PAIR) for pair in sorted({each.pair for each in seen if each.pair})]
    strain = np.array([each.strain for each in seen])
    kinds += [Kind(those("pair") * changing, *TURNS), Kind(those("pair") * strain**2, *STRAINED)]
    kinds.append(Kind((1 - those("pair")) * strain**2, *STRAINED_LEVEL))
    kinds.append(Kind(instances, *INSTANCE))
    kinds.append(Kind(alive * (1 - those("pair"))[:, None], *ROUND))
    return [each for each in kinds if each.shape.any()]


def _levelled(seen: list[Seen]) -> set[str]:
    found = {name for each in seen if each.kind == "solo" for name, _ in each.parts}
    for _ in seen:
        grown = found.union(*({name for name, _ in each.parts} for each in seen if found & {*dict(each.parts)}))
        if grown == found:
            break
        found = grown
    return found


def disagreement(fit_: Undisturbed, row: Row, alpha: float = 0.05) -> Disagreement | None:
    """What solo windows and pairs say of one layer by themselves; None where one of them says nothing."""
    on, name = row.on or "", row.name
    solo = {part for each in fit_.seen if each.kind == "solo" for part, _ in each.parts}
    own = [each for each in fit_.seen if each.kind == "pair" and each.pair == name]
    rounds = {each.round for each in own}
    if not own or not {name, on} <= solo or len(rounds) < 2:
        return None
    found = fit_all(fit_.seen, fit_.names, fit_.states.slow is not None, apart=name, logs=fit_.fitted.logs)
    alone, shift = np.zeros(len(found.beta)), np.zeros(len(found.beta))
    alone[fit_.names.index(on)], alone[fit_.names.index(name)] = 1, -1
    shift[-1] = 1  # the pairs' ln(CPU(layer) / CPU(on)) is by so much higher: their ratio is alone less shift

    def estimate(weights: Array) -> Estimate:
        error, freedom = found.error(weights)
        return Estimate(float(weights @ found.beta), error, len(rounds), len(own), freedom)

    low, high = estimate(shift).interval(alpha) or (-np.inf, np.inf)
    return Disagreement(name, estimate(alone), estimate(alone - shift), low, high)
