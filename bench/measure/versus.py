"""Layers in two versions -> a pair in time for each, into a record."""

import time
from collections.abc import Mapping

import msgspec

from bench.data.errors import ServerFault
from bench.data.layers import Layer
from bench.data.plan import Plan, Watch, two
from bench.data.record import Pair
from bench.data.versus import Versus
from bench.measure.pair import measure_pair


def time_both(served: Mapping[str, tuple[Layer, Layer]], record: Versus, plan: Plan, watch: Watch) -> None:
    """Measure both sides of each layer by turns; those left share the time left. A fault goes into the row."""
    begin = time.monotonic()
    rows = [row for row in record.layers if row.layer in served and not row.faults]
    for place, row in enumerate(rows):
        share = (plan.budget - (time.monotonic() - begin)) / (len(rows) - place)
        selection = two(*served[row.layer], plan.selection.contract)
        own = msgspec.structs.replace(plan, selection=selection, budget=max(share, 1.0))
        row.pair = Pair(
            load=own.load,
            budget=own.budget,
            threshold=own.threshold,
            cores=own.lane,
            contract=record.contract,
            workload=record.workload,
            layers=selection.rows(),
        )
        try:
            measure_pair(own, row.pair, watch)
        except ServerFault as fault:
            row.faults.append(f"{fault.layer} {fault.what}")
