"""A part of the page: a heading, a sentence, and charts, tables or whatever its file made."""

from typing import Any

import msgspec

from bench.report.charts.picture import Missing, Picture, Spec
from bench.report.page.html import folded, paragraphs, table, text


class Part(msgspec.Struct, frozen=True):
    """One section; `body` is HTML whose text is escaped already."""

    key: str
    title: str
    sentence: str = ""
    charts: tuple[tuple[str, Spec], ...] = ()
    body: str = ""
    data: Any = None
    """What its script needs, by the section's key."""
    hero: bool = False
    """The head of the page: no heading of its own."""

    def render(self, number: int, level: int) -> str:
        """Its HTML, in the source of this number, under headings of the level above."""
        head = "" if self.hero else f"<h{level}>{text(self.title)}</h{level}>"
        said = f'<p class="sentence">{text(self.sentence)}</p>' if self.sentence else ""
        plots = "".join(
            f'<div class="chart" data-source="{number}" data-chart="{text(name)}"></div>' for name, _ in self.charts
        )
        style = "hero" if self.hero else self.key
        about = f'class="{text(style)}" data-source="{number}" data-part="{text(self.key)}"'
        return f"<section {about}>{head}{said}{plots}{self.body}</section>"


def of_pictures(key: str, title: str, *found: Picture | Missing) -> Part:
    """A section of one picture or several: each with how to read it, and its figures as a table."""
    there = [each for each in found if isinstance(each, Picture)]
    missing = [each.why for each in found if isinstance(each, Missing)]
    body = paragraphs([f"Not here: {why}." for why in missing], "missing")
    body += paragraphs([" ".join(line for each in there for line in each.more)], "note")
    for each in there:
        if each.table:
            body += folded(
                "The figures" if len(there) == 1 else f"The figures: {each.title}", table(each.table, each.title)
            )
    sentence = " ".join(each.sentence for each in there)
    return Part(key, title, sentence, tuple((each.name, each.spec) for each in there), body)
