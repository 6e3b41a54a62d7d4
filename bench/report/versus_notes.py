"""Below the figures of two versions: what else differs, what is not sure, and where it was made, a line each."""

import math

import msgspec

from bench.data.record import Verdict
from bench.data.versus import Versus
from bench.data.workloads import USER
from bench.report.origin import origin
from bench.report.workload import named
from bench.stats.verdict import seconds_needed
from bench.stats.versus import Judged, floor_of


def notes(record: Versus, judged: list[Judged], wide: bool = False) -> list[str]:
    """What else differs, what is not sure, and where it was made, a line each."""
    return [*remarks(record, judged), *made(record, wide)]


def made(record: Versus, wide: bool = False) -> list[str]:
    """Where and with what it was made; of the packages, those that both sides have in one version, the lock's."""
    other = {name for row in record.layers for name in (*row.moved, *row.differ)}
    packages = {name: version for name, version in record.packages.items() if name not in other}
    where = f"Counted by workers on {', '.join(record.counted_on)}; times, if any, are of this machine:"
    return ([where] if record.counted_on else []) + origin(msgspec.structs.replace(record, packages=packages), wide)


def remarks(record: Versus, judged: list[Judged]) -> list[str]:
    """What else differs, and what is not sure."""
    lines = [*named(record), *(f"{each.row.layer}: {fault}" for each in judged for fault in each.row.faults)]
    lines += [
        f"{each.row.layer}: counts say {each.by_counts}, time says {each.by_time}: they disagree."
        for each in judged
        if each.disagree
    ]
    lines += differences(record)
    lines += _floor(record, judged)
    lines += _missing(judged)
    return lines + [told for each in judged if (told := _unclear(each))]


def differences(record: Versus) -> list[str]:
    """In what the sides differ beside the packages compared: dependencies, flags, answers."""
    lines = []
    for what, found in (
        ("deps differ", _shared(record, "differ")),
        ("both sides have, not as locked", _shared(record, "moved")),
        ("they answer differently", _shared(record, "answers")),
        ("flags left out in A", {row.layer: " ".join(row.a.flags) for row in record.layers if row.a.flags}),
        ("flags left out in B", {row.layer: " ".join(row.b.flags) for row in record.layers if row.b.flags}),
    ):
        if found:
            lines.append(f"{what}: {', '.join(f'{name} {value}' for name, value in found.items())}.")
    asked = [one.exact for row in record.layers for one in (row.a, row.b) if one.exact is not None]
    if asked:
        every = "to the byte" if all(asked) else "as JSON, not to the byte"
        expected = "Both sides give the answers that the workload expects."
        lines.append(f"Both sides answer the User request {every}." if record.workload == USER else expected)
    return lines


def _shared(record: Versus, key: str) -> dict[str, str]:
    """What is said of several layers, once."""
    found: dict[str, str] = {}
    for row in record.layers:
        for name, value in getattr(row, key).items():
            said = value if isinstance(value, str) else f"{value[0] or 'none'} -> {value[1] or 'none'}"
            if found.setdefault(name, said) != said:
                found[f"{name} ({row.layer})"] = said
    return found


def _floor(record: Versus, judged: list[Judged]) -> list[str]:
    floor = floor_of(record)
    lines = []
    if floor:
        said = ", ".join(f"{value:.2f}% of {name}" for name, value in floor.items())
        lines.append(f"Floor: A against A on {record.floor_layer} differs by {said}. Below {record.limit:g}%: same.")
    if times := [each.time for each in judged if each.time]:
        alpha = min(each.alpha for each in times)
        lines.append(
            f"By time: turns on one core, intervals at {100 * (1 - alpha):.4g}%; below {record.threshold:g}%: same."
        )
    return lines


def _missing(judged: list[Judged]) -> list[str]:
    """What could not be counted, and of what."""
    found: dict[str, list[str]] = {}
    for each in judged:
        for side, served in (("A", each.row.a), ("B", each.row.b)):
            for note in served.counts.notes if served.counts else []:
                found.setdefault(note, []).append(f"{each.row.layer} in {side}")
    everything = sum(2 for each in judged if each.row.a.counts)
    return [f"{note}{'' if len(of) == everything else f' ({", ".join(of)})'}" for note, of in found.items()]


def _unclear(judged: Judged) -> str:
    """How long a pair that is unclear would need."""
    time = judged.time
    unclear: Verdict = "unclear"
    if not time or time.verdict != unclear:
        return ""
    if not time.found or time.found.error is None:
        return (
            f"{judged.row.layer}: too few rounds in {time.seconds:.0f} s to say anything by time: try a longer BUDGET."
        )
    needed = seconds_needed(time.found, time.alpha, time.threshold, time.seconds)
    if not math.isfinite(needed) or needed > 86400:
        return f"{judged.row.layer}: unclear by time, and no practical budget would be enough."
    return f"{judged.row.layer}: unclear by time after {time.seconds:.0f} s: it needs about {needed:.0f} s."
