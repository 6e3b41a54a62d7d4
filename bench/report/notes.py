"""record of windows -> what must be said beside its figures, and below them of the method."""

from statistics import median

from bench.data.record import Bench, Row, Windows
from bench.data.window import Window
from bench.report.origin import origin
from bench.stats.decay import Figures, figures_of
from bench.stats.disturbance import Disturbance, disturbance
from bench.stats.estimate import decay
from bench.stats.undisturbed import Undisturbed, disagreement, undisturbed
from bench.stats.verdict import FLOOR
from bench.stats.windows import BUSY, full_windows, solo_windows

TOLD = ("Python", "uvicorn", "uvloop", "httptools")
"""Of the versions in somebody's own environment, those that tell how an app is served there."""

EQUAL = {"bytes": "to the byte", "dated": "apart from Date and Server headers", "json": "as JSON"}


def row_notes(record: Windows, fit: Undisturbed | None = None) -> dict[str, list[str]]:
    """What a reader must know of each layer's row; `fit` is the record's, where it is at hand."""
    fit = fit or undisturbed(record)
    found = {row.layer: row for row in figures_of(record, fit)}
    return {row.name: _row(record, row, found[row.name], fit) for row in record.layers}


def _row(record: Windows, row: Row, found: Figures, fit: Undisturbed | None) -> list[str]:
    if row.faults:
        return row.faults[:1]
    notes = [told] if (told := terms(row)) else []
    own = [each for each in record.windows if each.layer == row.name]
    notes += _left_out(own)
    if not any(not each.fault for each in own):
        notes.append("no good window" if own else "not measured")
    elif row.on and found.decay is None:
        lacking = record.row(row.on).faults or not solo_windows(record, record.row(row.on))
        notes.append(f"no decay: {row.on} has no figure" if lacking else f"no decay: not measured beside {row.on}")
    if found.decay is not None and found.margin is None and record.machine:
        notes.append("one round only, so no interval: try a longer BUDGET")
    if found.decay is not None and record.machine and not record.paired:
        notes.append("its decay is from windows one after another, not side by side: indicative only")
    margin, target = found.margin, record.precision if isinstance(record, Bench) else None
    if target and margin and margin > target:
        notes.append(f"its decay is known to ±{margin:.2f} pp (target ±{target:g}): try a longer BUDGET")
    if fit and found.cpu_us and not fit.level(row.name):
        notes.append("no solo window in which it filled its core: its CPU µs/req is of the pairs, disturbed or not")
    if fit and (told := _disagrees(fit, row, len(record.layers) - 1)):
        notes.append(told)
    return notes


def _disagrees(fit: Undisturbed, row: Row, count: int) -> str:
    """Where solo windows and pairs contradict each other, or nothing."""
    found = disagreement(fit, row, 0.05 / max(count, 1))
    if not found or found.low <= 0 <= found.high:
        return ""
    solo, pairs = decay(found.solo.mean), decay(found.pairs.mean)
    return (
        f"solo windows say {solo:.1f}%, pairs {pairs:.1f}%, which is more than their intervals explain: its decay"
        " lies between"
    )


def _left_out(own: list[Window]) -> list[str]:
    notes = []
    if faults := [each.fault for each in own if each.fault]:
        notes.append(f"{len(faults)} of {len(own)} windows left out: {faults[0]}")
    if stopped := sum(bool(each.throttled) for each in own):
        notes.append(f"{stopped} of {len(own)} windows throttled: the container had used up its share of the CPU")
    return notes


def solo_notes(record: Windows, row: Row, found: Figures) -> list[str]:
    """What must be said of a layer's solo requests/s, wherever that is shown."""
    if row.faults:
        return []
    used = full_windows(record, row)
    cores = max((each.cores for each in used), default=1)
    percent = 100 * max((each.busy or 0 for each in used), default=0)
    share = f"{percent:.0f}% of its {f'{cores} cores' if cores > 1 else 'core'}"
    notes = [f"solo req/s is with {cores} cores, all else per CPU-second of one"] if cores > 1 else []
    if idle := len(solo_windows(record, row)) - len(used):
        left = f"{idle} of {idle + len(used)} solo windows left out"
        notes.append(f"{left}: the server had under {BUSY:.0%} of its core")
    if found.bound:
        shared = record.machine and cores >= record.machine.cores
        limit = "wrk had to share them" if shared else "the client or the machine was the limit"
        notes.append(f"solo req/s is a lower bound: the server had at most {share}, so {limit}")
    elif row.waits and used:
        notes.append(f"it waits: solo it used {share}")
    return notes


