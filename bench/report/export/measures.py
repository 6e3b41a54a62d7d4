"""Records -> one value per layer and measure, for the formats that know no distribution."""

from collections.abc import Iterable

import msgspec

from bench.data.errors import BadInput
from bench.data.record import Anatomy, Kind, Measured
from bench.report.origin import briefly
from bench.stats.counts import total
from bench.stats.decay import figures


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """What one layer needs for one request."""

    layer: str
    what: str
    """`cpu` (microseconds) or `instructions`."""
    value: float
    low: float | None = None
    """With `high`: the 95% interval of `cpu`; the lowest and highest repeat of `instructions`."""
    high: float | None = None
    origin: str = ""
    """Where and with what it was measured, in one line."""


def measures(records: Iterable[Kind]) -> list[Measure]:
    """CPU time from records of times, instructions from anatomies; raises BadInput for two of the same name."""
    found: dict[tuple[str, str], Measure] = {}
    for record in records:
        own = _cpu(record) if isinstance(record, Measured) else _instructions(record)
        for each in own:
            if (each.layer, each.what) in found:
                raise BadInput(f"{each.layer}/{each.what} is in two of these records: name one of them with RECORD=")
            found[each.layer, each.what] = each
    return [*found.values()]


def _cpu(record: Measured) -> list[Measure]:
    return [
        Measure(
            layer=row.layer, what="cpu", value=row.cpu_us, low=row.cpu_low, high=row.cpu_high, origin=briefly(record)
        )
        for row in figures(record)
        if row.cpu_us
    ]


def _instructions(record: Kind) -> list[Measure]:
    found = []
    for counts in record.anatomy if isinstance(record, Anatomy) else ():
        if (value := total(counts)) is not None:
            repeats = [sum(each.values()) for each in counts.instructions]
            found.append(
                Measure(
                    layer=counts.layer,
                    what="instructions",
                    value=value,
                    low=min(repeats),
                    high=max(repeats),
                    origin=briefly(record),
                )
            )
    return found
