"""What a record says, in words made from its figures."""

from bench.data.record import Pair
from bench.report.pair import sentence
from bench.report.source import Source
from bench.report.words import micro, thousands
from bench.stats.verdict import outcome


def words(source: Source) -> tuple[str, list[str]]:
    """The headline, and what else there is to say."""
    if isinstance(source.measured, Pair):
        return _pair(source.measured), [*_ground(source)]
    rows = source.shown()
    if not rows:
        return _counted(source)
    top = max(rows, key=lambda row: row.cpu_us or 0)
    low = min((row for row in rows if row.on is None), key=lambda row: row.cpu_us or 0, default=rows[0])
    cpu, least = top.cpu_us or 0, low.cpu_us or 0
    if top is low:
        return f"A {top.layer} request costs {micro(cpu)} of CPU.", [*_ground(source)]
    headline = f"A {top.layer} request costs {micro(cpu)} of CPU, against {micro(least)} for bare {low.layer}."
    said = []
    if top.added_us and top.on and top.on != low.layer:
        said.append(
            f"{100 * top.added_us / cpu:.0f}% of it ({micro(top.added_us)}) is what {top.layer} adds to {top.on}."
        )
    five = 100 * cpu / (cpu + 5000)
    said.append(
        f"One full core serves {1e6 / cpu:,.0f} such requests per second. Next to 5 ms of CPU work of your own, all of"
        f" this is {five:.1f}% of a request."
    )
    return headline, [" ".join(said), *_ground(source)]


def _pair(record: Pair) -> str:
    said = sentence(outcome(record, record.threshold or 1.0))
    verdict, _, rest = said.partition(": ")
    return rest if verdict in ("same", "slower", "faster") else said


def _counted(source: Source) -> tuple[str, list[str]]:
    counts = [line for line in source.counts if line.instructions]
    if not counts:
        return "No layer of this record has a figure.", []
    top, low = max(counts, key=lambda line: line.instructions or 0), counts[0]
    headline = f"A {top.layer} request takes {thousands(top.instructions or 0)} instructions"
    headline += f", against {thousands(low.instructions or 0)} for {low.layer}." if top is not low else "."
    said = []
    if top.useful_share is not None:
        said.append(f"{top.useful_share:.1f}% of them are the endpoint's own work; the layers take the rest.")
    return headline, said


def _ground(source: Source) -> list[str]:
    """How far the figures can be trusted."""
    record, speeds = source.measured, source.speeds
    if not record:
        return []
    if not record.turn_ms:
        return ["Measured in windows one after another, not by turns: these figures are indicative only."]
    margins = [row.margin for row in source.figures if row.margin is not None]
    ends = [*dict.fromkeys(f"±{each:.1f}" for each in (min(margins), max(margins)))] if margins else []
    known = f" Decays are known to {' to '.join(ends)} points." if ends else ""
    length = f" in {record.seconds:.0f} s" if record.seconds else ""
    slow = ""
    if speeds:
        slow = (
            f" In {100 * speeds.slow:.0f}% of the turns, neighbours made the core up to {speeds.times:.1f} times as"
            " slow: these do not count."
        )
    return [f"By turns on one core: {len(record.rounds)} rounds{length}.{known}{slow}"]
