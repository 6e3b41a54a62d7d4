"""A sweep: its sentence, the lines of its layers, and the figures."""

from bench.report.charts.sweep import pictures
from bench.report.document import Table
from bench.report.page.html import commands, folded, paragraphs, table, text
from bench.report.page.part import Part, of_pictures
from bench.report.source import Swept
from bench.report.sweep import rate_sentence, sentence, sweep_document
from bench.report.sweep_notes import notes

TITLE = "What layers do with more connections, and at fixed rates"
FOOT = "Made by asgi-anatomy. How it is measured: the project's docs/SWEEP.md."


def parts(swept: Swept) -> list[Part]:
    """All parts of the page, in order."""
    record = swept.record
    said = rate_sentence(record) if record.rates else sentence(record)
    head = f'<p class="eyebrow">sweep</p><p class="headline">{text(said)}</p>'
    found = [Part("answer", "The answer", body=head, hero=True)]
    found += [of_pictures(each.name, each.title, each) for each in pictures(record)]
    document = sweep_document(record)
    tables = [each for each in document.parts if isinstance(each, Table)]
    body = "".join(folded("The figures" if not place else "Memory after many requests", table(each, each.keys[0]))
                   for place, each in enumerate(tables))  # fmt: skip
    found.append(Part("figures", "The figures", body=body + paragraphs(notes(record, wide=True), "note")))
    again = [f"make sweep RECORD={swept.path}   # the table", f"make report RECORD={swept.path}   # this page again"]
    return [*found, Part("made", "How to see it again", body=commands(again))]
