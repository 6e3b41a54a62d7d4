"""record of windows -> what stands below its table: how it was measured, where, and what to do next.

In short, at most five lines of 80 columns; with WIDE=1, everything.
"""

import math
from collections.abc import Sequence
from statistics import median

from bench.data.record import Bench, Measured
from bench.report.origin import LINE, ending, made, origin
from bench.report.workload import driven, workload_lines
from bench.stats.decay import Figures
from bench.stats.disturbance import Disturbance, disturbance
from bench.stats.verdict import FLOOR

LONGEST = 7200
"""Seconds: no longer BUDGET is ever suggested."""


def in_short(record: Measured, found: Sequence[Figures], path: str = "") -> list[str]:
    """Five lines: what a decay is, how the run went, its machine, its record, and what to do next.

    Without a path, as on a page, not the last two; a record that was made elsewhere has no last one.
    """
    has_decays = any(row.on for row in record.layers)
    per = "CPU-second" if record.paired or not has_decays or record.machine else "second"
    meaning = f"decay: % fewer requests per {per} than the layer it stands on"
    interval = ", ± at 95%" if any(each.margin for each in found) else ""
    lines = [f"{meaning}{interval}" if has_decays else "req/s per core: 1,000,000 / CPU µs"]
    lines += [_how(record, found), f"Source: {record.source}" if record.source else "", made(record)]
    if path:
        lines += [f"Record: {path}", _next(record, found)]
    elif record.stopped:
        lines.append(ending(record))
    return [*filter(None, lines)]


def _how(record: Measured, found: Sequence[Figures]) -> str:
    """How the run went: as many clauses as fit on a line, without the rounds if need be."""
    seen = disturbance(record)
    has_decays = any(row.on for row in record.layers)
    if has_decays and not record.paired:
        state = "one after another, not in pairs: indicative only"
    elif seen:
        state = f"{100 * seen.share:.0f}% disturbed{', so extrapolated' if seen.scarce else ''}"
    else:
        state = "mixture: no sensor" if record.paired else ""
    seconds = [f"{record.seconds:.0f} s"] if record.seconds else []
    count = len({window.round for window in record.windows})
    rounds = [f"{count} round{'s' * (count != 1)}"] if record.machine and count else []
    costs = [] if any(window.server_cpu_ns for window in record.windows) else ["CPU µs from req/s"]
    last = [*filter(None, [state]), *(costs if record.windows else [])]
    margins = _margins(record, found)
    for clauses in ([*seconds, *rounds, *last], [*seconds, *last]):
        if len(line := "; ".join(filter(None, [", ".join(clauses), margins]))) <= LINE:
            break
    return line


def _margins(record: Measured, found: Sequence[Figures]) -> str:
    margins = sorted(each.margin for each in found if each.margin is not None)
    if not margins:
        return "no margins: one round only" if any(each.decay is not None for each in found) and record.machine else ""
    target = missed(record, found)
    digits = 2 if target and round(margins[-1], 1) <= target else 1
    low, high = (f"±{each:.{digits}f}" for each in (margins[0], margins[-1]))
    span = f"margin {low}" if low == high else f"margins {low} to {high}"
    return f"{span} pp{f' (target ±{target:g})' if target else ''}"


def missed(record: Measured, found: Sequence[Figures]) -> float | None:
    """The target for the margins, in percentage points, where one of them misses it."""
    target = record.precision if isinstance(record, Bench) else None
    return target if target and any(each.margin and each.margin > target for each in found) else None


def _next(record: Measured, found: Sequence[Figures]) -> str:
    """What to do next: what fits the record."""
    if record.stopped:
        return ending(record)
    if not record.machine:
        return ""
    ladder = f" LADDER={record.ladder}" if isinstance(record, Bench) and record.ladder not in ("", "default") else ""
    target = missed(record, found)
    worst = max((each.margin for each in found if each.margin), default=0.0)
    needed = math.ceil((record.seconds or 0) * (worst / target) ** 2 / 10) * 10 if target else 0
    if not worst and any(each.decay is not None for each in found):
        return "Next: a longer BUDGET, for margins; WIDE=1 for every column"
    if target and 0 < needed <= LONGEST:
        return f"Next: BUDGET={needed} for ±{target:g} pp; make report; WIDE=1 for every column"
    return f"Next: make anatomy{ladder}; make report; WIDE=1 for every column"


def in_full(record: Measured, path: str = "") -> list[str]:
    """What the words mean, the method, and where it was made."""
    load = record.load
    wrk = driven(load)
    lines = ["req/s per core: 1,000,000 / CPU µs."]
    if any(row.on for row in record.layers):
        per = "per CPU-second" if record.paired else "per second"
        lines = [
            f"decay: % fewer requests {per} than the layer it stands on; + µs/req: the CPU time per request that it"
            f" adds; {lines[0]}"
        ]
    if record.paired:
        windows = f"windows of {load.seconds} s of {wrk}"
        seen = disturbance(record)
        lines += _states(seen) if seen else []
        lines.append(
            f"Decay and CPU time come from one fit to all solo windows and pairs, in {windows}; 95% intervals."
            if seen
            else f"Decay and CPU time come from pairs side by side on one core, in {windows}; the interval is from a"
            " bootstrap over rounds and their windows. Mixture: no sensor recorded when the core was disturbed."
        )
    elif not any(window.server_cpu_ns for window in record.windows):
        lines.append("CPU µs/req was not measured: it is 1,000,000 / req/s, as if each server had filled its core.")
    elif not any(row.on for row in record.layers):
        lines.append(f"CPU time comes from solo windows of {load.seconds} s of {wrk}.")
    if not record.paired and any(row.on for row in record.layers):
        lines.append("Decay and CPU time come from windows one after another, not from pairs: they do not repeat well.")
    lines += workload_lines(record)
    lines += _columns(record, wrk)
    if record.quota:
        lines.append(f"The container may use the CPU time of {record.quota:g} cores.")
    if record.seconds and record.window_seconds is not None:
        outside = 100 * (1 - record.window_seconds / record.seconds)
        lines.append(f"{record.seconds:.0f} s in all, {outside:.0f}% of it outside windows.")
    return [*lines, *origin(record, wide=True), *([f"Record: {path}"] if path else [])]


def _states(seen: Disturbance) -> list[str]:
    """How much of the run was disturbed, and what the figures make of it."""
    if seen.slow_us is None:
        return ["0% disturbed: the servers' core had one speed throughout."]
    slower = f"{seen.slow_us / seen.fast_us:.1f} times as slow"
    lines = [
        f"{100 * seen.share:.0f}% disturbed: for that share of the time, neighbours made the servers' core {slower}."
        " All figures except solo req/s and latency are for an undisturbed core that the layer has to itself."
    ]
    if seen.scarce:
        lines.append("Hardly any window was undisturbed: the figures are extrapolated, which widens their intervals.")
    return lines


def _columns(record: Measured, wrk: str) -> list[str]:
    lines = [
        "share: requests per CPU-second, in percent of the lowest layer's. windows: solo + paired.",
        "MiB: resident memory, summed over a layer's processes, once started, and at the end after that many requests.",
    ]
    if record.paired:
        lines.append(
            f"A/A noise floor: two copies of one program differ by up to {FLOOR:g}% on average; no smaller difference"
            " is claimed (docs/METHOD.md)."
        )
    if solo := [window.duration_us / 1e6 for window in record.windows if window.pair is None]:
        lines.append(
            f"Solo req/s and latency: the median of windows of {median(solo):.0f} s in which a layer had its core to"
            f" itself, at saturation, under {wrk}."
        )
    return lines
