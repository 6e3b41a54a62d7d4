"""Two versions of packages as Markdown for a pull request: short, with what did not change folded away."""

import shlex

from bench.data.versus import Versus
from bench.report import escape
from bench.report.bisection import bisection_lines
from bench.report.document import Table
from bench.report.versus import functions_of, functions_table, layers_table, sentence
from bench.report.versus_notes import notes
from bench.stats.versus import Judged, judge_layers

MARKER = "<!-- asgi-anatomy versus: {packages} -->"
"""By this a bot finds its own comment, to update it."""
MOST = 40  # functions in <details>


def versus_markdown(record: Versus) -> str:
    """One bold line, the rows that changed, and the rest in <details>."""
    judged = judge_layers(record)
    changed = [each for each in judged if not _same(each)]
    unchanged = [each for each in judged if _same(each) and each.metrics]
    parts = [_marker(record), f"**{escape.markdown(sentence(record, judged))}**"]
    if any(each.metrics for each in changed):
        parts.append(_shown(layers_table(changed)))
    parts += [escape.markdown(line) for line in bisection_lines(record)]
    parts += [escape.markdown(f"{each.row.layer}: {fault}") for each in judged for fault in each.row.faults]
    folded = []
    if functions := functions_of(judged):
        table = _shown(functions_table(functions[1], MOST))
        folded += [f"Functions that changed, on {escape.markdown(functions[0])}, per request:", table]
    if unchanged:
        folded += [f"Not changed by {record.limit:g}% or more:", _shown(layers_table(unchanged))]
    folded += [escape.markdown(line) for line in notes(record, judged, wide=True)]
    folded.append(f"To repeat it:\n\n```sh\n{repeat(record)}\n```")
    return "\n\n".join(
        [*parts, "<details><summary>Functions, floor, and how to repeat it</summary>", *folded, "</details>"]
    )


def repeat(record: Versus) -> str:
    """The command that repeats it."""
    words = [f"{name}={shlex.quote(value)}" for name, value in record.asked.items()]
    return escape.cell(" ".join(["make versus", *words]))


def _marker(record: Versus) -> str:
    names = dict.fromkeys(name for row in record.layers for name in row.versions)
    return MARKER.format(packages=" ".join(names))


def _same(judged: Judged) -> bool:
    return judged.by_counts in ("same", None) and judged.by_time in ("same", None) and not judged.row.faults


def _shown(table: Table) -> str:
    return table.for_people("markdown")