def terms(row: Row) -> str:
    """On what terms a layer was measured, where these are not everybody's, or nothing."""
    found = []
    if row.answer != "bytes" or not row.cases:
        alone = f"the request of {row.request} alone" if row.request else "the User request alone"
        equal = EQUAL[row.answer]
        size = row.answer_bytes or "a varying number of"
        found.append(f"held to {'contract.toml' if row.cases else alone}, its answer equal {equal} ({size} bytes)")
    if row.packages:
        names = TOLD if "uvicorn" in row.command else TOLD[:1]
        told = [f"{name} {row.packages[name]}" for name in names if name in row.packages]
        all_of_them = f"(the record has all {len(row.packages)} versions)"
        found.append(f"in its own environment: {', '.join(told)} {all_of_them}")
    return "; ".join(found)


def below(record: Windows, wide: bool = False) -> list[str]:
    """What stands below a table of windows: what the words mean, the method, and where it was made."""
    load = record.load
    wrk = f"wrk with {load.connections} connections and {load.threads} thread{'s' * (load.threads > 1)}"
    lines = ["req/s per core: 1,000,000 / CPU µs."]
    if any(row.on for row in record.layers):
        per = "per CPU-second" if record.paired else "per second"
        lines = [
            f"decay: % fewer requests {per} than the layer that it stands on; + µs/req: the CPU time per request that"
            f" it adds to that; {lines[0]}"
        ]
    if record.paired:
        windows = f"windows of {load.seconds} s of {wrk}"
        seen = disturbance(record)
        lines += _states(seen) if seen else []
        lines.append(
            f"Decay and CPU time are of one fit of solo windows and pairs side by side, {windows}; 95% intervals."
            if seen
            else f"Decay and CPU time are from pairs side by side on one core, {windows}; the interval is of a"
            " bootstrap over rounds and their windows. Mixture: no sensor told when the core was disturbed."
        )
    elif not any(window.server_cpu_ns for window in record.windows):
        lines.append("CPU µs/req was not measured: it is 1,000,000 / req/s, as if each server had filled its core.")
    elif not any(row.on for row in record.layers):
        lines.append(f"CPU time is from solo windows of {load.seconds} s of {wrk}.")
    if not record.paired and any(row.on for row in record.layers):
        lines.append("Decay and CPU time are from windows one after another, which do not repeat well, not from pairs.")
    if wide:
        lines += _wide(record, wrk)
    if record.quota:
        lines.append(f"The container may use the CPU time of {record.quota:g} cores.")
    if record.seconds and record.window_seconds is not None:
        outside = 100 * (1 - record.window_seconds / record.seconds)
        lines.append(f"{record.seconds:.0f} s in all, {outside:.0f}% of them outside windows.")
    return lines + origin(record)


def _states(seen: Disturbance) -> list[str]:
    """How much of the run was disturbed, and what the figures make of it."""
    if seen.slow_us is None:
        return ["0% disturbed: the servers' core had one speed throughout."]
    slower = f"{seen.slow_us / seen.fast_us:.1f} times as slow as at other times"
    lines = [
        f"{100 * seen.share:.0f}% disturbed: so long the servers' core was {slower}, by its neighbours; all figures but"
        " solo req/s and latency are for a core that is the layer's own and undisturbed."
    ]
    if seen.scarce:
        lines.append(
            "There was hardly any undisturbed window: the figures are extrapolated, which widens their intervals."
        )
    return lines


def _wide(record: Windows, wrk: str) -> list[str]:
    lines = ["share: of the lowest layer's requests per CPU-second. windows: solo + side by side."]
    if record.paired:
        lines.append(
            f"A/A noise floor: two copies of one program differ by up to {FLOOR:g}% on average; no smaller difference"
            " is claimed (docs/METHOD.md)."
        )
    if solo := [window.duration_us / 1e6 for window in record.windows if window.pair is None]:
        lines.append(
            f"Solo req/s and latency: the median of windows of {median(solo):.0f} s in which a layer had its core"
            f" alone, at saturation, under {wrk}."
        )
    return lines
