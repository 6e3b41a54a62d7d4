"""A record -> values -> a Vega-Lite specification by Altair: one file a picture, named after it.

Needs the group `report`; the rest of report/ does not. A new picture is a new file, and a line in PICTURES.
"""

from collections.abc import Callable

from bench.report.charts import bytecodes, cost, decays, instructions, latency, wakeups
from bench.report.charts.picture import Missing, Picture
from bench.report.source import Source

PICTURES: tuple[Callable[[Source], Picture | Missing], ...] = (
    cost.picture,
    wakeups.picture,
    decays.picture,
    instructions.picture,
    bytecodes.picture,
    latency.picture,
)
"""Those that `make charts` draws."""
