"""Versions in order, each as a served layer -> their counts, as few as needed to find every step."""

import math
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from bench.anatomy.jobs import SECONDS, Job, Part, take
from bench.data.contract import Contract
from bench.data.errors import Fault
from bench.data.layers import Layer
from bench.data.plan import Watch
from bench.data.versus import Bisection
from bench.stats.bisection import narrow
from bench.stats.counts import total

PARTS: tuple[Part, ...] = ("instructions", "calls and bytecodes")


def seconds(points: int, width: int) -> float:
    """About how long it takes where there is one step, in seconds."""
    return (2 + math.log2(max(points, 2))) * sum(SECONDS[part] for part in PARTS) / min(width, 2)


def bisect(
    found: Bisection,
    serve: Callable[[int, str], Layer],
    contract: Contract,
    limit: float,
    watch: Watch,
    executor: Executor,
    width: int,
) -> None:
    """Count what is needed of these points into them; `serve` installs one, and raises Fault where that fails."""
    points = found.points
    done = 0.0
    parts = PARTS if shutil.which("valgrind") else PARTS[1:]
    found.metric = "instructions" if parts == PARTS else "bytecodes"

    def count(places: Sequence[int]) -> None:
        nonlocal done
        jobs = []
        for place in places:
            watch.tell(f"install {points[place].name} {points[place].subject}".strip(), done)
            try:
                layer = serve(place, name_of(place))
            except Fault as fault:
                points[place].fault = fault.message
                continue
            jobs += [Job(layer, contract, part) for part in parts]
        of = {job.layer.name: place for place in places for job in jobs if job.layer.name == name_of(place)}
        for job, result in take(jobs, executor):
            point = points[of[job.layer.name]]
            counts = result.counts
            if job.part == "instructions":
                point.count = total(counts)
            else:
                point.bytecodes = sum(counts.bytecodes.values()) if counts.bytecodes else None
                point.count = point.bytecodes if found.metric == "bytecodes" else point.count
            if result.failed:
                point.fault = f"no {job.part}: {result.failed}"
            done += SECONDS[job.part] / width
            watch.tell(f"counted {job.part} of {point.name}", done)
            watch.keep()
        for place in places:
            if points[place].fault:
                points[place].count = None

    narrow(points, limit, count)


def name_of(place: int) -> str:
    """What the layer of a point is called."""
    return f"point-{place}"
