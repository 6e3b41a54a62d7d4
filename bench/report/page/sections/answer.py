"""The answer in words, made from the figures: the head of the page."""

from bench.data.record import Pair
from bench.data.workloads import USER
from bench.report.answer import words
from bench.report.page.html import paragraphs, text
from bench.report.page.part import Part
from bench.report.source import Source


def part(source: Source) -> Part:
    """Headline and two or three sentences."""
    headline, said = words(source)
    kind = (
        "a pair" if isinstance(source.measured, Pair) else f"ladder {source.ladder}" if source.ladder else source.label
    )
    kind += f", workload {source.record.workload}" if source.record.workload != USER else ""
    body = f'<p class="eyebrow">{text(kind)}</p><p class="headline">{text(headline)}</p>{paragraphs(said, "lead")}'
    return Part("answer", "The answer", body=body, hero=True)
