"""Records of several machines -> each layer's decay on each of them, and how far machines differ. Pure.

Records of one machine are pooled: means weighted by 1 / error^2, with an error that grows by the Birge ratio where they
differ by more than their errors say (Birge, Physical Review 40, 1932). Whether machines differ is Cochran's Q against
chi squared at 5% (Biometrics 10, 1954).
"""

import math
from collections.abc import Mapping, Sequence

import msgspec

from bench.data.machine import Machine, Python, identity
from bench.data.record import Anatomy, Measured, Row
from bench.stats.counts import lines
from bench.stats.decay import ratios
from bench.stats.estimate import Estimate, decay


class Site(msgspec.Struct, frozen=True):
    """One machine: CPU, cores, kernel and Python build, with all records that were made there."""

    label: str
    machine: Machine
    python: Python
    records: list[Measured]


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A layer on one machine, in percent."""

    layer: str
    on: str
    site: Site
    decay: float
    decay_low: float | None
    decay_high: float | None
    instructions: float | None
    """The decay by instructions, from the newest anatomy of the same Python and packages."""


class Spread(msgspec.Struct, frozen=True):
    """How far machines differ in a layer's decay."""

    points: float
    """Highest less lowest, in percentage points."""
    beyond: bool | None
    """Whether that is more than their intervals explain; None: it is not known."""


def sites(records: Mapping[str, Measured]) -> list[Site]:
    """The machines behind records, which come by label; a record that does not say where it was made is left out."""
    found: dict[object, list[tuple[str, Measured]]] = {}
    for label, record in records.items():
        if record.machine and record.python:
            found.setdefault(identity(record.machine, record.python), []).append((label, record))
    return [_site(each) for each in found.values()]


def _site(labelled: list[tuple[str, Measured]]) -> Site:
    records = [record for _, record in labelled]
    first = records[0]
    assert first.machine
    assert first.python
    label = min((each for each, _ in labelled), key=len)
    return Site(label, first.machine, first.python, records)


def cells(found: Sequence[Site], anatomies: Sequence[Anatomy]) -> list[Cell]:
    """Every layer on every machine, layers in their records' order; `anatomies` the newest first."""
    by_layer: dict[tuple[str, str], list[Cell]] = {}
    for site in found:
        for (name, on), estimates in _estimates(site).items():
            both = pool(estimates)
            interval = both.interval()
            by_layer.setdefault((name, on), []).append(
                Cell(
                    layer=name,
                    on=on,
                    site=site,
                    decay=decay(both.mean),
                    decay_low=decay(interval[1]) if interval else None,
                    decay_high=decay(interval[0]) if interval else None,
                    instructions=_instructions(site, name, on, anatomies),
                )
            )
    return [cell for row in by_layer.values() for cell in row]


def _estimates(site: Site) -> dict[tuple[str, str], list[Estimate]]:
    found: dict[tuple[str, str], list[Estimate]] = {}
    for record in site.records:
        for name, step in ratios(record).items():
            found.setdefault((name, record.row(name).on or ""), []).append(step)
    return found


def pool(found: Sequence[Estimate]) -> Estimate:
    """Several estimates of one log-ratio as one."""
    sure = [(each, each.error) for each in found if each.error]
    if len(sure) < 2:
        return sure[0][0] if sure else found[0]
    weights = [error**-2 for _, error in sure]
    mean = sum(weight * each.mean for weight, (each, _) in zip(weights, sure, strict=True)) / sum(weights)
    off = sum(weight * (each.mean - mean) ** 2 for weight, (each, _) in zip(weights, sure, strict=True))
    birge = max(1.0, math.sqrt(off / (len(sure) - 1)))
    freedom = sum(each.degrees for each, _ in sure) if birge == 1 else len(sure) - 1
    return Estimate(mean, birge / math.sqrt(sum(weights)), sum(each.rounds for each, _ in sure), freedom)


def spread(row: Sequence[Cell]) -> Spread | None:
    """How far the machines of one layer's cells differ; None for one machine."""
    if len(row) < 2:
        return None
    decays = [each.decay for each in row]
    points = max(decays) - min(decays)
    margins = [
        (each.decay_high - each.decay_low) / 2
        for each in row
        if each.decay_high is not None and each.decay_low is not None
    ]
    if len(margins) < len(row) or not all(margins):
        return Spread(points, None)
    from scipy import special  # as in stats/estimate.py

    weights = [(1.96 / margin) ** 2 for margin in margins]
    mean = sum(weight * each for weight, each in zip(weights, decays, strict=True)) / sum(weights)
    off = sum(weight * (each - mean) ** 2 for weight, each in zip(weights, decays, strict=True))
    return Spread(points, bool(special.chdtrc(len(row) - 1, off) < 0.05))


def _instructions(site: Site, name: str, on: str, anatomies: Sequence[Anatomy]) -> float | None:
    """The decay by instructions of a layer, from the newest anatomy of the same Python and packages."""
    of = {_made_of(record) for record in site.records}
    for anatomy in anatomies:
        if _made_of(anatomy) in of and {name, on} <= {row.name for row in anatomy.layers}:
            for line in lines(anatomy):
                if line.layer == name and line.on == on and line.decay is not None:
                    return line.decay
    return None


def _made_of(record: Measured | Anatomy) -> object:
    """Python's build and the packages: instructions depend on these, and hardly on the machine."""
    python = record.python and msgspec.structs.astuple(record.python)
    return python, record.contract, tuple(sorted(record.packages.items()))


def differing_commands(found: Sequence[Site]) -> dict[str, list[str]]:
    """Layers that were not started by the same command everywhere: the labels of the machines, commonest first."""
    rows: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for site in found:
        for record in site.records:
            for row in record.layers:
                labels = rows.setdefault(row.name, {}).setdefault(_command(row), [])
                labels += [] if site.label in labels else [site.label]
    return {
        name: sorted({label for labels in sorted(ways.values(), key=len)[:-1] for label in labels})
        for name, ways in rows.items()
        if len(ways) > 1
    }


def _command(row: Row) -> tuple[str, ...]:
    """A command without the interpreter's place."""
    return tuple("python" if "python" in word.rpartition("/")[2] else word for word in row.command)
